import { createHmac } from "node:crypto";
import type { SigningKey } from "./issuer.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
export const base64url = (bytes: Uint8Array | string): string =>
  Buffer.from(typeof bytes === "string" ? text(bytes) : bytes).toString("base64url");

const ALGORITHMS: Readonly<Record<string, AlgorithmIdentifier | EcdsaParams>> = {
  ES256: { name: "ECDSA", hash: "SHA-256" } as EcdsaParams,
  RS256: { name: "RSASSA-PKCS1-v1_5" },
  EdDSA: { name: "Ed25519" },
};

/** Signs bytes as they are given: a library would refuse to make most of what is tried here. */
export async function signed(head: string, payload: string, key: SigningKey): Promise<string> {
  const input = `${head}.${payload}`;
  const algorithm = ALGORITHMS[key.alg];
  if (algorithm === undefined) throw new Error(`no signature for ${key.alg}`);
  const signature = await crypto.subtle.sign(algorithm, key.privateKey, Uint8Array.from(text(input)));
  return `${input}.${base64url(new Uint8Array(signature))}`;
}

/** A token under the given header and claims, each as an object or as the very text of its JSON. */
export async function token(key: SigningKey, claims: object | string, header: object | string = {}): Promise<string> {
  const head =
    typeof header === "string" ? header : JSON.stringify({ alg: key.alg, typ: "at+jwt", kid: key.kid, ...header });
  return signed(base64url(head), base64url(typeof claims === "string" ? claims : JSON.stringify(claims)), key);
}

/** A token under a shared secret. */
export function macToken(secret: string | Uint8Array, claims: object, header: object = {}): string {
  const input = `${base64url(JSON.stringify({ alg: "HS256", typ: "at+jwt", ...header }))}.${base64url(JSON.stringify(claims))}`;
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
}
