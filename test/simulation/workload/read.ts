import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import type { Answered } from "../parts/http.ts";

/** What an answer says, and whether it ended as one that is complete. Null: it is no answer of an engine. */
export function saidBy({ status, headers, text, broken }: Answered): { said: string | null; complete: boolean } {
  if (status !== 200) return { said: null, complete: false };
  if ((headers["content-type"] ?? "").startsWith("text/event-stream")) return streamed(text, broken);
  if (broken) return { said: null, complete: false };
  const body = object(text);
  return { said: body === null ? null : unary(body), complete: true };
}

/** The text of a chat completion or a response; null while it has none. */
export function unary(body: JsonObject): string | null {
  if (body.object === "chat.completion") return chatText(body);
  if (body.object !== "response" || body.status !== "completed") return null;
  return objects(body.output)
    .flatMap(({ content }) => objects(content))
    .map(({ text }) => (typeof text === "string" ? text : ""))
    .join("");
}

function chatText({ choices }: JsonObject): string | null {
  const [choice] = objects(choices);
  const message = choice?.message;
  return isJsonObject(message) && typeof message.content === "string" ? message.content : null;
}

function streamed(text: string, broken: boolean): { said: string; complete: boolean } {
  let said = "";
  let complete = false;
  let failed = false;
  // A frame that was cut off is not delivered.
  for (const frame of text.split("\n\n").slice(0, -1)) {
    const line = frame.split("\n").find((one) => one.startsWith("data: "));
    if (line === undefined) continue;
    if (line === "data: [DONE]") complete = true;
    const body = object(line.slice("data: ".length));
    if (body === null) continue;
    if (body.error !== undefined || body.type === "error" || body.type === "response.failed") failed = true;
    if (body.type === "response.completed") complete = true;
    if (body.type === "response.output_text.delta" && typeof body.delta === "string") said += body.delta;
    const [choice] = objects(body.choices);
    const delta = choice?.delta;
    if (isJsonObject(delta) && typeof delta.content === "string") said += delta.content;
  }
  return { said, complete: complete && !broken && !failed };
}

/** Whether this state of a policy says that the revision is in force. */
export function isRevision(text: string, revision: number): boolean {
  const active = object(text)?.active;
  return isJsonObject(active) && active.revision === revision;
}

export function object(text: string): JsonObject | null {
  try {
    const body: unknown = JSON.parse(text);
    return isJsonObject(body) ? body : null;
  } catch {
    return null;
  }
}

export const objects = (value: JsonValue | undefined): JsonObject[] =>
  Array.isArray(value) ? value.filter((item) => isJsonObject(item)) : [];
