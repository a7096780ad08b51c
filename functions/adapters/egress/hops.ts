import { LIMITS } from "../../../shared/contracts/limits.ts";
import { EgressRefused } from "../../../shared/contracts/ports/egress.ts";
import { checkedTarget, type TargetRules } from "./target.ts";

export interface GetOptions {
  bytes_max: number;
  timeout_ms: number;
  accept: string;
  if_none_match?: string;
  signal?: AbortSignal;
}
export interface GetAnswer {
  status: number;
  headers: Headers;
  body: Uint8Array;
}
/** One request without following anything. `headers` are all that is sent besides what HTTP itself needs. */
export type SendOnce = (
  url: URL,
  headers: Readonly<Record<string, string>>,
  bytesMax: number,
  signal: AbortSignal,
  /** Of a POST; without one it is a GET. */
  sent?: Uint8Array,
) => Promise<GetAnswer>;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * A GET that checks every hop as it checked the first. No cookie or credential is ever sent, so none crosses origins.
 * Bounded in hops, bytes and total time. Rejects with `EgressRefused`, the signal's reason or a network error.
 */
export async function getThroughHops(
  first: string,
  options: GetOptions,
  rules: TargetRules,
  once: SendOnce,
): Promise<GetAnswer> {
  const timeout = AbortSignal.timeout(options.timeout_ms);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  const headers = {
    accept: options.accept,
    "accept-encoding": "identity",
    "user-agent": "bailiwick",
    ...(options.if_none_match === undefined ? {} : { "if-none-match": options.if_none_match }),
  };
  let url = checkedTarget(first, null, rules);
  for (let hop = 0; ; hop++) {
    signal.throwIfAborted();
    const answer = await once(url, headers, options.bytes_max, signal);
    const location = REDIRECTS.has(answer.status) ? answer.headers.get("location") : null;
    if (location === null) return answer;
    if (hop === LIMITS.egressRedirectsMax) throw new EgressRefused("too many redirects");
    url = checkedTarget(location, url, rules);
  }
}

/** A POST to a checked target; what it answers is handed back, redirects too. No credential of the cell is sent. */
export async function postOnce(
  url: string,
  message: { body: Uint8Array; headers: Readonly<Record<string, string>> },
  options: { bytes_max: number; timeout_ms: number },
  rules: TargetRules,
  once: SendOnce,
): Promise<GetAnswer> {
  const headers = { ...message.headers, "accept-encoding": "identity", "user-agent": "bailiwick" };
  const signal = AbortSignal.timeout(options.timeout_ms);
  return once(checkedTarget(url, null, rules), headers, options.bytes_max, signal, message.body);
}
