import type { IssuerConfig } from "../../../shared/contracts/config/snapshot.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";

const TYPES: readonly unknown[] = ["at+jwt", "application/at+jwt"];
const ALGORITHMS = new Set("RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519".split(" "));

export interface AcceptedHeader {
  algorithm: string;
  kid: string | null;
}

/** RFC 9068 §2.1: access tokens only; an ID token is `JWT` and says who signed in, not who may call. */
export const isAccessToken = ({ typ }: JsonObject): boolean =>
  typeof typ === "string" && TYPES.includes(typ.toLowerCase());

/**
 * The algorithm and key id of an acceptable header, or null. Extensions that must be understood are not (`crit`), nor
 * are unencoded payloads and nested tokens (RFC 7519 §5.2); keys and key URLs in the header are never looked at.
 */
export function acceptHeader(header: JsonObject): AcceptedHeader | null {
  const { alg, kid, cty } = header;
  if (typeof alg !== "string" || !ALGORITHMS.has(alg)) return null;
  if (Object.hasOwn(header, "crit") || Object.hasOwn(header, "b64")) return null;
  if (typeof cty === "string" && /^(?:application\/)?jwt$/i.test(cty)) return null;
  if (kid !== undefined && (typeof kid !== "string" || kid.length > 256)) return null;
  return { algorithm: alg, kid: kid ?? null };
}

/** Seconds since the epoch; fractions are allowed (RFC 7519 §2). */
const isTime = (value: unknown): value is number => typeof value === "number" && value >= 0 && value < 1e11;

/** Issued, valid and not expired at `nowMs` within 30 s of skew, and no longer-lived than its issuer may make it. */
export function inTime(
  claims: JsonObject,
  config: Pick<IssuerConfig, "kind" | "lifetime_s_max">,
  nowMs: number,
): boolean {
  const { iat, nbf, exp } = claims;
  if (!isTime(iat) || !isTime(exp) || (nbf !== undefined && !isTime(nbf))) return false;
  const now = nowMs / 1000;
  const bound =
    config.kind === "workload" ? Math.min(config.lifetime_s_max, LIMITS.workloadLifetimeSMax) : config.lifetime_s_max;
  if (exp <= iat || exp - iat > bound) return false;
  if (iat > now + LIMITS.clockSkewS || (nbf ?? iat) > now + LIMITS.clockSkewS) return false;
  return exp > now - LIMITS.clockSkewS;
}
