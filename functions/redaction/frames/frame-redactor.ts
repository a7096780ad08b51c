import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Dialect } from "../../../shared/contracts/ports/engine.ts";
import type { AnswerRedactor } from "../redact-answer.ts";
import { choiceFrames } from "./choice-frames.ts";
import { messageFrames } from "./message-frames.ts";
import { responseFrames } from "./response-frames.ts";

/**
 * Redacts a stream's frames in the form in which the caller gets them. Texts are held back as far as a detector needs;
 * what is held goes out in a frame of its own before the one that ends its text. A stream that breaks shows none of it.
 */
export interface FrameRedactor {
  /** The frames that go out instead of this one, in order. Throws `Unreadable` when the answer is too much to search. */
  push(frame: JsonObject): JsonObject[];
  /** What is still held, before a closing that is no frame of its own. */
  end(): JsonObject[];
}

export function frameRedactor(dialect: Dialect, answer: AnswerRedactor): FrameRedactor {
  switch (dialect) {
    case "openai.chat":
    case "openai.completions":
    case "openai.embeddings":
    case "oip.infer":
      return choiceFrames(answer);
    case "openai.responses":
      return responseFrames(answer);
    case "anthropic.messages":
      return messageFrames(answer);
  }
}
