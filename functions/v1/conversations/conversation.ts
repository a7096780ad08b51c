import { z } from "zod";
import { ConversationId } from "../../../shared/contracts/ids.ts";
import type { SessionInfo } from "../../../shared/contracts/ports/session-store.ts";
import type { Call, Deps } from "../../context.ts";
import { sessionOfConversation } from "../../inference/response-session.ts";
import { openJson, type SessionSeal } from "../../inference/session-items.ts";
import { ProblemError } from "../../problem.ts";

/** Any text: an id that cannot exist and another tenant's get the same 404. */
export const ConversationPath = z.strictObject({ conversation_id: z.string().max(128) });

/** Conversations exist only where the tenant keeps content. */
export function requireContent(call: Pick<Call, "tenant">): void {
  if (call.tenant.settings.content !== "store")
    throw new ProblemError("forbidden", { detail: "This tenant keeps no content, so it has no conversations." });
}

export async function openConversation(
  deps: Deps,
  call: Pick<Call, "tenant">,
  id: string,
): Promise<{ id: string; session: string; key: SessionSeal }> {
  requireContent(call);
  if (!ConversationId.safeParse(id).success) throw new ProblemError("not-found");
  const session = sessionOfConversation(id);
  const dataKey = await deps.keyring.openDataKey(call.tenant.id, call.tenant.data_key);
  return { id, session, key: { tenant: call.tenant.id, session, dataKey } };
}

export const conversationObject = async (id: string, info: SessionInfo, key: SessionSeal) => ({
  id,
  object: "conversation",
  created_at: Math.floor(info.created_ms / 1000),
  metadata: info.meta === null ? {} : await openJson(key, "meta", info.meta),
  version: info.version,
  expires_at: Math.floor(info.expires_ms / 1000),
});

/** `If-Match: "7"` makes a write conditional on the version that was read; a lost update is then a 409. */
export function versionHeader(call: Pick<Call, "headers">): number | null {
  const header = call.headers.get("if-match");
  if (header === null) return null;
  const match = /^"?(\d{1,15})"?$/.exec(header);
  if (!match)
    throw new ProblemError("invalid-request", { param: "if-match", detail: "Send the version that was read." });
  return Number(match[1]);
}
