import type { ProviderConfig } from "../../shared/contracts/config/snapshot.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";
import type { Egress } from "../../shared/contracts/ports/egress.ts";

/** What every engine that speaks HTTP is made from. */
export interface EngineOptions {
  provider: ProviderConfig;
  egress: Pick<Egress, "exchange">;
  /** The cell's own key of this provider; a call's own `secret` goes before it. */
  secret: string | null;
  clock: Clock;
}
