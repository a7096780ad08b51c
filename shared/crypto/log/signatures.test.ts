import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../hex.ts";
import { utf8 } from "../utf8.ts";
import { ed25519PublicKey, signEd25519, verifyEd25519 } from "./ed25519.ts";
import { mlDsa65PublicKey, mlDsa65Signer, signMlDsa65, verifyMlDsa65 } from "./ml-dsa-65.ts";

const folder = new URL("../../../../shared/vectors/wycheproof/", import.meta.url);
const present = existsSync(folder);
if (!present) console.warn("skipped: the Wycheproof vectors are not on this machine");

interface Test {
  tcId: number;
  comment: string;
  msg: string;
  sig: string;
  ctx?: string;
  result: "valid" | "invalid";
}
interface Group {
  publicKey: string | { pk: string };
  tests: Test[];
}
const groupsOf = (name: string): Group[] =>
  JSON.parse(gunzipSync(readFileSync(new URL(`${name}.json.gz`, folder))).toString("utf8")).testGroups;
const bytes = (hex: string): Uint8Array => {
  const decoded = decodeHex(hex);
  if (decoded === null) throw new Error("a vector is not hex");
  return decoded;
};
const publicKeyOf = ({ publicKey }: Group) => bytes(typeof publicKey === "string" ? publicKey : publicKey.pk);
const seed = Uint8Array.from({ length: 32 }, (_, at) => at);
const message = utf8("a checkpoint");

describe("Ed25519", () => {
  it.skipIf(!present)(
    "judges every Wycheproof case as published, so that no forged or malleable signature passes",
    () => {
      let count = 0;
      for (const group of groupsOf("ed25519_test"))
        for (const { tcId, comment, msg, sig, result } of group.tests) {
          const verdict = verifyEd25519(publicKeyOf(group), bytes(msg), bytes(sig));
          expect(verdict, `${tcId}: ${comment}`).toBe(result === "valid");
          count++;
        }
      expect(count).toBe(151);
    },
  );

  it("signs RFC 8032's first test to its bytes", () => {
    const secret = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    expect(encodeHex(ed25519PublicKey(secret))).toBe(
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    );
    expect(encodeHex(signEd25519(secret, new Uint8Array()))).toBe(
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    );
  });

  it("refuses a key of small order, under which one signature fits many texts", () => {
    const identity = Uint8Array.of(1, ...new Uint8Array(31));
    expect(verifyEd25519(identity, message, Uint8Array.of(...identity, ...new Uint8Array(32)))).toBe(false);
  });

  it("is false, not an exception, for other lengths", () => {
    const [key, signature] = [ed25519PublicKey(seed), signEd25519(seed, message)];
    expect(verifyEd25519(key, message, signature)).toBe(true);
    expect(verifyEd25519(key.subarray(1), message, signature)).toBe(false);
    expect(verifyEd25519(key, message, signature.subarray(1))).toBe(false);
    expect(verifyEd25519(new Uint8Array(), message, new Uint8Array())).toBe(false);
    expect(() => signEd25519(seed.subarray(1), message)).toThrow();
  });
});

describe("ML-DSA-65", () => {
  it.skipIf(!present)(
    "judges every Wycheproof case as published, and takes no signature made for a context",
    { timeout: 60_000 },
    () => {
      let count = 0;
      for (const group of groupsOf("mldsa_65_verify_test"))
        for (const { tcId, comment, msg, sig, ctx, result } of group.tests) {
          const verdict = verifyMlDsa65(publicKeyOf(group), bytes(msg), bytes(sig));
          expect(verdict, `${tcId}: ${comment}`).toBe(result === "valid" && !ctx);
          count++;
        }
      expect(count).toBe(210);
    },
  );

  it("signs the same text to the same bytes, so that an archive write can be repeated after a crash", () => {
    const sign = mlDsa65Signer(seed);
    const signature = sign(message);
    expect([signature.length, mlDsa65PublicKey(seed).length]).toEqual([3_309, 1_952]);
    expect(signMlDsa65(seed, message)).toEqual(signature);
    expect(verifyMlDsa65(mlDsa65PublicKey(seed), message, signature)).toBe(true);
    expect(verifyMlDsa65(mlDsa65PublicKey(seed), utf8("another"), signature)).toBe(false);
  });

  it("is false, not an exception, for other lengths", () => {
    const [key, signature] = [mlDsa65PublicKey(seed), signMlDsa65(seed, message)];
    expect(verifyMlDsa65(key.subarray(1), message, signature)).toBe(false);
    expect(verifyMlDsa65(key, message, signature.subarray(1))).toBe(false);
    expect(verifyMlDsa65(new Uint8Array(), message, new Uint8Array())).toBe(false);
    expect(() => mlDsa65Signer(seed.subarray(1))).toThrow();
  });
});
