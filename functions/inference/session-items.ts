import { isJsonObject, type JsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { SessionItem } from "../../shared/contracts/ports/session-store.ts";
import { open } from "../../shared/crypto/open.ts";
import { seal } from "../../shared/crypto/seal.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { ProblemError } from "../problem.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Seals and opens what one session keeps; the store never sees content. */
export interface SessionSeal {
  tenant: string;
  session: string;
  /** The conversation's own; see `ContentKeys`. */
  dataKey: Uint8Array;
}

export async function sealJson(
  { tenant, session, dataKey }: SessionSeal,
  name: string,
  value: JsonValue,
): Promise<Uint8Array> {
  const plain = utf8(JSON.stringify(value));
  if (plain.byteLength > LIMITS.sessionItemBytesMax)
    throw new ProblemError("limit-reached", { detail: "An item is larger than a session keeps." });
  return seal(dataKey, { tenant, object: `session/${session}/${name}` }, plain);
}

export async function openJson(
  { tenant, session, dataKey }: SessionSeal,
  name: string,
  sealed: Uint8Array,
): Promise<JsonObject> {
  const opened = await open(dataKey, { tenant, object: `session/${session}/${name}` }, sealed);
  if (!opened.ok) throw new Error(`a session item does not open: ${opened.error.reason}`);
  const value = JSON.parse(decoder.decode(opened.value)) as JsonValue; // safe because: JSON.parse gives JSON values
  if (!isJsonObject(value)) throw new Error("a session item is no object");
  return value;
}

/** Items as the store takes them; each has its own id, so that it can be read and deleted alone. */
export const sealItems = (key: SessionSeal, items: readonly JsonObject[]): Promise<SessionItem[]> =>
  Promise.all(
    items.map(async (item) => {
      const id = String(item.id);
      return { id, type: typeof item.type === "string" ? item.type : "message", sealed: await sealJson(key, id, item) };
    }),
  );

export const openItems = (key: SessionSeal, items: readonly SessionItem[]): Promise<JsonObject[]> =>
  Promise.all(items.map(({ id, sealed }) => openJson(key, id, sealed)));

const PREFIX: Readonly<Record<string, string>> = {
  message: "msg",
  function_call: "fc",
  function_call_output: "fco",
  reasoning: "rs",
};

/** Input as items with ids of ours: a plain text is one user message. */
export function inputItems(input: JsonValue | undefined, mint: () => string): JsonObject[] {
  if (input === undefined || input === null) return [];
  if (typeof input === "string")
    return [
      {
        id: `msg_${mint()}`,
        type: "message",
        role: "user",
        status: "completed",
        content: [{ type: "input_text", text: input }],
      },
    ];
  if (!Array.isArray(input)) throw new ProblemError("invalid-request", { param: "input" });
  return input.map((item) => {
    if (!isJsonObject(item)) throw new ProblemError("invalid-request", { param: "input" });
    const type = typeof item.type === "string" ? item.type : "message";
    // A caller's own id could collide with another item of the session: ours are unique.
    return { ...item, type, id: `${PREFIX[type] ?? "item"}_${mint()}` };
  });
}
