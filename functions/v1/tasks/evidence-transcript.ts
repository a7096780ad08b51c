import { ResponseId } from "../../../shared/contracts/ids.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Call, Deps } from "../../context.ts";
import type { TaskEntries } from "../../evidence/task-predicate.ts";
import { sessionOfResponse } from "../../inference/response-session.ts";
import { openItems, openJson } from "../../inference/session-items.ts";
import { AnswerRedactor } from "../../redaction/redact-answer.ts";
import { redactBody } from "../../redaction/redact-body.ts";
import { Redactor } from "../../redaction/redact-text.ts";
import { Unreadable } from "../../redaction/walk-json.ts";

/**
 * What was asked and answered, redacted by every detector, where the tenant stores content and the stored response is
 * still there; else null. What cannot be redacted, or is longer than `LIMITS.evidenceTranscriptBytesMax`, is left out.
 */
export async function transcriptOf(
  deps: Pick<Deps, "sessions" | "keyring" | "tenants" | "clock" | "ids" | "contentKeys">,
  { tenant }: Pick<Call, "tenant">,
  { closing }: Pick<TaskEntries, "closing">,
): Promise<{ request: JsonObject; response: JsonObject } | null> {
  const id = ResponseId.safeParse(closing?.detail.call.kept);
  if (tenant.settings.content !== "store" || !id.success) return null;
  const session = sessionOfResponse(id.data);
  const found = await deps.sessions.response(tenant.id, session, id.data);
  // Deleted, or its time was over.
  if (!found.ok) return null;
  const { input, sealed } = found.value.response;
  const key = await deps.contentKeys.open(deps, { tenant }, session, found.value.key);
  if (key === null) return null;
  const [items, response] = await Promise.all([openItems(key, input), openJson(key, id.data, sealed)]);
  return redacted(items, response);
}

/** The question by the rules of what leaves the cell: images and files, which nobody can redact, are no part of evidence. */
function redacted(items: JsonObject[], response: JsonObject) {
  const asked = redactBody("openai.responses", { input: items });
  if (!asked.ok) return null;
  try {
    const transcript = { request: asked.value.body, response: new AnswerRedactor(new Redactor()).object(response) };
    return utf8(JSON.stringify(transcript)).byteLength > LIMITS.evidenceTranscriptBytesMax ? null : transcript;
  } catch (cause) {
    if (cause instanceof Unreadable) return null;
    throw cause;
  }
}
