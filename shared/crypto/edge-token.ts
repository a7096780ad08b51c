import { importJWK, type JWK, jwtVerify, SignJWT } from "jose";
import { LIMITS } from "../contracts/limits.ts";
import { err, ok, type Result } from "../contracts/result.ts";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";
import { type PublicKey, publicKeyOf } from "./ed25519-jwk.ts";

/** Stands for no other token of the cell: `typ` is part of what is signed and verified. */
const TYPE = "bailiwick-edge+jwt";
const ALGORITHM = "EdDSA";
const KEY_BYTES = 32;

/** What edges name as audience: the objects of one cell, and nothing else of it. */
export const objectsUri = (cell: string): string => `urn:bailiwick:objects:${cell}`;

/** Signs an edge's word to the objects of its cell. Times are milliseconds, whole seconds in the token. */
export interface EdgeTokens {
  /** The public half, for the list of those that the objects trust. */
  key: PublicKey;
  sign(times: { now: number; expires: number }): Promise<string>;
}

/** `seed`: the edge's Ed25519 seed; `edge` names it in logs. */
export function edgeTokens(seed: Uint8Array, edge: string, audience: string): EdgeTokens {
  const key = publicKeyOf(seed);
  const imported = importJWK({ kty: "OKP", crv: "Ed25519", x: key.x, d: encodeBase64url(seed) }, ALGORITHM);
  // Whoever signs hears of it; a key that nobody signs with is no failure of its own.
  imported.catch(() => {});
  return {
    key,
    sign: async ({ now, expires }) =>
      new SignJWT({})
        .setProtectedHeader({ alg: ALGORITHM, kid: key.kid, typ: TYPE })
        .setSubject(edge)
        .setIssuer(audience)
        .setAudience(audience)
        .setIssuedAt(Math.floor(now / 1_000))
        .setExpirationTime(Math.floor(expires / 1_000))
        .sign(await imported),
  };
}

/** 32 bytes of an Ed25519 key, seed or public, in canonical base64url; null for anything else. */
export function readEdgeKey(text: string): Uint8Array | null {
  const bytes = decodeBase64url(text.trim());
  return bytes?.length === KEY_BYTES ? bytes : null;
}

export type EdgeRefusal = { reason: "invalid" } | { reason: "expired" };

/**
 * Reads the word of edges under the public keys that are trusted (`x` of their JWK). Refused without a reason of its own:
 * another key, type, audience or algorithm, and a life longer than `edgeTokenMsMax`.
 */
export function edgeVerifier(keys: readonly string[], audience: string) {
  const trusted = keys.map((x) => {
    const imported = importJWK({ kty: "OKP", crv: "Ed25519", x } satisfies JWK, ALGORITHM);
    imported.catch(() => {});
    return imported;
  });
  return async (token: string, now: number): Promise<Result<{ edge: string; expires_ms: number }, EdgeRefusal>> => {
    let expired = false;
    for (const key of trusted) {
      try {
        const { payload } = await jwtVerify(token, await key, {
          ...{ typ: TYPE, audience, issuer: audience, algorithms: [ALGORITHM], currentDate: new Date(now) },
          requiredClaims: ["sub", "iat", "exp"],
        });
        const { sub = "", iat = 0, exp = 0 } = payload;
        const lifeMs = (exp - iat) * 1_000;
        if (lifeMs <= 0 || lifeMs > LIMITS.edgeTokenMsMax) return err({ reason: "invalid" });
        return ok({ edge: sub.slice(0, 128), expires_ms: exp * 1_000 });
      } catch (cause) {
        expired ||= cause instanceof Error && "code" in cause && cause.code === "ERR_JWT_EXPIRED";
      }
    }
    return err({ reason: expired ? "expired" : "invalid" });
  };
}
