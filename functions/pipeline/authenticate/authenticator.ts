import type { Actor } from "../../../shared/contracts/actor.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { ConfigSource } from "../../../shared/contracts/ports/config-source.ts";
import type { Egress } from "../../../shared/contracts/ports/egress.ts";
import type { Keyring } from "../../../shared/contracts/ports/keyring.ts";
import type { Access, TenantState, TenantStore } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { looksLikeApiKey } from "../../../shared/crypto/api-key.ts";
import type { DirectoryView } from "../locate/directory-view.ts";
import { elsewhere } from "../locate/elsewhere.ts";
import { homeOf } from "../locate/home-of.ts";
import { createKeyVerifier } from "./key-verifier.ts";
import { type Credential, type HeaderSource, readCredential } from "./read-credential.ts";
import { AuthRefusal, refuse } from "./refusal.ts";
import { createTokenAuthenticator } from "./token-authenticator.ts";

/** A move takes seconds to minutes. */
const MOVING_RETRY_MS = 5_000;

/** Who calls, proof of the versions it was read at, and the tenant's state. Shared between calls: never change it. */
export interface Authenticated {
  readonly actor: Actor;
  readonly access: Access;
  readonly state: TenantState;
  /** Who else has the credential in their hands (`KeyRecord.made_by`); absent for tokens, which their issuer answers for. */
  readonly madeBy?: readonly string[];
}

export interface AuthContext {
  /** The host that the caller asked, for RFC 9728 metadata. */
  host: string | null;
  now: UnixMs;
  /** Client address as the transport saw it. */
  source: string | null;
  /** Reads the credential and the tenant anew: for the one retry after a store called the cached facts stale. */
  fresh?: boolean;
}

export interface AuthenticatorDeps {
  /** `endpoint`: public base URL of the cell. */
  cell: { id: string; endpoint: string };
  config: Pick<ConfigSource, "current">;
  tenants: Pick<TenantStore, "lookup">;
  keyring: Pick<Keyring, "macKeys">;
  egress: Egress;
  /** The directory of cells that is in force; null or absent where there is none. */
  directory?(): DirectoryView | null;
}

/**
 * Credential → actor. Touches a tenant's object only for a credential that this cell minted or whose token verified,
 * and then once, unless its facts are cached. What is cached is a hint: stores compare versions. Unknown, expired and
 * revoked credentials get the same refusal; one that names another cell of the directory is told that cell, whether it is
 * good or not. Rejects only if a store is unreachable.
 */
export interface Authenticator {
  authenticate(headers: HeaderSource, context: AuthContext): Promise<Result<Authenticated, AuthRefusal>>;
}

export function createAuthenticator(deps: AuthenticatorDeps): Authenticator {
  const keys = createKeyVerifier(deps);
  const tokens = createTokenAuthenticator(deps);
  return {
    async authenticate(headers, context) {
      const credential = readCredential(headers);
      if (!credential.ok) return refuse(credential.error, context.host, deps.cell.endpoint);
      const { text, bearer } = credential.value;
      const away = movedAway(deps, credential.value);
      if (away !== null) return away;
      const selected = headers.get("x-tenant");
      const verify = (asked: AuthContext) =>
        looksLikeApiKey(text) || !bearer ? keys.verify(text, selected, asked) : tokens.verify(text, selected, asked);
      let outcome = await verify(context);
      // A move ends at any moment, and nothing else here compares versions with the store.
      if (outcome.ok && outcome.value.state.move !== undefined && context.fresh !== true)
        outcome = await verify({ ...context, fresh: true });
      if (outcome.ok) return stillHere(deps, outcome.value);
      return foreign(deps, credential.value) ?? refuse(outcome.error, context.host, deps.cell.endpoint);
    },
  };
}

/** That the directory has the credential's tenant elsewhere, since it moved, whatever this cell still knows of it. */
function movedAway(deps: AuthenticatorDeps, credential: Credential): Result<never, AuthRefusal> | null {
  const view = deps.directory?.() ?? null;
  return view === null || view.moved.size === 0 || !looksLikeApiKey(credential.text) ? null : foreign(deps, credential);
}

/** A tenant that is on its way is served by nobody; one that left, by its new home alone. */
function stillHere(deps: AuthenticatorDeps, found: Authenticated): Result<Authenticated, AuthRefusal> {
  const { move } = found.state;
  if (move === undefined) return ok(found);
  if (move.phase === "left") {
    const { slug, extensions } = elsewhere(deps.directory?.()?.cells.get(move.to) ?? null);
    return err(new AuthRefusal(slug, extensions));
  }
  const detail = "The tenant is moving to another cell. Its calls are taken again once it is there.";
  return err(new AuthRefusal("tenant-moving", { detail, retryAfterMs: MOVING_RETRY_MS }));
}

/** That a credential which is nothing here belongs to another cell, where the directory says so. */
function foreign(deps: AuthenticatorDeps, credential: Credential): Result<never, AuthRefusal> | null {
  const view = deps.directory?.() ?? null;
  const home = view === null ? null : homeOf(view, credential);
  if (home === null || home.cell.id === deps.cell.id) return null;
  const { slug, extensions } = elsewhere(home.cell);
  return err(new AuthRefusal(slug, extensions));
}
