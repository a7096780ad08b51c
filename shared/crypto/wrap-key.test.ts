import { createCipheriv, hkdfSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "./hex.ts";
import { freshKey, type KeyNames, unwrapKey, WRAPPED_KEY, wrapKey } from "./wrap-key.ts";

const PARENT = new Uint8Array(32).map((_, at) => at);
const KEY = new Uint8Array(32).map((_, at) => 255 - at);
const NONCE = new Uint8Array(12).map((_, at) => 0xa0 + at);
const NAMES: KeyNames = { tenant: "acme", kind: "conversation", name: "0123456789abcdefghijABCDEF" };

/** The same format written down a second time, over OpenSSL and without a line of the code above. */
function byOpenSsl({ tenant, kind, name }: KeyNames): string {
  const derived = Buffer.from(hkdfSync("sha256", PARENT, Buffer.alloc(0), "bailiwick/wrap-key/v1", 32));
  const cipher = createCipheriv("aes-256-gcm", derived, NONCE);
  const parts = [tenant, kind, name].map((text) => {
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  });
  cipher.setAAD(Buffer.concat([Buffer.of(1), ...parts]));
  const body = Buffer.concat([cipher.update(KEY), cipher.final()]);
  return Buffer.concat([Buffer.of(1), NONCE, body, cipher.getAuthTag()]).toString("hex");
}

describe("a key under another one", () => {
  it("is what OpenSSL makes of the same format, so that whoever has the parent can open it without us", async () => {
    const wrapped = encodeHex(await wrapKey(PARENT, NAMES, KEY, NONCE));
    expect(wrapped).toBe(byOpenSsl(NAMES));
    // The vector itself, so that a change of both sides at once is seen too.
    expect(wrapped).toBe(
      "01a0a1a2a3a4a5a6a7a8a9aaabe908c232dc6e4a3d10adad87555214344bc202a9c1f2315931acd9d9db7f17b1a646d3792127765e89eb5d535a3d733d",
    );
  });

  it("opens in its own place and in no other, so that no key stands in for another", async () => {
    const wrapped = await wrapKey(PARENT, NAMES, KEY);
    expect(await unwrapKey(PARENT, NAMES, wrapped)).toEqual({ ok: true, value: KEY });
    const elsewhere: KeyNames[] = [
      { ...NAMES, tenant: "acm" },
      { ...NAMES, kind: "subject" },
      { ...NAMES, name: `${NAMES.name}x` },
      { tenant: "acmeconversation", kind: "conversation", name: NAMES.name },
    ];
    for (const names of elsewhere)
      expect(await unwrapKey(PARENT, names, wrapped)).toEqual({ ok: false, error: { reason: "not_authentic" } });
    expect(await unwrapKey(freshKey(), NAMES, wrapped)).toEqual({ ok: false, error: { reason: "not_authentic" } });
  });

  it("does not open once a single bit has changed, so that nobody hands out a key of their own", async () => {
    const wrapped = await wrapKey(PARENT, NAMES, KEY);
    for (let at = 0; at < wrapped.length; at++) {
      const altered = wrapped.slice();
      altered[at] = (altered[at] ?? 0) ^ 1;
      const reason = at === 0 ? "not_wrapped" : "not_authentic";
      expect(await unwrapKey(PARENT, NAMES, altered)).toEqual({ ok: false, error: { reason } });
    }
    for (const length of [0, 1, WRAPPED_KEY.bytes - 1])
      expect(await unwrapKey(PARENT, NAMES, wrapped.slice(0, length))).toEqual({
        ok: false,
        error: { reason: "not_wrapped" },
      });
  });

  it("never looks the same twice, so that equal keys are not told by their wrapping", async () => {
    const twice = [await wrapKey(PARENT, NAMES, KEY), await wrapKey(PARENT, NAMES, KEY)].map(encodeHex);
    expect(new Set(twice).size).toBe(2);
    expect(twice.every((text) => decodeHex(text)?.length === WRAPPED_KEY.bytes)).toBe(true);
  });

  it("refuses keys of another length, so that no short key is ever in force", async () => {
    await expect(wrapKey(PARENT.slice(1), NAMES, KEY)).rejects.toThrow(RangeError);
    await expect(wrapKey(PARENT, NAMES, KEY.slice(1))).rejects.toThrow(RangeError);
    await expect(unwrapKey(PARENT.slice(1), NAMES, new Uint8Array(WRAPPED_KEY.bytes).fill(1))).rejects.toThrow(
      RangeError,
    );
  });
});
