import { describe, expect, it } from "vitest";
import { imported, knownNow } from "./sync-crypto.ts";

const { subtle } = crypto;
const bytes = (length: number, from: number) => Uint8Array.from({ length }, (_, at) => (at * 7 + from) & 255);
const raw = bytes(32, 3);
const usages: KeyUsage[] = ["encrypt", "decrypt"];
const algorithm = { name: "AES-GCM", iv: bytes(12, 1), additionalData: bytes(5, 2), tagLength: 128 };

const outcomeOf = (known: ReturnType<typeof knownNow>): unknown => {
  if (known === null) throw new Error("it is not known at once");
  if (!known.ok) throw known.cause;
  return known.value;
};

describe("ciphers and signatures of simulated cells", () => {
  it("are those of WebCrypto, so that a simulation proves what the product does", async () => {
    const theirs = await subtle.importKey("raw", raw, "AES-GCM", false, usages);
    const ours = outcomeOf(knownNow("importKey", ["raw", raw, "AES-GCM", false, usages]));
    const sealed = await subtle.encrypt(algorithm, theirs, bytes(100, 9));
    expect(outcomeOf(knownNow("encrypt", [algorithm, ours, bytes(100, 9)]))).toEqual(sealed);
    expect(outcomeOf(knownNow("decrypt", [algorithm, ours, new Uint8Array(sealed)]))).toEqual(bytes(100, 9).buffer);
    expect(outcomeOf(knownNow("digest", ["SHA-256", raw]))).toEqual(await subtle.digest("SHA-256", raw));
    const pair = await subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    if (!("privateKey" in pair)) throw new Error("a pair was asked for");
    const jwk = await subtle.exportKey("jwk", pair.privateKey);
    const key = await subtle.importKey("jwk", jwk, "Ed25519", false, ["sign"]);
    imported(key, ["jwk", jwk]);
    const made = outcomeOf(knownNow("sign", [{ name: "Ed25519" }, key, raw]));
    expect(made).toEqual(await subtle.sign("Ed25519", pair.privateKey, raw));
  });

  it("refuse what WebCrypto refuses: a byte that was changed", () => {
    const key = outcomeOf(knownNow("importKey", ["raw", raw, "AES-GCM", false, usages]));
    const sealed = outcomeOf(knownNow("encrypt", [algorithm, key, raw]));
    if (!(sealed instanceof ArrayBuffer)) throw new Error("bytes are sealed to bytes");
    for (const at of [0, sealed.byteLength - 1]) {
      const changed = new Uint8Array(sealed.slice(0));
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(knownNow("decrypt", [algorithm, key, changed])).toMatchObject({
        ok: false,
        cause: { name: "OperationError" },
      });
    }
    expect(knownNow("decrypt", [algorithm, key, new Uint8Array(3)])).toMatchObject({ ok: false });
  });

  it("leave to WebCrypto what they do not know", () => {
    expect(knownNow("deriveBits", ["HKDF"])).toBeNull();
    expect(knownNow("importKey", ["raw", raw, "AES-GCM", true, usages])).toBeNull();
    expect(knownNow("digest", ["SHA-384", raw])).toBeNull();
  });
});
