import { createPublicKey, verify } from "node:crypto";
import { describe, expect, it } from "vitest";
import { contentDigest, messageSigner } from "./message-signature.ts";

const seed = (byte: number) => new Uint8Array(32).fill(byte);
const request = {
  method: "POST",
  url: new URL("https://hooks.example.com/in?b=%20&a=1#part"),
  headers: { "content-type": "application/json", "x-bailiwick-attempt": "1" },
};
const times = { createdMs: 1_795_000_000_999, expiresMs: 1_795_000_300_999 };

describe("a signed request", () => {
  it("has the signature base of RFC 9421, over target and headers, under the newest key", () => {
    const signer = messageSigner([seed(2), seed(1)], "test");
    const { "signature-input": input, signature } = signer.sign(request, times);
    const [newest] = signer.keys();
    const parameters = `("@method" "@target-uri" "content-type" "x-bailiwick-attempt");created=1795000000;expires=1795000300;keyid="${newest?.kid}";alg="ed25519";tag="test"`;
    expect(input).toBe(`sig=${parameters}`);
    const base = [
      '"@method": POST',
      '"@target-uri": https://hooks.example.com/in?b=%20&a=1',
      '"content-type": application/json',
      '"x-bailiwick-attempt": 1',
      `"@signature-params": ${parameters}`,
    ].join("\n");
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: newest?.x ?? "" }, format: "jwk" });
    const bytes = Buffer.from(/^sig=:(.+):$/.exec(signature)?.[1] ?? "", "base64");
    expect(verify(null, Buffer.from(base), key, bytes)).toBe(true);
    expect(verify(null, Buffer.from(base.replace("POST", "PUT")), key, bytes)).toBe(false);
  });

  it("shows public halves only, of every key that is still given out", () => {
    const keys = messageSigner([seed(2), seed(1)], "test").keys();
    expect(keys).toHaveLength(2);
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(2);
    for (const key of keys) expect(Object.keys(key).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x"]);
  });

  it("is refused without a key, and with a tag that would break out of its quotes", () => {
    expect(() => messageSigner([], "test")).toThrow(RangeError);
    expect(() => messageSigner([seed(1)], 'a";b="')).toThrow(RangeError);
  });

  it("names its body's digest as RFC 9530 has it", () => {
    // RFC 9530, appendix D.
    expect(contentDigest(new TextEncoder().encode('{"hello": "world"}\n'))).toBe(
      "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
    );
  });
});
