import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Call, Deps } from "../../context.ts";
import { refuseFor } from "./refuse.ts";
import { storedUnder } from "./replayed.ts";

/** Stored content as the present decision lets this caller see it. Throws the denial, ledgered, when that cannot be done. */
export async function deliverStored(
  deps: Pick<Deps, "tenants" | "telemetry">,
  call: Call,
  value: JsonObject,
): Promise<JsonObject> {
  const made = storedUnder(call.decided.decision.obligations, value);
  if (!made.ok) throw await refuseFor(deps, call, made.error.id, made.error.cause);
  return made.value;
}
