import { ml_dsa65 } from "@noble/post-quantum/ml-dsa.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../utf8.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import {
  type DsseEnvelope,
  ed25519DsseSigner,
  formatDsse,
  mlDsa65DsseSigner,
  pae,
  parseDsse,
  signDsse,
  verifyDsse,
} from "./dsse.ts";
import { ed25519PublicKey } from "./ed25519.ts";
import { keyThumbprint } from "./jwk-thumbprint.ts";
import { mlDsa65PublicKey } from "./ml-dsa-65.ts";

const seed = (fill: number) => new Uint8Array(32).fill(fill);
const [ed, edNext, ml, mlNext] = [
  ed25519DsseSigner(seed(1)),
  ed25519DsseSigner(seed(2)),
  mlDsa65DsseSigner(seed(3)),
  mlDsa65DsseSigner(seed(4)),
];
const keys = { ed25519: [ed25519PublicKey(seed(1))], mldsa65: [mlDsa65PublicKey(seed(3))] };
const type = "application/vnd.in-toto+json";
const body = utf8('{"what":"happened"}');
const envelope = signDsse(type, body, [ed, ml]);
const [edSig, mlSig] = [envelope.signatures[0], envelope.signatures[1]];
if (edSig === undefined || mlSig === undefined) throw new Error("two signers gave fewer signatures");
const withSignatures = (...signatures: DsseEnvelope["signatures"]): DsseEnvelope => ({ ...envelope, signatures });
const verdict = (changed: DsseEnvelope, policy: "both" | "mldsa65" = "both") => {
  const result = verifyDsse(changed, keys, policy);
  return result.ok ? "accepted" : result.error;
};
const flipped = (base64: string, at: number, bit: number) => {
  const bytes = decodeBase64(base64) ?? new Uint8Array();
  const place = at % bytes.length;
  bytes[place] = (bytes[place] ?? 0) ^ (1 << bit);
  return encodeBase64(bytes);
};

describe("DSSE", () => {
  it("signs the published pre-authentication encoding, lengths in bytes", () => {
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    expect(text(pae("http://example.com/HelloWorld", utf8("hello world")))).toBe(
      "DSSEv1 29 http://example.com/HelloWorld 11 hello world",
    );
    expect(text(pae("ü", utf8("€")))).toBe("DSSEv1 2 ü 3 €");
    expect(pae("", new Uint8Array())).toEqual(utf8("DSSEv1 0  0 "));
  });

  it("gives the body back when both signatures verify, and says by which keys", () => {
    const result = verifyDsse(envelope, keys, "both");
    expect(result).toMatchObject({ ok: true, value: { payloadType: type, body, unknown: 0 } });
    if (result.ok) expect(result.value.keys.map(({ keyid }) => keyid)).toEqual([ed.keyid, ml.keyid]);
    expect(verdict(withSignatures(mlSig, edSig))).toBe("accepted");
  });

  it("refuses one signature of two, so that breaking one algorithm is not enough", () => {
    expect(verdict(withSignatures(edSig))).toEqual({ reason: "signature_missing", algorithm: "mldsa65" });
    expect(verdict(withSignatures(mlSig))).toEqual({ reason: "signature_missing", algorithm: "ed25519" });
    expect(verdict(withSignatures(mlSig), "mldsa65")).toBe("accepted");
    expect(verdict(withSignatures(edSig), "mldsa65")).toEqual({ reason: "signature_missing", algorithm: "mldsa65" });
  });

  it("refuses the same signature twice, under whatever id, so that one key never counts as two", () => {
    expect(verdict(withSignatures(edSig, edSig))).toEqual({ reason: "signature_duplicated", at: 1 });
    expect(verdict(withSignatures(edSig, { ...edSig, keyid: ml.keyid }))).toEqual({
      reason: "signature_duplicated",
      at: 1,
    });
    expect(verdict(withSignatures(edSig, mlSig, { ...mlSig, keyid: "" }))).toEqual({
      reason: "signature_duplicated",
      at: 2,
    });
    // Nor does a stranger's signature count twice among those that are not known.
    const [stranger] = signDsse(type, body, [edNext]).signatures;
    if (stranger === undefined) throw new Error("one signer gave no signature");
    expect(verdict(withSignatures(edSig, mlSig, stranger, { ...stranger, keyid: "another" }))).toEqual({
      reason: "signature_duplicated",
      at: 3,
    });
    // Another signature of the same key over the same bytes, which ML-DSA makes as many of as it likes.
    const secret = ml_dsa65.keygen(seed(3)).secretKey;
    const second = ml_dsa65.sign(pae(type, body), secret, { extraEntropy: seed(9) });
    expect(encodeBase64(second)).not.toBe(mlSig.sig);
    expect(verdict(withSignatures(mlSig, { keyid: "", sig: encodeBase64(second) }), "mldsa65")).toEqual({
      reason: "signature_duplicated",
      at: 1,
    });
    expect(verdict(withSignatures({ keyid: "", sig: encodeBase64(second) }), "mldsa65")).toBe("accepted");
    // Trusting one key under two entries does not make it two.
    expect(verifyDsse(envelope, { ...keys, ed25519: [...keys.ed25519, ...keys.ed25519] }, "both").ok).toBe(true);
  });

  it("refuses swapped key ids", () => {
    const swapped = withSignatures({ ...edSig, keyid: ml.keyid }, { ...mlSig, keyid: ed.keyid });
    expect(verdict(swapped)).toEqual({ reason: "signature_invalid", at: 0 });
  });

  it("takes a key id as a hint: absent or unknown ones change nothing, known ones never make a signature pass", () => {
    expect(verdict(withSignatures({ ...edSig, keyid: "" }, { ...mlSig, keyid: "another" }))).toBe("accepted");
    const forged = signDsse(type, body, [edNext, mlNext]).signatures;
    const named = forged.map((signature, at) => ({ ...signature, keyid: [ed.keyid, ml.keyid][at] ?? "" }));
    expect(verdict(withSignatures(...named))).toEqual({ reason: "signature_invalid", at: 0 });
    expect(verdict(withSignatures(...named), "mldsa65")).toEqual({ reason: "signature_invalid", at: 0 });
  });

  it("refuses signatures of keys that are not trusted, and says so", () => {
    expect(verdict(signDsse(type, body, [edNext, mlNext]))).toEqual({ reason: "key_unknown", algorithm: "ed25519" });
    expect(verdict(signDsse(type, body, [ed, mlNext]))).toEqual({ reason: "key_unknown", algorithm: "mldsa65" });
    expect(verifyDsse(envelope, { ed25519: [], mldsa65: [] }, "both")).toEqual({
      ok: false,
      error: { reason: "key_unknown", algorithm: "ed25519" },
    });
    // A key counts for its own algorithm only.
    expect(verifyDsse(envelope, { ed25519: keys.mldsa65, mldsa65: keys.ed25519 }, "both").ok).toBe(false);
  });

  it("lets a rotation overlap: who trusts the old pair alone still verifies, and is told of the others", () => {
    const result = verifyDsse(signDsse(type, body, [edNext, ed, mlNext, ml]), keys, "both");
    expect(result).toMatchObject({ ok: true, value: { unknown: 2 } });
  });

  it("refuses any flipped bit of body, type or signature", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 7 }), (at, bit) => {
        expect(verdict({ ...envelope, payload: flipped(envelope.payload, at, bit) })).toEqual({
          reason: "signature_invalid",
          at: 0,
        });
        expect(verdict(withSignatures({ ...edSig, sig: flipped(edSig.sig, at, bit) }, mlSig))).toEqual({
          reason: "signature_invalid",
          at: 0,
        });
        expect(verdict(withSignatures(edSig, { ...mlSig, sig: flipped(mlSig.sig, at, bit) }))).toEqual({
          reason: "signature_invalid",
          at: 1,
        });
      }),
      { numRuns: 20 },
    );
    expect(verdict({ ...envelope, payloadType: `${type} ` })).toEqual({ reason: "signature_invalid", at: 0 });
  });

  it("does not let a signature move to another body or type", () => {
    const other = signDsse("text/plain", body, [ed, ml]);
    expect(verdict({ ...envelope, signatures: other.signatures })).toEqual({ reason: "signature_invalid", at: 0 });
  });

  it("calls what is no envelope malformed", () => {
    const bad: DsseEnvelope[] = [
      withSignatures(),
      withSignatures({ ...edSig, sig: `${edSig.sig}\n` }, mlSig),
      withSignatures({ ...edSig, sig: encodeBase64(new Uint8Array(63)) }, mlSig),
      withSignatures({ ...edSig, sig: "" }, mlSig),
      { ...envelope, payload: `${envelope.payload.slice(0, -1)}` },
      { ...envelope, payload: envelope.payload.replace("=", "!") },
      { ...envelope, payloadType: "" },
      withSignatures(...Array.from({ length: 17 }, () => edSig)),
    ];
    for (const changed of bad) expect(verdict(changed)).toEqual({ reason: "malformed" });
  });

  it("is written as canonical text and read back, with no member that is not known", () => {
    const text = formatDsse(envelope);
    expect(parseDsse(text)).toEqual(envelope);
    // DSSE leaves the id out where it is not known.
    const anonymous = parseDsse(text.replaceAll(/"keyid":"[^"]*",/g, ""));
    expect(anonymous?.signatures.map(({ keyid }) => keyid)).toEqual(["", ""]);
    if (anonymous) expect(verdict(anonymous)).toBe("accepted");
    const documents = ["", "null", "[]", "{}", text.slice(0, -1), text.replace('"payload"', '"body"')];
    for (const bad of [...documents, text.replace("{", '{"extra":1,'), text.replace('"keyid":', '"note":"","keyid":')])
      expect(parseDsse(bad), bad.slice(0, 60)).toBeNull();
  });
});

describe("key ids", () => {
  it("are RFC 7638 thumbprints, so that they lead to the published keys", () => {
    // RFC 8037 appendix A.3.
    const key = ed25519PublicKey(decodeBase64("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=") ?? new Uint8Array());
    expect(keyThumbprint("ed25519", key)).toBe("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    expect(keyThumbprint("mldsa65", mlDsa65PublicKey(seed(3)))).toMatch(/^[\w-]{43}$/);
  });
});
