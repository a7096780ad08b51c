import type { Actor } from "../../../shared/contracts/actor.ts";
import { EnvironmentId, ProjectId, TenantId, WorkspaceId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { KeyRecord, TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { type ApiKeyNames, apiKeyDigest, parseApiKey, verifyApiKey } from "../../../shared/crypto/api-key.ts";
import { constantTimeEqualText } from "../../../shared/crypto/constant-time-equal.ts";
import { tenantDigest } from "../../../shared/crypto/tenant-digest.ts";
import type { AuthContext, Authenticated, AuthenticatorDeps } from "./authenticator.ts";
import { RecentMap } from "./recent-map.ts";
import type { Denial } from "./refusal.ts";

interface Known {
  key: KeyRecord;
  who: Authenticated;
}

const BAD = err({ reason: "bad_credential" } as const);

/** A row of the tenant's object as an actor. Throws when the row breaks its contract: that is a bug, not a bad key. */
export function actorOfKey(key: KeyRecord, state: TenantState): Authenticated {
  const actor: Actor = {
    scopes: {
      tenant: state.id,
      workspace: WorkspaceId.parse(key.workspace),
      project: ProjectId.parse(key.project),
      environment: EnvironmentId.parse(key.environment),
    },
    subject: key.subject,
    kind: key.kind,
    roles: key.roles,
    granted: key.granted,
    acr: null,
    amr: [],
    credential: `key:${key.kid}`,
    kid: key.kid,
    cell_operator: key.cell_operator,
    act: [],
  };
  const access = { kid: key.kid, versions: { credential: key.version, ...state.versions } };
  return { actor, access, state, madeBy: key.made_by };
}

export const keyInForce = (key: KeyRecord, now: number): boolean =>
  key.revoked_ms === null && (key.expires_ms === null || key.expires_ms > now);

/**
 * API keys. Known keys are found by the digest of their whole text, which only the key itself gives; unknown ones pass
 * checksum and MAC before their tenant's object is asked, once. Revocation takes effect in the store: a cached key's
 * versions no longer match there.
 */
export function createKeyVerifier(deps: Pick<AuthenticatorDeps, "cell" | "tenants" | "keyring" | "directory">) {
  const known = new RecentMap<string, Known>({ max: LIMITS.credentialCacheMax, ageMsMax: LIMITS.credentialCacheMsMax });

  async function read(text: string, digest: string, now: number): Promise<Known | null> {
    const names = namesOf(text);
    if (names === null) return null;
    const found = await deps.tenants.lookup(names.tenant, names.kid);
    if (!found.ok || found.value.key === null) return null;
    const { key, state } = found.value;
    if (!constantTimeEqualText(key.digest, digest)) return null;
    const entry: Known = { key, who: actorOfKey(key, state) };
    known.set(digest, entry, now);
    return entry;
  }

  /**
   * What a key names that this cell minted, or another one for a tenant which the signed directory says lives here now: its
   * MAC is that cell's, and only tenants that moved here can be asked about in that way.
   */
  function namesOf(text: string): ApiKeyNames | null {
    const own = verifyApiKey(text, deps.keyring.macKeys());
    if (own.ok) return own.value;
    const view = deps.directory?.() ?? null;
    const parsed = view === null || own.error.reason !== "bad_mac" ? null : parseApiKey(text);
    if (view === null || parsed?.ok !== true) return null;
    const { cell, tenant } = parsed.value;
    return view.moved.get(tenantDigest(view.salt, cell, tenant)) === deps.cell.id ? parsed.value : null;
  }

  /** Another tenant, for operators of the cell: their key is compared in its own tenant for this very call. */
  async function select(home: Known, tenant: TenantId, now: number): Promise<Result<Authenticated, Denial>> {
    const [own, other] = await Promise.all([
      deps.tenants.lookup(home.who.state.id, home.key.kid),
      deps.tenants.lookup(tenant, null),
    ]);
    if (!own.ok || own.value.key === null) return BAD;
    const live = own.value.key;
    if (!keyInForce(live, now) || !constantTimeEqualText(live.digest, home.key.digest)) return BAD;
    const { actor } = actorOfKey(live, own.value.state);
    if (!live.cell_operator || !other.ok) return err({ reason: "tenant_not_selectable", who: home.who });
    const { state } = other.value;
    return ok({
      actor: { ...actor, scopes: { ...actor.scopes, tenant }, kid: null },
      access: { kid: null, versions: { credential: 0, ...state.versions } },
      state,
      madeBy: live.made_by,
    });
  }

  return {
    async verify(text: string, selected: string | null, context: AuthContext): Promise<Result<Authenticated, Denial>> {
      const digest = apiKeyDigest(text);
      const cached = context.fresh === true ? undefined : known.get(digest, context.now);
      const entry = cached ?? (await read(text, digest, context.now));
      if (entry === null || !keyInForce(entry.key, context.now)) return BAD;
      if (selected === null || selected === entry.who.state.id) return ok(entry.who);
      const tenant = entry.key.cell_operator ? TenantId.safeParse(selected) : null;
      return tenant?.success === true
        ? select(entry, tenant.data, context.now)
        : err({ reason: "tenant_not_selectable", who: entry.who });
    },
  };
}
