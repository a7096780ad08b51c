import { exportJWK, exportSPKI, generateKeyPair } from "jose";
import { describe, expect, it } from "vitest";
import { type BundleAlgorithm, PUBLIC_BUNDLE_ALGORITHMS } from "../../shared/contracts/config/bundles.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { isUsable } from "./keys.ts";

const pair = (algorithm: BundleAlgorithm) => generateKeyPair(algorithm, { extractable: true });
const jwkOf = async (key: CryptoKey) => (await exportJWK(key)) as JsonObject; // safe because: a JWK is JSON

describe("a key for bundles", () => {
  it.each(PUBLIC_BUNDLE_ALGORITHMS)(
    "of %s is usable as PEM and as JWK, by its public part alone",
    async (algorithm) => {
      const { publicKey, privateKey } = await pair(algorithm);
      const usable = async (key: string | JsonObject) => isUsable({ id: "k", algorithm, key });
      expect(await usable(await exportSPKI(publicKey))).toBe(true);
      expect(await usable(await jwkOf(publicKey))).toBe(true);
      expect(await usable(await jwkOf(privateKey))).toBe(false);
    },
  );

  it("is usable by its own algorithm alone, so that what is registered can verify what is signed", async () => {
    const keys = await Promise.all(
      (["RS256", "ES256", "ES384", "ES512", "EdDSA"] as const).map(async (algorithm) => ({
        algorithm,
        key: await jwkOf((await pair(algorithm)).publicKey),
      })),
    );
    const fitting: string[] = [];
    for (const { algorithm: of, key } of keys)
      for (const algorithm of ["ES256", "ES384", "ES512", "EdDSA", "HS256"] as const)
        if (await isUsable({ id: "k", algorithm, key })) fitting.push(`${of} by ${algorithm}`);
    expect(fitting).toEqual(["ES256 by ES256", "ES384 by ES384", "ES512 by ES512", "EdDSA by EdDSA"]);
  });

  it("is as long as RFC 7518 asks, and no text that is no key", async () => {
    const { publicKey } = await crypto.subtle.generateKey(
      { name: "RSASSA-PKCS1-v1_5", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
      true,
      ["sign", "verify"],
    );
    for (const key of [await jwkOf(publicKey), "no key", {}])
      expect(await isUsable({ id: "k", algorithm: "RS256", key })).toBe(false);
  });
});
