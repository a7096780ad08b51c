import type { Obligation } from "../../../shared/contracts/decision.ts";
import type { JsonObject, JsonValue } from "../../../shared/contracts/json.ts";
import { isJsonObject } from "../../../shared/contracts/json.ts";
import type { Dialect } from "../../../shared/contracts/ports/engine.ts";
import { quantityOf, type UsageRow } from "../../../shared/contracts/usage.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { DONE, encodeData, encodeEvent } from "../../dialects/sse-frame.ts";
import { ProblemError } from "../../problem.ts";
import { type FrameRedactor, frameRedactor } from "../../redaction/frames/frame-redactor.ts";
import { AnswerRedactor } from "../../redaction/redact-answer.ts";
import { Redactor } from "../../redaction/redact-text.ts";
import type { Sent } from "../stream-frames.ts";
import { ofKind } from "./duties.ts";
import { countsOf, type Outcomes } from "./outcomes.ts";
import { searchedBy } from "./searched-by.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * What an answer owes policy before its caller sees it: `redact_output` and the cap on its tokens. Whatever goes wrong
 * here withholds the answer. Without `redact_output` bytes pass untouched.
 */
export class OutputDuty {
  readonly #surface: Dialect;
  readonly #duties: readonly Obligation[];
  readonly #outcomes: Outcomes;
  readonly #redacting: readonly Obligation[];
  readonly #answer: AnswerRedactor | null;
  readonly #frames: FrameRedactor | null;

  /** Throws the denial when a detector is not known. */
  constructor(surface: Dialect, duties: readonly Obligation[], outcomes: Outcomes) {
    this.#surface = surface;
    this.#duties = duties;
    this.#outcomes = outcomes;
    const searched = searchedBy(duties, "redact_output");
    if (!searched.ok) throw outcomes.failed(searched.error.duty, `no detector ${searched.error.name}`);
    const { detectors } = searched.value;
    this.#redacting = searched.value.duties;
    this.#answer = detectors === null ? null : new AnswerRedactor(new Redactor(detectors));
    this.#frames = this.#answer === null ? null : frameRedactor(surface, this.#answer);
  }

  get redacts(): boolean {
    return this.#answer !== null;
  }

  /** A whole answer as it may be delivered. Throws the denial. */
  whole(answer: JsonObject): JsonObject {
    const redactor = this.#answer;
    return redactor === null ? answer : this.#try(() => redactor.object(answer));
  }

  /** What repeats a stream's text, such as the object that is stored; after the stream. Throws the denial. */
  copy(answer: JsonObject): JsonObject {
    const redactor = this.#answer;
    return redactor === null ? answer : this.#try(() => redactor.copy(answer));
  }

  /** Frames of a stream as they may be delivered by now. Throws the denial. */
  sent(frames: readonly Sent[]): readonly Sent[] {
    const redactor = this.#frames;
    if (redactor === null) return frames;
    return this.#try(() => frames.flatMap((frame) => this.#one(redactor, decoder.decode(frame.payload), frame)));
  }

  /** Holds the answer to its caps, and records what was done. Throws the denial. */
  settle(usage: readonly UsageRow[] | null, choices: number): void {
    for (const duty of ofKind(this.#duties, "cap_output_tokens")) {
      const made = usage === null ? null : quantityOf(usage, "tokens_out");
      if (made !== null && made > duty.params.max * choices)
        throw this.#outcomes.failed(duty, `${made} tokens were made`);
      this.#outcomes.applied(duty, made === null ? "the engine told no usage" : `${made} tokens`);
    }
    this.replayed();
  }

  /** Records what was done to a stored answer. */
  replayed(): void {
    const note = countsOf(this.#answer?.redactor.found ?? {});
    for (const duty of this.#redacting) this.#outcomes.applied(duty, note);
  }

  #one(redactor: FrameRedactor, data: string, frame: Sent): Sent[] {
    if (data.trimEnd() === DONE) return [...redactor.end().map((rest) => this.#encode(rest)), frame];
    return redactor.push(parseFrame(data)).map((made) => this.#encode(made));
  }

  #encode(frame: JsonObject): Sent {
    const data = JSON.stringify(frame);
    const named = this.#surface === "openai.responses" || this.#surface === "anthropic.messages";
    return { payload: utf8(data), raw: named ? encodeEvent(String(frame.type), data) : encodeData(data) };
  }

  #try<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      if (cause instanceof ProblemError) throw cause;
      throw this.#failed(cause);
    }
  }

  #failed(cause: unknown): ProblemError {
    const [first] = this.#redacting.map((duty) => this.#outcomes.failed(duty, "the answer cannot be redacted", cause));
    return first ?? new ProblemError("internal", {}, { cause });
  }
}

/** The parser's own message would quote the text. */
function parseFrame(data: string): JsonObject {
  let parsed: JsonValue;
  try {
    parsed = JSON.parse(data) as JsonValue; // safe because: JSON.parse gives JSON values
  } catch {
    throw new Error("a frame is not JSON");
  }
  if (!isJsonObject(parsed)) throw new Error("a frame is no object");
  return parsed;
}
