import type { UnixMs } from "../../shared/contracts/ids.ts";
import { FORWARDING_HEADER, type ForwardingKey, verifyForwarding } from "../../shared/crypto/forwarding.ts";
import type { Deps, Forwarded, Incoming, Runtime } from "../context.ts";
import { ProblemError } from "../problem.ts";
import { credentialHeaders } from "./authenticate/offered-credential.ts";
import { readCredential } from "./authenticate/read-credential.ts";
import { type CallHeaders, ReadHeaders } from "./call-headers.ts";
import { SeenNonces } from "./locate/seen-nonces.ts";

/** What others claim about where a call comes from (RFC 7239 and its forerunners). */
const CLAIMED = /^(?:x-forwarded-|forwarded$|x-real-ip$|x-bailiwick-forwarded$)/;

function unclaimed(headers: CallHeaders): CallHeaders {
  for (const [name] of headers)
    if (CLAIMED.test(name)) return new ReadHeaders([...headers].filter(([given]) => !CLAIMED.test(given)));
  return headers;
}

/** Everything of the runtime but the address, whose getters stay unread. */
const seenFrom = (runtime: Runtime, source: string | null): Runtime =>
  Object.create(runtime, { source: { value: source, enumerable: true } });

/**
 * Takes out every header that claims where a call comes from, and believes one alone: that of a global entry, signed for
 * exactly this call, of this minute, and not seen before. One that does not hold is refused, because it is either forged
 * or a fault that should be found. Throws `forwarding-refused` (403).
 */
export const pinRegion = (deps: Pick<Deps, "cell" | "clock" | "forwardingKeys">) => {
  const seen = new SeenNonces();
  return (incoming: Incoming, request: Request): Incoming => {
    const text = incoming.headers.get(FORWARDING_HEADER);
    const forwarded =
      text === null || deps.forwardingKeys.length === 0
        ? null
        : verified(text, deps.forwardingKeys, deps.cell.id, request, deps.clock.now(), seen);
    const headers = unclaimed(incoming.headers);
    if (forwarded !== null) return arrived(incoming, headers, forwarded);
    return headers === incoming.headers ? incoming : { ...incoming, headers };
  };
};

const arrived = (incoming: Incoming, headers: CallHeaders, forwarded: Forwarded): Incoming => ({
  ...incoming,
  headers,
  forwarded,
  runtime: seenFrom(incoming.runtime, forwarded.client),
});

function verified(
  text: string,
  keys: readonly ForwardingKey[],
  cell: string,
  request: Request,
  nowMs: UnixMs,
  seen: SeenNonces,
): Forwarded {
  const refuse = (why: string) =>
    new ProblemError("forwarding-refused", { detail: "What forwarded this call did not sign it.", members: { why } });
  const credential = readCredential(credentialHeaders(request.headers));
  if (!credential.ok) throw refuse("mismatch");
  const { pathname, search } = new URL(request.url);
  const call = {
    cell,
    method: request.method,
    target: pathname + search,
    credential: credential.value.text,
    traceparent: request.headers.get("traceparent"),
  };
  const read = verifyForwarding(text, keys, call, nowMs);
  if (!read.ok) throw refuse(read.error.reason);
  const { nonce, expires_ms, client, host } = read.value;
  switch (seen.take(nonce, expires_ms, nowMs)) {
    case "seen":
      throw refuse("replayed");
    case "full":
      throw new ProblemError("overloaded", { detail: "Too many forwarded calls.", retryAfterMs: 1_000 });
    case "fresh":
      return { client, host };
  }
}
