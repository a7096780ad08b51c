import { isJsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import type { StoredResult } from "../../../shared/contracts/ports/task-store.ts";
import { SseSplitter } from "../../dialects/sse.ts";
import { DONE } from "../../dialects/sse-frame.ts";

/** Choices that a stored answer has, at least one: caps on tokens are for each of them. */
export function choicesOf({ stream }: Pick<StoredResult, "stream">, body: Uint8Array): number {
  const decoder = new TextDecoder();
  if (!stream) return Math.max(1, ...indices(decoder.decode(body)));
  const splitter = new SseSplitter();
  const rest = [...splitter.push(body), splitter.end()];
  const frames = rest.flatMap((frame) => (frame?.hasData() ? [decoder.decode(frame.payload())] : []));
  return frames.filter((data) => data.trimEnd() !== DONE).reduce((most, data) => Math.max(most, ...indices(data)), 1);
}

/** One more than the index of each choice. */
function indices(text: string): number[] {
  const parsed = JSON.parse(text) as JsonValue; // safe because: JSON.parse gives JSON values
  const choices = isJsonObject(parsed) && Array.isArray(parsed.choices) ? parsed.choices : [];
  return choices.map(
    (choice, at) => (isJsonObject(choice) && typeof choice.index === "number" ? choice.index : at) + 1,
  );
}
