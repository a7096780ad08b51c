import { describe, expect, it } from "vitest";
import { LIMITS } from "../contracts/limits.ts";
import { encodeBase64url } from "./base64url.ts";
import {
  type ForwardedCall,
  type ForwardingKey,
  forwardingKey,
  signForwarding,
  verifyForwarding,
} from "./forwarding.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const keyOf = (byte: number): ForwardingKey => {
  const key = forwardingKey(encodeBase64url(new Uint8Array(32).fill(byte)));
  if (key === null) throw new Error("no key");
  return key;
};
const [key, other] = [keyOf(1), keyOf(2)];
const call: ForwardedCall = {
  cell: "eu1",
  method: "POST",
  target: "/v1/chat/completions?api-version=1",
  credential: "bw_eu1_example",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};
const facts = { client: "192.0.2.7", host: "api.example.com" };
const text = signForwarding(call, facts, key, { nonce: "n".repeat(22), nowMs: NOW });
const why = (header: string, asked = call, nowMs = NOW, keys = [key]) => {
  const read = verifyForwarding(header, keys, asked, nowMs);
  return read.ok ? "ok" : read.error.reason;
};

describe("the forwarding header", () => {
  it("tells the cell the caller's address and the host that was asked", () => {
    const read = verifyForwarding(text, [other, key], call, NOW);
    expect(read.ok && read.value).toMatchObject({ ...facts, nonce: "n".repeat(22) });
  });

  it("is good for one call alone, so that a captured one gives no other call its place", () => {
    const others: Partial<ForwardedCall>[] = [
      { cell: "us1" },
      { method: "GET" },
      { target: "/v1/chat/completions" },
      { credential: "bw_eu1_another" },
      { traceparent: null },
    ];
    expect(others.map((change) => why(text, { ...call, ...change }))).toEqual(others.map(() => "mismatch"));
    expect(why(text)).toBe("ok");
  });

  it("is over after a minute, and none is taken that was made to last", () => {
    expect(why(text, call, NOW + LIMITS.forwardingMsMax - 1)).toBe("ok");
    expect(why(text, call, NOW + LIMITS.forwardingMsMax)).toBe("expired");
    expect(why(text, call, NOW - LIMITS.clockSkewS * 1_000 - 1)).toBe("expired");
  });

  it("is nobody's whose key the cell does not have, and nothing once a character of it changed", () => {
    expect(why(text, call, NOW, [other])).toBe("key_unknown");
    const forged = signForwarding(
      call,
      facts,
      { kid: key.kid, secret: other.secret },
      { nonce: "n".repeat(22), nowMs: NOW },
    );
    expect(why(forged)).toBe("signature");
    const verdicts = new Set<string>();
    for (let at = 0; at < text.length; at++) {
      const flipped = text[at] === "A" ? "B" : "A";
      verdicts.add(why(text.slice(0, at) + flipped + text.slice(at + 1)));
    }
    expect(verdicts).not.toContain("ok");
    for (const junk of [
      "",
      ".",
      "a.b",
      `${text}.x`,
      text.slice(0, -1),
      "x".repeat(LIMITS.forwardingHeaderCharsMax + 1),
    ])
      expect(why(junk)).not.toBe("ok");
  });

  it("names its key without telling it", () => {
    expect(key.kid).toMatch(/^[0-9a-f]{16}$/);
    expect(key.kid).not.toBe(other.kid);
    expect(forwardingKey("c2hvcnQ")).toBeNull();
  });
});
