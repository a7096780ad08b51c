import type { CallbackReason } from "../../../shared/contracts/callback.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import { type Egress, EgressRefused } from "../../../shared/contracts/ports/egress.ts";
import { contentDigest, type MessageSigner } from "../../../shared/crypto/message-signature.ts";
import { retryAfterMs } from "./retry-wait.ts";

/** What a signature of ours is for (RFC 9421 §2.3, `tag`). */
export const CALLBACK_TAG = "bailiwick-callback";

export interface CallbackMessage {
  url: string;
  body: Uint8Array;
  /** The same for every try of the same callback. */
  delivery: string;
  /** From 1. */
  attempt: number;
  traceparent: string;
}

/** How one try ended. `status` is what was answered last, null when nothing was. */
export type Delivery =
  | { outcome: "delivered"; status: number }
  | { outcome: "gone"; status: number }
  | { outcome: "failed"; status: number | null; reason: CallbackReason; retry_after_ms: number | null };

export interface DeliveryParts {
  egress: Pick<Egress, "tenantPost">;
  signer: MessageSigner;
  clock: Clock;
}

/** Redirects that keep a POST a POST (RFC 9110 §15.4). */
const KEEPS_METHOD = new Set([307, 308]);

/**
 * One try: a signed POST, over at most `callbackRedirectsMax` redirects, each of which is judged as the first address was
 * and gets a signature of its own. Never rejects for what a receiver does.
 */
export async function deliver(parts: DeliveryParts, message: CallbackMessage): Promise<Delivery> {
  let target: URL;
  let status: number | null = null;
  const failed = (reason: CallbackReason, wait: number | null = null): Delivery => ({
    ...{ outcome: "failed", status, reason, retry_after_ms: wait },
  });
  try {
    target = new URL(message.url);
  } catch {
    return failed("address_refused");
  }
  for (let hop = 0; hop <= LIMITS.callbackRedirectsMax; hop++) {
    let answer: Awaited<ReturnType<Egress["tenantPost"]>>;
    try {
      answer = await post(parts, message, target);
    } catch (cause) {
      return failed(reasonOf(cause));
    }
    ({ status } = answer);
    if (status >= 200 && status < 300) return { outcome: "delivered", status };
    if (status === 410) return { outcome: "gone", status };
    if (status < 300 || status >= 400)
      return failed("status", retryAfterMs(answer.headers.get("retry-after"), parts.clock.now()));
    const next = KEEPS_METHOD.has(status) ? resolved(answer.headers.get("location"), target) : null;
    if (next === null) return failed("redirect");
    target = next;
  }
  return failed("redirect");
}

function post({ egress, signer, clock }: DeliveryParts, message: CallbackMessage, url: URL) {
  const signed = {
    "content-type": "application/cloudevents+json",
    "content-digest": contentDigest(message.body),
    "x-bailiwick-delivery": message.delivery,
    "x-bailiwick-attempt": String(message.attempt),
  };
  const createdMs = clock.now();
  const times = { createdMs, expiresMs: createdMs + LIMITS.callbackSignatureMs };
  const signature = signer.sign({ method: "POST", url, headers: signed }, times);
  const headers = { ...signed, ...signature, traceparent: message.traceparent };
  const bounds = { bytes_max: LIMITS.callbackAnswerBytesMax, timeout_ms: LIMITS.callbackCallMsMax };
  return egress.tenantPost(url.href, { body: message.body, headers }, bounds);
}

function resolved(location: string | null, from: URL): URL | null {
  return location !== null && URL.canParse(location, from) ? new URL(location, from) : null;
}

/** A refusal may come wrapped, from the look-up of a name. */
function reasonOf(thrown: unknown): CallbackReason {
  for (let cause = thrown; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof EgressRefused) return "address_refused";
    if (cause.name === "TimeoutError") return "timeout";
  }
  return "unreachable";
}
