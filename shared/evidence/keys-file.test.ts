import { describe, expect, it } from "vitest";
import { LIMITS } from "../contracts/limits.ts";
import { encodeBase64url } from "../crypto/base64url.ts";
import { keyThumbprint, publicJwk } from "../crypto/log/jwk-thumbprint.ts";
import { utf8 } from "../crypto/utf8.ts";
import { parseKeysFile } from "./keys-file.ts";
import { judgeSigners, standingOf } from "./trust.ts";

const ED = new Uint8Array(32).fill(7);
const ML = new Uint8Array(1_952).fill(9);
const LIFETIME = { not_before: "2026-01-01T00:00:00.000Z", not_after: null, revoked: null };
const ED_ROW = { kid: keyThumbprint("ed25519", ED), alg: "Ed25519", jwk: publicJwk("ed25519", ED), ...LIFETIME };
const ML_ROW = { kid: keyThumbprint("mldsa65", ML), alg: "ML-DSA-65", jwk: publicJwk("mldsa65", ML), ...LIFETIME };
const file = (...keys: object[]) =>
  utf8(JSON.stringify({ schema_version: 1, cell: "local", origin: "example.com", keys }));
const reason = (bytes: Uint8Array) => {
  const parsed = parseKeysFile(bytes);
  return parsed.ok ? "accepted" : parsed.error.reason;
};

describe("a keys file", () => {
  it("gives keys under thumbprints that were computed, and may say more than a verifier reads", () => {
    const parsed = parseKeysFile(file({ ...ED_ROW, vkey: "x" }, ML_ROW));
    expect(parsed.ok && parsed.value.map(({ algorithm, kid }) => [algorithm, kid])).toEqual([
      ["ed25519", ED_ROW.kid],
      ["mldsa65", ML_ROW.kid],
    ]);
  });

  it.each([
    ["a kid that is another key's, so that no name is believed", file({ ...ED_ROW, kid: ML_ROW.kid })],
    ["a key twice, so that one signature never counts as two", file(ED_ROW, ED_ROW)],
    ["a key that is too short", file({ ...ED_ROW, jwk: { ...ED_ROW.jwk, x: encodeBase64url(ED.slice(1)) } })],
    ["a private member's kind of key", file({ ...ED_ROW, alg: "HS256" })],
    [
      "an unknown reason of revocation, which might mean compromised",
      file({ ...ED_ROW, revoked: { at: LIFETIME.not_before, reason: "lost" } }),
    ],
    ["a time that is none", file({ ...ED_ROW, not_before: "2026-02-30T00:00:00.000Z" })],
    ["a later version", utf8('{"schema_version":2,"keys":[]}')],
    ["no key", file()],
    ["a member twice", utf8('{"schema_version":1,"schema_version":1,"keys":[]}')],
    ["no JSON", utf8("keys")],
  ])("is refused with %s", (_, bytes) => {
    expect(reason(bytes)).toBe("keys_malformed");
  });

  it("is refused above its bound", () => {
    expect(reason(new Uint8Array(LIMITS.verifyKeysBytesMax + 1))).toBe("too_large");
  });
});

describe("how a key stands at the time of a signature", () => {
  const key = {
    algorithm: "ed25519",
    kid: "k",
    publicKey: ED,
    notBeforeMs: 100,
    notAfterMs: 200,
    revoked: null,
  } as const;
  const at = (ms: number) => ({ fromMs: ms, toMs: ms });

  it("is good from its first instant to the one before its last, so that a rotation leaves no hole", () => {
    expect([99, 100, 199, 200].map((ms) => standingOf(key, at(ms)))).toEqual([
      "key_not_yet_valid",
      null,
      null,
      "key_expired",
    ]);
  });

  it("is good for what may have been signed while it was in force", () => {
    expect(standingOf(key, { fromMs: 50, toMs: 100 })).toBeNull();
    expect(standingOf(key, { fromMs: 199, toMs: 900 })).toBeNull();
    expect(standingOf(key, { fromMs: 50, toMs: 99 })).toBe("key_not_yet_valid");
  });

  it("ends at its revocation, and never was good when it is compromised", () => {
    const revoked = (reason: "superseded" | "retired" | "compromised") => ({ ...key, revoked: { atMs: 150, reason } });
    expect([149, 150].map((ms) => standingOf(revoked("retired"), at(ms)))).toEqual([null, "key_revoked"]);
    expect(standingOf(revoked("compromised"), at(101))).toBe("key_compromised");
  });

  it("needs one good key of each kind, however many bad ones signed too", () => {
    const old = { ...key, notAfterMs: 120 };
    const ml = { ...key, algorithm: "mldsa65" } as const;
    expect(judgeSigners({ ed25519: [old, key], mldsa65: [ml] }, at(150))).toBeNull();
    expect(judgeSigners({ ed25519: [key], mldsa65: [] }, at(150))?.reason).toBe("signature_missing");
    expect(judgeSigners({ ed25519: [old], mldsa65: [ml] }, at(150))?.reason).toBe("key_expired");
  });
});
