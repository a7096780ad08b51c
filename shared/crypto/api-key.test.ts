import { describe, expect, it } from "vitest";
import { CellId, KeyId, TenantId } from "../contracts/ids.ts";
import { API_KEY_CHARS_MAX, apiKeyDigest, mintApiKey, parseApiKey, verifyApiKey } from "./api-key.ts";

const names = { cell: CellId.parse("eu1"), tenant: TenantId.parse("T1"), kid: KeyId.parse("abcdefghijkl") };
const secret = Uint8Array.from({ length: 32 }, (_, at) => at);
const macKey = new Uint8Array(32).fill(7);
const otherKey = new Uint8Array(32).fill(8);
const minted = mintApiKey(names, secret, macKey);

describe("API keys", () => {
  it("keep their text for ever, so that no release locks callers out", () => {
    expect(minted.text).toBe(
      "bw_eu1_T1_abcdefghijkl_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf20fUmOVxp7rJSgJPQQZ7SU1AqOMM",
    );
    expect(minted.text).toMatch(/^bw_eu1_T1_abcdefghijkl_[0-9A-Za-z]{71}$/);
    expect(minted.digest).toBe(apiKeyDigest(minted.text));
  });

  it("verify under any key of the ring, so that a rotation of the cell's key breaks nobody", () => {
    expect(verifyApiKey(minted.text, [macKey])).toEqual({ ok: true, value: names });
    expect(verifyApiKey(minted.text, [otherKey, macKey])).toEqual({ ok: true, value: names });
    expect(verifyApiKey(minted.text, [otherKey])).toEqual({ ok: false, error: { reason: "bad_mac" } });
    expect(verifyApiKey(minted.text, [])).toEqual({ ok: false, error: { reason: "bad_mac" } });
  });

  it("refuse every single-character change, so that a guessed name never reaches an object", () => {
    for (let at = 0; at < minted.text.length; at++) {
      const changed = `${minted.text.slice(0, at)}${minted.text[at] === "Z" ? "Y" : "Z"}${minted.text.slice(at + 1)}`;
      expect(verifyApiKey(changed, [macKey]).ok, `character ${at}`).toBe(false);
    }
  });

  it("refuse names under a recomputed checksum, because the checksum is not a secret", () => {
    const forged = mintApiKey({ ...names, tenant: TenantId.parse("T2") }, secret, otherKey);
    expect(parseApiKey(forged.text).ok).toBe(true);
    expect(verifyApiKey(forged.text, [macKey])).toEqual({ ok: false, error: { reason: "bad_mac" } });
  });

  it("refuse every other shape", () => {
    const odd = [
      "",
      "bw_",
      "sk-abc",
      `${minted.text}_`,
      `${minted.text} `,
      minted.text.slice(0, -1),
      `x${minted.text}`,
    ];
    odd.push(minted.text.replace("eu1", "EU1"), "bw_".repeat(400), `bw_eu1_T1_abcdefghijkl_${"é".repeat(71)}`);
    for (const text of odd) expect(parseApiKey(text).ok, text).toBe(false);
  });

  it("never exceed their published length", () => {
    const longest = mintApiKey(
      { cell: CellId.parse(`a${"1".repeat(15)}`), tenant: TenantId.parse("t".repeat(32)), kid: names.kid },
      new Uint8Array(32).fill(255),
      macKey,
    );
    expect(longest.text).toHaveLength(API_KEY_CHARS_MAX);
    expect(verifyApiKey(longest.text, [macKey]).ok).toBe(true);
  });

  it("are not minted from too little randomness", () => {
    expect(() => mintApiKey(names, new Uint8Array(16), macKey)).toThrow(RangeError);
  });
});
