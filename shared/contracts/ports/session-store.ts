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
export interface SessionInfo {
  id: string;
  created_ms: UnixMs;
  expires_ms: UnixMs;
  /** Increases with every append or delete. */
  version: number;
  /** Sealed metadata of a conversation. */
  meta: Uint8Array | null;
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
    spec: { expires_ms: UnixMs; meta: Uint8Array | null; items: SessionItem[] },
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
  ): Promise<Result<{ items: SessionItem[]; more: boolean; version: number }, Missing>>;
  item(tenant: TenantId, session: string, item: string): Promise<Result<SessionItem, Missing>>;
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
  ): Promise<Result<{ response: StoredResponse; chain: SessionItem[] }, Missing>>;
  deleteResponse(tenant: TenantId, session: string, id: string): Promise<Result<null, Missing>>;
  /** Removes everything at once; idempotent. */
  destroy(tenant: TenantId, session: string): Promise<Result<null, Missing>>;
}
