import type { TaskId, TenantId, UnixMs } from "../ids.ts";
import type { Result } from "../result.ts";
import type { Access, AccessRefusal, Change, ChangeRefusal } from "./tenant-store.ts";

/** The key that one subject's conversations hang under, wrapped under the tenant's data key (`wrap-key.ts`). */
export interface SubjectKey {
  /** Opaque; conversations name their subject's key by it, so that they name nobody. */
  id: string;
  wrapped: Uint8Array;
}

/** A session that content of the tenant is about to be kept in. The tenant's object lists it until then. */
export interface KeptSession {
  /** As `SessionStore` names it inside its tenant. */
  session: string;
  /** Of what is kept in it now; what it holds already may stay longer. */
  expires_ms: UnixMs;
}

/** One conversation is about to be kept for a subject. */
export interface SubjectKeyWanted {
  /** SHA-256 of the subject's name, hex. */
  subject: string;
  /** Where: nothing is kept in a session that its tenant's object does not list. */
  kept: KeptSession;
  /** Becomes the subject's key if there is none. */
  proposal: SubjectKey;
  /** What makes the content, where a task does: one from before the subject's erasure keeps nothing behind it. */
  task?: TaskId;
}

/** What was destroyed with the session that held it. */
export interface ErasedObject {
  scope: "conversation" | "response";
  /** SHA-256 of the id, hex. */
  object: string;
  /** SHA-256 of the wrapped key that was destroyed, hex; null where others still need it. */
  key: string | null;
  /** Items, answers and metadata that went. */
  items: number;
  /** Sealed bytes that went. */
  bytes: number;
}

/** One erasure, as the ledger has it. */
export interface Erasure {
  /** Of its ledger entry, which is of kind `data.erased`. */
  seq: number;
  at_ms: UnixMs;
  scope: ErasedObject["scope"] | "subject";
  object: string;
  key: string | null;
  /** Of a subject: conversations that were begun under the key, those that ended since included; else null. */
  conversations: number | null;
  /** The subject who asked. */
  by: string;
}

/** Keys of subjects inside their tenant, and the record of what was erased. Part of `TenantStore`, with its guarantees. */
export interface ContentStore {
  /**
   * Counts a conversation that is about to be kept, and answers its subject's key: the one in force, else the proposal.
   * `erased`: the subject was, since the task was admitted.
   */
  beginContent(
    tenant: TenantId,
    wanted: SubjectKeyWanted,
  ): Promise<
    Result<
      SubjectKey,
      { reason: "unknown_tenant" } | { reason: "erased" } | { reason: "ledger_halted"; retry_after_ms: number }
    >
  >;
  /** `not_found` once it was destroyed. */
  subjectKey(
    tenant: TenantId,
    id: string,
  ): Promise<Result<SubjectKey, { reason: "unknown_tenant" } | { reason: "not_found" }>>;
  /**
   * Destroys the subject's key, overwritten on disk before this resolves, and moves the state version, so that no edge
   * goes on with it. A subject without a key is recorded all the same: evidence of its tasks discloses nothing any more.
   */
  eraseSubject(tenant: TenantId, change: Change, subject: string): Promise<Result<Erasure, ChangeRefusal>>;
  /** Records what a session destroyed. The same object again is `repeated`, and written no second time. */
  noteErased(
    tenant: TenantId,
    change: Change,
    erased: ErasedObject,
  ): Promise<Result<Erasure & { repeated: boolean }, ChangeRefusal>>;
  /** Newest first. `before`: the `seq` that ended the previous page. Rows stay for `erasureRowMsMax`, the ledger for ever. */
  erasures(
    tenant: TenantId,
    access: Access,
    page: { before: number | null; limit: number },
  ): Promise<Result<{ erasures: Erasure[]; more: boolean }, AccessRefusal>>;
  /** Whether the subject was erased at this instant or later. */
  erasedSince(
    tenant: TenantId,
    access: Access,
    subject: string,
    at_ms: UnixMs,
  ): Promise<Result<{ erased: boolean }, AccessRefusal>>;
}
