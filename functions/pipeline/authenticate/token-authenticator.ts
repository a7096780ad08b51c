import { compactVerify } from "jose";
import { TenantId } from "../../../shared/contracts/ids.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import type { AuthContext, Authenticated, AuthenticatorDeps } from "./authenticator.ts";
import { issuerIndex, type Registration, registrationsOf } from "./issuer-index.ts";
import { createKeyCache } from "./key-cache.ts";
import type { PinnedKey } from "./pinned-key.ts";
import { RecentMap } from "./recent-map.ts";
import type { Denial } from "./refusal.ts";
import { actorOf } from "./token-actor.ts";
import { jsonObject, tokenParts } from "./token-parts.ts";
import { type AcceptedHeader, acceptHeader, inTime, isAccessToken } from "./token-rules.ts";

const BAD = err({ reason: "bad_credential" } as const);

/** Whether the pinned key signed exactly these bytes with the header's algorithm, which it must be pinned to. */
export async function signedBy(token: string, pinned: PinnedKey): Promise<boolean> {
  try {
    await compactVerify(token, pinned.key, { algorithms: [...pinned.algorithms] });
    return true;
  } catch {
    // jose names the cause; callers learn only that the credential is not acceptable.
    return false;
  }
}

/** What a token says, and the key that is known to have signed it; null until its signature held. Never changed. */
interface ReadToken {
  readonly header: AcceptedHeader;
  readonly claims: JsonObject;
  readonly signer: PinnedKey | null;
}

function readToken(token: string): ReadToken | null {
  const parts = tokenParts(token);
  if (parts === null || !isAccessToken(parts.header)) return null;
  const header = acceptHeader(parts.header);
  const claims = jsonObject(parts.payload);
  return header === null || claims === null ? null : { header, claims, signer: null };
}

/** The tenant that the token is used for: its only one, or the one of several audiences that `X-Tenant` selects. */
function choose(registrations: readonly Registration[], selected: string | null): Registration | null {
  if (selected !== null) return registrations.find(({ tenant }) => tenant === selected) ?? null;
  return registrations.length === 1 ? (registrations[0] ?? null) : null;
}

/**
 * OAuth access tokens and workload tokens (RFC 9068). Claims are believed only after the signature verified under a
 * key of the issuer that they name, and an issuer yields only the tenant that registered it with one of the audiences.
 * Of a token that verified, no more is kept than that this key signed these bytes: configuration, times and the
 * issuer's current keys are asked on every call.
 */
export function createTokenAuthenticator(deps: Pick<AuthenticatorDeps, "config" | "tenants" | "egress">) {
  const keys = createKeyCache(deps.egress);
  const states = new RecentMap<TenantId, TenantState>({
    max: LIMITS.credentialCacheMax,
    ageMsMax: LIMITS.credentialCacheMsMax,
  });

  /** By the SHA-256 of the whole token. */
  const verified = new RecentMap<string, ReadToken>({ max: LIMITS.tokensCachedMax, ageMsMax: LIMITS.tokenCacheMsMax });

  async function stateOf(tenant: TenantId, context: AuthContext): Promise<TenantState | null> {
    const cached = context.fresh === true ? undefined : states.get(tenant, context.now);
    if (cached !== undefined) return cached;
    const found = await deps.tenants.lookup(tenant, null);
    if (!found.ok) return null;
    states.set(tenant, found.value.state, context.now);
    return found.value.state;
  }

  return {
    async verify(token: string, selected: string | null, context: AuthContext): Promise<Result<Authenticated, Denial>> {
      const digest = sha256Hex(token);
      const read = verified.get(digest, context.now) ?? readToken(token);
      if (read === null) return BAD;
      const { header, claims } = read;
      const registrations = registrationsOf(issuerIndex(deps.config.current()), claims.iss, claims.aud);
      const [first] = registrations;
      if (first === undefined) return BAD;
      // Each tenant that registered the issuer has its own rules and names its own keys.
      const usable = registrations.filter(
        ({ config }) => config.algorithms.includes(header.algorithm) && inTime(claims, config, context.now),
      );
      if (usable.length === 0) return BAD;
      const chosen = choose(usable, selected);
      const { config } = chosen ?? usable[0] ?? first;
      const found = await keys.find(config, header.kid, header.algorithm, context.now);
      if ("unavailable" in found) return err({ reason: "issuer_unavailable" });
      if (found.key === null) return BAD;
      if (found.key !== read.signer) {
        if (!(await signedBy(token, found.key))) return BAD;
        verified.set(digest, { header, claims, signer: found.key }, context.now);
      }
      if (chosen === null) return err({ reason: "tenant_not_selectable", who: null });
      const tenant = TenantId.safeParse(chosen.tenant);
      const actor = tenant.success ? actorOf(claims, config, tenant.data) : null;
      const state = actor === null ? null : await stateOf(actor.scopes.tenant, context);
      if (actor === null || state === null) return BAD;
      return ok({ actor, access: { kid: null, versions: { credential: 0, ...state.versions } }, state });
    },
  };
}
