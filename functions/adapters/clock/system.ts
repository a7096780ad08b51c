import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";

export const systemClock: Clock = {
  now: () => Date.now() as UnixMs, // safe because: that is what the platform's clock gives
};
