import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import {
  FORWARDING_HEADER,
  type ForwardingKey,
  forwardingKey,
  signForwarding,
} from "../../shared/crypto/forwarding.ts";
import type { Deps, Incoming, Runtime } from "../context.ts";
import { ProblemError } from "../problem.ts";
import { pinRegion } from "./pin-region.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const keyOf = (byte: number): ForwardingKey => {
  const key = forwardingKey(encodeBase64url(new Uint8Array(32).fill(byte)));
  if (key === null) throw new Error("no key");
  return key;
};
const [KEY, OTHER] = [keyOf(1), keyOf(2)];
const CREDENTIAL = "bw_eu1_example";
const call = { cell: "eu1", method: "POST", target: "/v1/chat?a=b", credential: CREDENTIAL, traceparent: null };
let count = 0;
const proof = (change: Partial<typeof call> = {}, key = KEY, nowMs = NOW) =>
  signForwarding({ ...call, ...change }, { client: "203.0.113.5", host: "api.example.com" }, key, {
    nonce: String(++count).padStart(22, "0"),
    nowMs,
  });

/** Answers what the operation would see of the call, or why it was refused. */
function cell(keys: readonly ForwardingKey[]) {
  const deps = { cell: { id: "eu1" }, clock: { now: () => NOW as UnixMs }, forwardingKeys: keys };
  const pin = pinRegion(deps as Pick<Deps, "cell" | "clock" | "forwardingKeys">); // safe because: it reads these members
  return (headers: Record<string, string>, target = "/v1/chat?a=b"): { text: string; seen: Incoming | null } => {
    const request = new Request(`http://127.0.0.1${target}`, {
      ...{ method: "POST", headers: { authorization: `Bearer ${CREDENTIAL}`, ...headers } },
    });
    const runtime: Runtime = { source: "192.0.2.1", disconnected: new AbortController().signal, defer: () => {} };
    const incoming = { runtime, headers: request.headers } as unknown as Incoming; // safe because: no other member is read
    try {
      return { text: "ok", seen: pin(incoming, request) };
    } catch (thrown) {
      if (!(thrown instanceof ProblemError)) throw thrown;
      return { text: `${thrown.slug} ${String(thrown.extensions.members?.why ?? "")}`.trim(), seen: null };
    }
  };
}

describe("where a call says that it comes from", () => {
  it("is dropped unless it is signed, so that nobody takes another address's place", () => {
    const claims = { "x-forwarded-for": "203.0.113.9", "x-forwarded-host": "x", forwarded: "for=1", "x-real-ip": "1" };
    for (const keys of [[], [KEY]]) {
      const { seen } = cell(keys)({ ...claims, accept: "text/plain" });
      expect([...(seen?.headers ?? [])].map(([name]) => name).sort()).toEqual(["accept", "authorization"]);
      expect([seen?.runtime.source, seen?.forwarded]).toEqual(["192.0.2.1", undefined]);
    }
  });

  it("is believed when an entry signed it for this very call", () => {
    const { text, seen } = cell([OTHER, KEY])({ [FORWARDING_HEADER]: proof(), "x-forwarded-for": "203.0.113.9" });
    expect(text).toBe("ok");
    expect(seen?.forwarded).toEqual({ client: "203.0.113.5", host: "api.example.com" });
    expect(seen?.runtime.source).toBe("203.0.113.5");
    expect([...(seen?.headers ?? [])].map(([name]) => name)).toEqual(["authorization"]);
    expect(seen?.runtime.disconnected).toBeInstanceOf(AbortSignal);
  });

  it("is refused when it is of another call, cell, key or time, or comes a second time", () => {
    const ask = cell([KEY]);
    const why = (header: string, target?: string) => ask({ [FORWARDING_HEADER]: header }, target).text;
    expect(why(proof(), "/v1/chat?a=c")).toBe("forwarding-refused mismatch");
    expect(why(proof({ cell: "us1" }))).toBe("forwarding-refused mismatch");
    expect(why(proof({ credential: "bw_eu1_another" }))).toBe("forwarding-refused mismatch");
    expect(why(proof({}, OTHER))).toBe("forwarding-refused key_unknown");
    expect(why(proof({}, KEY, NOW - LIMITS.forwardingMsMax))).toBe("forwarding-refused expired");
    expect(why("x")).toBe("forwarding-refused malformed");
    const once = proof();
    expect([why(once), why(once)]).toEqual(["ok", "forwarding-refused replayed"]);
  });
});
