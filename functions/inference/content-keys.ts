import { LIMITS } from "../../shared/contracts/limits.ts";
import type { KeptSession, SubjectKey, SubjectKeyWanted } from "../../shared/contracts/ports/content-store.ts";
import type { SessionKey } from "../../shared/contracts/ports/session-store.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { freshKey, type KeyNames, unwrapKey, wrapKey } from "../../shared/crypto/wrap-key.ts";
import type { Call, Deps } from "../context.ts";
import { ProblemError } from "../problem.ts";
import type { SessionSeal } from "./session-items.ts";

type Ports = Pick<Deps, "tenants" | "keyring" | "clock" | "ids">;
type Owner = Pick<Call, "tenant" | "actor" | "task">;
type Reader = Pick<Call, "tenant">;

/** How the tenant's object names a subject: it keeps no names. */
export const subjectDigest = (subject: string): string => sha256Hex(subject);

/** A new conversation's key, ready to seal with and as its session is to keep it. */
export interface BegunContent {
  seal: SessionSeal;
  key: SessionKey;
}

/**
 * The keys of kept content: tenant → subject → conversation. Here alone they are unwrapped. A subject's key is used again
 * for at most 60 s and only at the version of the tenant's state it was read at, which every erasure of a subject moves: a
 * call that read the state before is refused as stale by its admission, one that reads it now asks for the key again.
 */
export class ContentKeys {
  readonly #opened = new Map<string, { state: number; atMs: number; key: Uint8Array }>();

  /** What an admission, or `beginContent`, is to be asked for on behalf of the caller. */
  async wanted(deps: Ports, { tenant, actor, task }: Owner, kept: KeptSession): Promise<SubjectKeyWanted> {
    const id = deps.ids.base62(26);
    const dataKey = await deps.keyring.openDataKey(tenant.id, tenant.data_key);
    const wrapped = await wrapKey(dataKey, subjectNames(tenant.id, id), freshKey());
    return { subject: subjectDigest(actor.subject), proposal: { id, wrapped }, kept, task };
  }

  /** The key of a session that is about to be created; one durable call unless an admission gave the subject's key. */
  async begin(deps: Ports, call: Owner, kept: KeptSession, granted: SubjectKey | null): Promise<BegunContent> {
    const { tenant } = call;
    const { session } = kept;
    const given = granted ?? (await this.#begun(deps, call, kept));
    const parent = await this.#unwrapped(deps, call, given);
    const dataKey = freshKey();
    const wrapped = await wrapKey(parent, conversationNames(tenant.id, session), dataKey);
    return { seal: { tenant: tenant.id, session, dataKey }, key: { subject_key: given.id, wrapped } };
  }

  /** Null once the subject was erased. At most one durable call, and none while the subject's key is at hand. */
  async open(deps: Ports, call: Reader, session: string, key: SessionKey): Promise<SessionSeal | null> {
    const tenant = call.tenant.id;
    const parent = this.#known(deps, call, key.subject_key) ?? (await this.#read(deps, call, key.subject_key));
    if (parent === null) return null;
    const dataKey = await unwrapKey(parent, conversationNames(tenant, session), key.wrapped);
    if (!dataKey.ok) throw new Error(`the key of a session does not open: ${dataKey.error.reason}`);
    return { tenant, session, dataKey: dataKey.value };
  }

  /** Drops what is at hand of a tenant, at once. */
  forget(tenant: string): void {
    for (const name of this.#opened.keys()) if (name.startsWith(`${tenant} `)) this.#opened.delete(name);
  }

  async #begun(deps: Ports, call: Owner, kept: KeptSession): Promise<SubjectKey> {
    const begun = await deps.tenants.beginContent(call.tenant.id, await this.wanted(deps, call, kept));
    if (begun.ok) return begun.value;
    if (begun.error.reason === "ledger_halted")
      throw new ProblemError("ledger-halted", { retryAfterMs: begun.error.retry_after_ms });
    if (begun.error.reason === "erased")
      throw new ProblemError("not-found", { detail: "Everything of the subject from before was erased." });
    throw new ProblemError("store-unavailable");
  }

  async #read(deps: Ports, call: Reader, id: string): Promise<Uint8Array | null> {
    const found = await deps.tenants.subjectKey(call.tenant.id, id);
    return found.ok ? this.#unwrapped(deps, call, found.value) : null;
  }

  #known(deps: Ports, { tenant }: Reader, id: string): Uint8Array | null {
    const known = this.#opened.get(`${tenant.id} ${id}`);
    if (known === undefined || known.state !== tenant.versions.state) return null;
    const ageMs = deps.clock.now() - known.atMs;
    return ageMs >= 0 && ageMs < LIMITS.dataKeyCacheMsMax ? known.key : null;
  }

  async #unwrapped(deps: Ports, call: Reader, { id, wrapped }: SubjectKey): Promise<Uint8Array> {
    const known = this.#known(deps, call, id);
    if (known !== null) return known;
    const { tenant } = call;
    const atMs = deps.clock.now();
    const dataKey = await deps.keyring.openDataKey(tenant.id, tenant.data_key);
    const key = await unwrapKey(dataKey, subjectNames(tenant.id, id), wrapped);
    if (!key.ok) throw new Error(`the key of a subject does not open: ${key.error.reason}`);
    const name = `${tenant.id} ${id}`;
    this.#opened.delete(name);
    if (this.#opened.size >= LIMITS.dataKeysCachedMax) {
      const oldest = this.#opened.keys().next();
      if (!oldest.done) this.#opened.delete(oldest.value);
    }
    this.#opened.set(name, { state: tenant.versions.state, atMs, key: key.value });
    return key.value;
  }
}

const subjectNames = (tenant: string, name: string): KeyNames => ({ tenant, kind: "subject", name });
const conversationNames = (tenant: string, name: string): KeyNames => ({ tenant, kind: "conversation", name });
