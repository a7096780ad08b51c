import { z } from "zod";
import { ConversationId } from "../../../shared/contracts/ids.ts";
import type { SessionInfo, SessionKey } from "../../../shared/contracts/ports/session-store.ts";
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

/** The name of the conversation's object. Throws `not-found` for what can be no conversation's id. */
export function sessionOf(call: Pick<Call, "tenant">, id: string): string {
  requireContent(call);
  if (!ConversationId.safeParse(id).success) throw new ProblemError("not-found");
  return sessionOfConversation(id);
}

/** Throws `not-found` once its subject was erased, as for a conversation that never was. */
export async function sealOf(
  deps: Deps,
  call: Pick<Call, "tenant">,
  session: string,
  { key }: { key: SessionKey },
): Promise<SessionSeal> {
  const seal = await deps.contentKeys.open(deps, call, session, key);
  if (seal === null) throw new ProblemError("not-found");
  return seal;
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
