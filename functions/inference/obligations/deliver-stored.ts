import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Call, Deps } from "../../context.ts";
import { keepDecided } from "../../v1/ask-policy.ts";
import { ofKind } from "./duties.ts";
import { refuseFor } from "./refuse.ts";
import { storedUnder } from "./replayed.ts";

/**
 * Stored content as the present decision lets this caller see it, and what that took is kept with the decision. Throws the
 * denial, ledgered, when it cannot be done.
 */
export async function deliverStored(
  deps: Pick<Deps, "tenants" | "telemetry">,
  call: Call,
  value: JsonObject,
): Promise<JsonObject> {
  const { obligations } = call.decided.decision;
  const made = storedUnder(obligations, value, call.outcomes);
  if (!made.ok) throw await refuseFor(deps, call, made.error.id, made.error.cause);
  // The seam has kept what it carried out itself, before anything was read.
  if (ofKind(obligations, "redact_output").length > 0) await keepDecided(deps, call);
  return made.value;
}
