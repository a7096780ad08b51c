import type { DecisionLogEntry } from "../../../shared/contracts/http/decisions.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import { POLICY_ENTRYPOINT } from "../../../shared/contracts/policy/document.ts";
import type { DecisionRecord } from "../../../shared/contracts/policy/record.ts";

/** Erased from every entry: who holds which credential is for the ledger, not for log collectors. */
export const MASKED: readonly string[] = ["/input/actor/credential", "/input/actor/kid"];

/** One decision as OPA's decision log has it, with the members that `pointers` name taken out and listed. */
export function logEntry(
  record: DecisionRecord,
  cell: { id: string; release: string },
  pointers: readonly string[],
): DecisionLogEntry {
  const event = {
    // safe because: a record was JSON, and this is the entry's own copy
    input: structuredClone(record.input) as unknown as JsonValue,
    result: structuredClone(record.outcome) as unknown as JsonValue,
  };
  const erased = [...new Set(pointers)].filter((pointer) => erase(event, pointer));
  return {
    labels: { id: cell.id, version: cell.release },
    decision_id: record.id,
    bundles: Object.fromEntries(record.layers.map(({ layer, revision }) => [layer, { revision: String(revision) }])),
    path: POLICY_ENTRYPOINT,
    input: event.input,
    result: event.result,
    timestamp: nanoTime(record.now_ns),
    ...(erased.length > 0 ? { erased } : {}),
  };
}

/** Takes out what a JSON pointer (RFC 6901) names; false when there is nothing of that name. */
function erase(event: JsonObject, pointer: string): boolean {
  const names = pointer
    .split("/")
    .slice(1)
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = names.pop();
  let at: JsonValue | undefined = event;
  for (const name of names) at = memberOf(at, name);
  if (last === undefined || memberOf(at, last) === undefined) return false;
  // Taking an element out of an array would move the others to its name.
  if (Array.isArray(at)) at[Number(last)] = null;
  else if (isJsonObject(at)) delete at[last];
  return true;
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  if (Array.isArray(value)) return /^(?:0|[1-9]\d{0,8})$/.test(name) ? value[Number(name)] : undefined;
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** RFC 3339 of nanoseconds since the epoch, all nine digits. */
function nanoTime(ns: string): string {
  const all = BigInt(ns);
  const ms = Number(all / 1_000_000n);
  const rest = String(all % 1_000_000n).padStart(6, "0");
  return new Date(ms).toISOString().replace("Z", `${rest}Z`);
}
