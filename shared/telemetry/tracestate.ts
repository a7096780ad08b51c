import { LIMITS } from "../contracts/limits.ts";
import { parseTraceparent } from "./trace-context.ts";

/** W3C Trace Context level 2 §3.3.2: `key=value`, printable ASCII without `,` and `=` in the value, no space at its end. */
const MEMBER = /^([a-z0-9][a-z0-9_\-*/@]{0,255})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * What other tracers keep in a trace, to be sent on beside `traceparent`; null when there is none. Without a well-formed
 * `traceparent` it belongs to no trace; one that is malformed, names a key twice or passes the bounds is dropped whole.
 */
export function parseTracestate(headers: Pick<Headers, "get">): string | null {
  const text = headers.get("tracestate");
  if (text === null || text.length > LIMITS.tracestateCharsMax) return null;
  if (parseTraceparent(headers.get("traceparent")) === null) return null;
  const members = text
    .split(",")
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((member) => member !== "");
  const keys = members.map((member) => MEMBER.exec(member)?.[1]);
  if (keys.length === 0 || keys.length > LIMITS.tracestateMembersMax || keys.includes(undefined)) return null;
  return new Set(keys).size === keys.length ? members.join(",") : null;
}
