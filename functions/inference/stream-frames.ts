import { isJsonObject, type JsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import { EngineError } from "../../shared/contracts/ports/engine.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { errorFrame, reportedError } from "../dialects/error-frame.ts";
import { frameKind } from "../dialects/markers.ts";
import { isUsageChunk, StreamMeter } from "../dialects/meter.ts";
import { SseSplitter } from "../dialects/sse.ts";
import { DONE, encodeData, encodeEvent, type SseFrame } from "../dialects/sse-frame.ts";
import type { StreamTranslator } from "../dialects/translation.ts";
import { errorMember, ProblemError } from "../problem.ts";
import type { StreamDelivery } from "./deliver.ts";

/** One frame for the caller; the response commitment is over `payload`. */
export interface Sent {
  payload: Uint8Array;
  raw: Uint8Array;
}

const LF = 0x0a;
/** Bytes around the payload of a frame that is exactly `data: …`, LF, LF. */
const PLAIN_FRAME_BYTES = 8;

/**
 * Turns an engine's bytes into the caller's frames. Where dialect and surface agree, frames are forwarded as they are
 * and only notable ones are parsed; else each is parsed once and translated. The terminal frame is held back.
 */
export class StreamFrames {
  readonly meter: StreamMeter;
  readonly #delivery: StreamDelivery;
  readonly #splitter = new SseSplitter();
  readonly #translator: StreamTranslator | null;
  #held: Sent[] | null = null;
  #answer: JsonObject | null = null;
  #failed: unknown = null;
  #sequence = 0;

  constructor(delivery: StreamDelivery) {
    this.#delivery = delivery;
    this.meter = new StreamMeter(delivery.dialect);
    this.#translator = delivery.translation?.stream(delivery.context) ?? null;
  }

  /** Frames that may go out at once. Throws `ProblemError` when the engine tells an error or the budget's cap is reached. */
  push(chunk: Uint8Array): Sent[] {
    return this.#all(this.#splitter.push(chunk));
  }

  /** What the end of the engine's bytes completes; a stream that said why it stopped is complete without `[DONE]`. */
  end(): Sent[] {
    const rest = this.#splitter.end();
    const sent = rest ? this.#all([rest]) : [];
    if (this.#held === null && this.meter.read().finish !== null) this.#close([]);
    return sent;
  }

  /** Whether the stream is complete and only its closing frames are left to send. */
  get terminal(): boolean {
    return this.#held !== null;
  }

  closing(): Sent[] {
    return this.#held ?? [];
  }

  /** The whole answer of a Responses stream, from its terminal event. */
  answer(): JsonObject | null {
    return this.#answer;
  }

  failure(problem: ProblemError): Uint8Array {
    const error = errorMember(problem);
    const [frame] = this.#translator
      ? this.#translator.fail(error)
      : [errorFrame(this.#delivery.surface, error, this.#sequence)];
    return frame?.raw ?? new Uint8Array();
  }

  /** Frames before a failure still go out: what failed is thrown by the next call. */
  #all(frames: readonly SseFrame[]): Sent[] {
    if (this.#failed !== null) throw this.#failed;
    const sent: Sent[] = [];
    try {
      for (const frame of frames) {
        if (this.#held !== null) break; // nothing of ours follows a terminal frame (WIRE "Streams")
        this.#one(frame, sent);
      }
    } catch (thrown) {
      if (sent.length === 0) throw thrown;
      this.#failed = thrown;
    }
    return sent;
  }

  /** Throws what failed behind the frames that went out last. */
  check(): void {
    if (this.#failed !== null) throw this.#failed;
  }

  #one(frame: SseFrame, sent: Sent[]): void {
    const kind = frameKind(this.#delivery.dialect, frame);
    if (kind === "comment") return;
    const done = kind === "terminal" && frame.data().trimEnd() === DONE;
    const parsed =
      !done && (this.#translator !== null || kind !== "opaque" || this.#patches(frame)) ? parseFrame(frame) : null;
    if (parsed) this.#see(parsed);
    if (this.#translator) {
      if (parsed) for (const { data, raw } of this.#translator.push(parsed)) sent.push({ payload: utf8(data), raw });
      if (kind === "terminal") this.#close([]);
      return;
    }
    this.#sequence++;
    if (kind === "terminal") this.#close([done ? doneFrame() : this.#native(frame, parsed)]);
    else if (!(parsed && !this.#delivery.includeUsage && isUsageChunk(parsed))) sent.push(this.#native(frame, parsed));
  }

  /** Usage, finish and errors of one parsed frame. */
  #see(parsed: JsonObject): void {
    const reported = reportedError(parsed);
    if (reported) throw new ProblemError("upstream-failed", { detail: reported.message });
    this.meter.see(parsed);
    if (this.#delivery.cappedByBudget && this.meter.read().finish === "length")
      throw new ProblemError("task-budget-exceeded");
  }

  #close(frames: Sent[]): void {
    if (this.#translator) {
      if (!this.#translator.finished)
        throw new EngineError({ reason: "failed", status: null, message: "the stream ended early" });
      const closing = this.#translator.end();
      this.#held = closing.map(({ data, raw }) => ({ payload: utf8(data), raw }));
      const last = closing.at(-1);
      if (this.#delivery.surface === "openai.responses" && last)
        this.#answer = answerOf(JSON.parse(last.data) as JsonValue); // safe because: JSON.parse gives JSON values
      return;
    }
    if (frames.length === 0) {
      const chatLike = this.#delivery.surface === "openai.chat" || this.#delivery.surface === "openai.completions";
      if (!chatLike) throw new EngineError({ reason: "failed", status: null, message: "the stream ended early" });
      this.#held = [doneFrame()];
      return;
    }
    this.#held = frames;
  }

  /** Native Responses events that carry the response object: its id and stored state are the cell's. */
  #patches(frame: SseFrame): boolean {
    return (
      this.#delivery.surface === "openai.responses" &&
      this.#delivery.translation === null &&
      /^response\.(?:created|in_progress|completed|incomplete|failed)$/.test(frame.event() ?? "")
    );
  }

  #native(frame: SseFrame, parsed: JsonObject | null): Sent {
    const { surface, context } = this.#delivery;
    if (surface === "openai.responses" && parsed && isJsonObject(parsed.response)) {
      const response: JsonObject = { ...parsed.response, ...context.extra, id: context.id };
      this.#answer = response;
      const data = JSON.stringify({ ...parsed, response });
      return { payload: utf8(data), raw: encodeEvent(String(parsed.type), data) };
    }
    const payload = frame.payload();
    const named = surface === "openai.responses" || surface === "anthropic.messages";
    if (named) {
      const event = frame.event();
      const { data, ...sent } = oneLine(frame);
      return { ...sent, raw: event === null ? encodeData(data) : encodeEvent(event, data) };
    }
    const { raw } = frame;
    const plain =
      raw.length === payload.length + PLAIN_FRAME_BYTES &&
      raw[raw.length - 1] === LF &&
      raw[raw.length - 2] === LF &&
      raw[0] === 0x64;
    if (plain) return { payload, raw };
    const { data, ...sent } = oneLine(frame);
    return { ...sent, raw: encodeData(data) };
  }
}

/**
 * The data of a frame as it may be written on one line. Data of several lines is JSON with spaces in it, or another event
 * that an engine would have us begin: it is parsed and written anew, and throws `upstream-failed` where it is no JSON.
 */
function oneLine(frame: SseFrame): { data: string; payload: Uint8Array } {
  const data = frame.data();
  if (!data.includes("\n")) return { data, payload: frame.payload() };
  const written = JSON.stringify(parseFrame(frame));
  return { data: written, payload: utf8(written) };
}

const doneFrame = (): Sent => ({ payload: utf8(DONE), raw: encodeData(DONE) });

const answerOf = (event: JsonValue): JsonObject | null =>
  isJsonObject(event) && isJsonObject(event.response) ? event.response : null;

function parseFrame(frame: SseFrame): JsonObject {
  let parsed: JsonValue;
  try {
    parsed = JSON.parse(frame.data()) as JsonValue; // safe because: JSON.parse gives JSON values
  } catch (cause) {
    throw new ProblemError("upstream-failed", { detail: "A frame of the engine's stream is not JSON." }, { cause });
  }
  if (!isJsonObject(parsed))
    throw new ProblemError("upstream-failed", { detail: "A frame of the engine's stream is not an object." });
  return parsed;
}
