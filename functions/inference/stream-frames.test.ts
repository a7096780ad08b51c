import { describe, expect, it } from "vitest";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { ProblemError } from "../problem.ts";
import type { StreamDelivery } from "./deliver.ts";
import { StreamFrames } from "./stream-frames.ts";

const framesOf = (surface: "openai.chat" | "anthropic.messages") => {
  const read = { surface, dialect: surface, translation: null, includeUsage: true, cappedByBudget: false };
  // safe because: frames of a surface's own dialect read these members alone
  return new StreamFrames({ ...read, context: { id: "x", extra: {} } } as unknown as StreamDelivery);
};
const sent = (frames: StreamFrames, text: string): string =>
  frames
    .push(utf8(text))
    .map(({ raw }) => new TextDecoder().decode(raw))
    .join("");

describe.each(["openai.chat", "anthropic.messages"] as const)(
  "an engine's event of several data lines, on %s",
  (surface) => {
    it("is written on one line, so that no client needs to join what ours never sends", () => {
      expect(sent(framesOf(surface), 'data: {"a":\ndata: 1}\n\n')).toBe('data: {"a":1}\n\n');
    });

    it.each([
      ["an end of the stream before settlement", 'data: {"a":1}\ndata:\ndata: data: [DONE]\n\n'],
      ["fields that clients act upon", 'data: {"a":1}\ndata: id: 7\ndata: retry: 1\n\n'],
    ])("never becomes %s", (_, text) => {
      expect(() => sent(framesOf(surface), text)).toThrow(ProblemError);
    });
  },
);
