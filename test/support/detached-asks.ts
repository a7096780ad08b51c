import type { JsonObject } from "../../shared/contracts/json.ts";
import type { DetachedCell } from "./detached-cell.ts";

export const chat = (model: string, stream = false): JsonObject => ({
  ...{ model, stream, messages: [{ role: "user", content: "hi" }] },
});
export const DETACHED = { "x-detach": "1" };
export const CHAT = "/v1/chat/completions";
export const taskOf = (response: Response) => response.headers.get("x-bailiwick-task") ?? "";

/** A body read frame by frame, until it breaks off. */
export async function read(response: Response): Promise<{ text: string; broken: boolean }> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read())
      text += decoder.decode(part.value);
    return { text, broken: false };
  } catch {
    return { text, broken: true };
  }
}
export const lastFrame = (text: string) =>
  JSON.parse(text.trimEnd().split("\n\n").at(-1)?.slice("data: ".length) ?? "{}");
/** A queued call and its task, taken at once. */
export async function queued(
  cell: DetachedCell,
  stream: boolean,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
) {
  const answer = cell.ask(CHAT, chat("queued", stream), headers, signal);
  const task = await cell.nextTask();
  return { answer, task };
}
export async function taken(cell: DetachedCell, ...args: Parameters<DetachedCell["take"]>) {
  const run = await cell.take(...args);
  if (!run.ok) throw new Error(run.error.reason);
  return run.value;
}
