import type { TenantId, UnixMs } from "../ids.ts";
import type { Result } from "../result.ts";

/** One item of a conversation: sealed outside, so that the store never sees content. */
export interface SessionItem {
  id: string;
  /** Wire type in clear, for paging only: `message`, `function_call`, … */
  type: string;
  sealed: Uint8Array;
}
/** A stored response: its input and output items, and the response it continued. */
export interface StoredResponse {
  id: string;
  parent: string | null;
  /** The sealed response object as it was answered. */
  sealed: Uint8Array;
  input: SessionItem[];
  output: SessionItem[];
}
/** The conversation's own key: wrapped under that of a subject, which is looked up by its id. */
export interface SessionKey {
  subject_key: string;
  wrapped: Uint8Array;
}
/** What a session was created with. */
export interface NewSession {
  expires_ms: UnixMs;
  meta: Uint8Array | null;
  items: SessionItem[];
  key: SessionKey;
  /** It has a life of its own; else it ends with the last response in it. */
  conversation: boolean;
}
/** What went, and where its key did; kept by the session until it is destroyed or a week later. */
export interface Erased {
  at_ms: UnixMs;
  /** SHA-256 of the wrapped key that was destroyed, hex; null where other content is still under it. */
  key: string | null;
  items: number;
  bytes: number;
}
export interface SessionInfo {
  id: string;
  created_ms: UnixMs;
  expires_ms: UnixMs;
  /** Increases with every append or delete. */
  version: number;
  /** Sealed metadata of a conversation. */
  meta: Uint8Array | null;
  key: SessionKey;
}
type Missing = { reason: "not_found" };
type Conflict = { reason: "version_conflict"; version: number };
type Full = { reason: "limit" };

/**
 * Ordered, sealed, expiring items of one conversation, named by `session` inside `tenant`. One writer per session;
 * durable before a call resolves. A call to a session that was never created writes nothing and answers `not_found`.
 */
export interface SessionStore {
  create(
    tenant: TenantId,
    session: string,
    spec: NewSession,
  ): Promise<Result<SessionInfo, { reason: "exists" } | Full>>;
  info(tenant: TenantId, session: string): Promise<Result<SessionInfo, Missing>>;
  setMeta(
    tenant: TenantId,
    session: string,
    expected_version: number,
    meta: Uint8Array | null,
  ): Promise<Result<SessionInfo, Missing | Conflict>>;
  /** Refuses when the session is no longer at `expected_version`; null appends whatever the version. */
  append(
    tenant: TenantId,
    session: string,
    expected_version: number | null,
    items: SessionItem[],
  ): Promise<Result<SessionInfo, Missing | Conflict | Full>>;
  items(
    tenant: TenantId,
    session: string,
    page: { after: string | null; limit: number; order: "asc" | "desc" },
  ): Promise<Result<{ items: SessionItem[]; more: boolean; version: number; key: SessionKey }, Missing>>;
  item(
    tenant: TenantId,
    session: string,
    item: string,
  ): Promise<Result<{ item: SessionItem; key: SessionKey }, Missing>>;
  deleteItem(tenant: TenantId, session: string, item: string): Promise<Result<SessionInfo, Missing>>;
  /** Stores a response beside the conversation's items; with `conversation: true` its items also join the conversation. */
  putResponse(
    tenant: TenantId,
    session: string,
    response: StoredResponse,
    options: { expires_ms: UnixMs; conversation: boolean; expected_version: number | null },
  ): Promise<Result<SessionInfo, Missing | Conflict | Full>>;
  /** The response and, oldest first, the items of the chain that leads to it. */
  response(
    tenant: TenantId,
    session: string,
    id: string,
  ): Promise<Result<{ response: StoredResponse; chain: SessionItem[]; key: SessionKey }, Missing>>;
  /**
   * Overwrites a response and what only it held. Where nothing else is kept, the session's key is destroyed with all of
   * it, as by `erase`. A repeat answers the same while the session remembers.
   */
  deleteResponse(tenant: TenantId, session: string, id: string): Promise<Result<Erased, Missing>>;
  /**
   * Destroys the session's key and overwrites everything in it, on disk before it resolves. What it was is remembered for
   * a week, so that an erasure which was interrupted before it was recorded can be repeated: `destroy` ends that.
   */
  erase(tenant: TenantId, session: string): Promise<Result<Erased, Missing>>;
  /** Removes everything at once, also what an erasure left; idempotent. */
  destroy(tenant: TenantId, session: string): Promise<Result<null, Missing>>;
}
