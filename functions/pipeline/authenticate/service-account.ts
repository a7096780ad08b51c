import type { PoolConfig, PoolIssuer } from "../../../shared/contracts/config/snapshot.ts";
import type { Egress } from "../../../shared/contracts/ports/egress.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { createKeyCache } from "./key-cache.ts";
import { signedBy } from "./token-authenticator.ts";
import { jsonObject, tokenParts } from "./token-parts.ts";
import { acceptHeader, inTime } from "./token-rules.ts";

/** A service account that may have workers in a pool, and what they are restricted to. */
export interface ServiceAccount {
  subject: string;
  issuer: PoolIssuer;
}
export type ServiceAccountRefusal = { reason: "bad_credential" } | { reason: "issuer_unavailable" };

const BAD = err({ reason: "bad_credential" } as const);
const one = (claim: unknown): unknown[] => (Array.isArray(claim) ? claim : [claim]);

/**
 * Tokens of service accounts, such as those that Kubernetes projects into a pod. Believed only for an issuer, audience and
 * subject that the pool names, under a current key of that issuer. Their `typ` is not looked at: platforms set none.
 */
export function serviceAccounts(egress: Egress) {
  const keys = createKeyCache(egress);
  return async (
    pool: PoolConfig,
    token: string,
    now: number,
  ): Promise<Result<ServiceAccount, ServiceAccountRefusal>> => {
    const parts = tokenParts(token);
    const header = parts === null ? null : acceptHeader(parts.header);
    const claims = parts === null ? null : jsonObject(parts.payload);
    if (header === null || claims === null) return BAD;
    const { sub } = claims;
    const issuer = pool.issuers.find(
      (candidate) =>
        candidate.issuer === claims.iss &&
        one(claims.aud).some((audience) => candidate.audiences.some((name) => name === audience)) &&
        candidate.subjects.some((name) => name === sub) &&
        candidate.algorithms.includes(header.algorithm),
    );
    if (issuer === undefined || typeof sub !== "string") return BAD;
    if (!inTime(claims, { kind: "user", lifetime_s_max: issuer.lifetime_s_max }, now)) return BAD;
    const found = await keys.find(issuer, header.kid, header.algorithm, now);
    if ("unavailable" in found) return err({ reason: "issuer_unavailable" });
    if (found.key === null || !(await signedBy(token, found.key))) return BAD;
    return ok({ subject: sub, issuer });
  };
}
