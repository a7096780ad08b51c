import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Exchange } from "../../../shared/contracts/ports/egress.ts";
import { EngineError, type EngineRequest, type ModelEvent } from "../../../shared/contracts/ports/engine.ts";
import { hasMember, member } from "../../dialects/bytes.ts";
import type { EngineOptions } from "../engine-options.ts";
import { UpstreamBody } from "./body.ts";
import { clean, isSuccess, networkFailure, readError, statusFailure } from "./failure.ts";
import { firstFrames } from "./first-frames.ts";
import { isPinnedModel, reportedModel } from "./model-check.ts";
import { requestHeaders } from "./request-headers.ts";
import type { UpstreamSpec } from "./spec.ts";
import { Watch } from "./watch.ts";

const ERROR = member("error");
const decoder = new TextDecoder();
const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * One call of an upstream: head, then chunks as the consumer pulls them, or one body.
 * fresh → headed → streaming → over, a body being the end of its call. Stream bytes pass through as they came; only the first frames are looked at.
 */
export class UpstreamCall implements AsyncIterator<ModelEvent, undefined> {
  readonly #request: EngineRequest;
  readonly #spec: UpstreamSpec;
  readonly #options: EngineOptions;
  readonly #watch: Watch;
  readonly #over: () => void;
  #phase: "fresh" | "headed" | "streaming" | "over" = "fresh";
  #body: UpstreamBody | null = null;
  #secret: string | null = null;
  #held: Uint8Array[] = [];

  /** `over` is called once, when the call ends in any way. */
  constructor(
    request: EngineRequest,
    spec: UpstreamSpec,
    options: EngineOptions,
    signal: AbortSignal,
    over: () => void,
  ) {
    this.#request = request;
    this.#spec = spec;
    this.#options = options;
    this.#over = over;
    const { try_timeout_ms, idle_timeout_ms } = options.provider;
    this.#watch = new Watch(signal, { firstByteMs: try_timeout_ms, idleMs: idle_timeout_ms });
  }

  async next(): Promise<IteratorResult<ModelEvent, undefined>> {
    if (this.#phase === "over") return DONE;
    try {
      // In line, not a function of its own: each promise in between is paid for by every part of a stream.
      if (this.#phase === "streaming") {
        const raw = this.#held.shift() ?? (await this.#opened().read());
        if (raw !== null) return { done: false, value: { kind: "chunk", raw } };
        this.#finish();
        return DONE;
      }
      const event = await this.#advance();
      if (event !== null) return { done: false, value: event };
      this.#finish();
      return DONE;
    } catch (error) {
      this.#finish();
      this.#body?.cancel();
      throw error instanceof EngineError ? error : new EngineError(networkFailure(error), { cause: error });
    }
  }

  /** Stops the upstream at once, even while a `next` is pending. */
  async return(): Promise<IteratorResult<ModelEvent, undefined>> {
    this.cancel();
    this.#finish();
    return DONE;
  }

  cancel(): void {
    if (this.#phase !== "over") this.#watch.stop("canceled");
  }

  #finish(): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#watch.done();
    this.#over();
  }

  async #advance(): Promise<ModelEvent | null> {
    if (this.#phase === "fresh") return this.#open();
    if (!this.#request.stream) return this.#answer();
    this.#held = await firstFrames(this.#opened(), this.#request.model, this.#secret);
    this.#phase = "streaming";
    const raw = this.#held.shift();
    return raw === undefined ? null : { kind: "chunk", raw };
  }

  #opened(): UpstreamBody {
    if (this.#body === null) throw new Error("the call has no body yet");
    return this.#body;
  }

  async #open(): Promise<ModelEvent> {
    this.#watch.check();
    const request = this.#request;
    if (!this.#spec.capabilities.dialects.includes(request.dialect))
      throw new EngineError({
        reason: "failed",
        status: null,
        message: `the engine does not speak ${request.dialect}`,
      });
    const { exchange, body } = await this.#send();
    this.#body = body;
    const { status, headers } = exchange;
    if (!isSuccess(status)) {
      const text = decoder.decode(await body.readAll(LIMITS.engineErrorBytesMax, true));
      throw new EngineError(statusFailure(status, headers, text, this.#secret, this.#options.clock.now()));
    }
    const type = headers.get("content-type");
    const wanted = request.stream ? "text/event-stream" : "application/json";
    if (type !== null && type.split(";", 1)[0]?.trim().toLowerCase() !== wanted) {
      const { message } = readError(decoder.decode(await body.readAll(LIMITS.engineErrorBytesMax, true)));
      throw new EngineError({
        reason: "failed",
        status,
        message: clean(message ?? "the answer has another content type than was asked for", this.#secret),
      });
    }
    this.#phase = "headed";
    return {
      kind: "head",
      dialect: request.dialect,
      upstream_request: headers.get(this.#spec.requestIdHeader),
      ...(this.#spec.capabilities.synthetic ? { synthetic: true } : {}),
    };
  }

  async #send(): Promise<{ exchange: Exchange; body: UpstreamBody }> {
    const request = this.#request;
    this.#secret = await this.#openSecret();
    const { url, body } = this.#spec.target(request);
    const headers = requestHeaders(this.#spec.headers(this.#secret), request);
    const { signal } = this.#watch;
    const sent = { method: "POST", headers, body: JSON.stringify(body), signal } as const;
    try {
      const exchange = await this.#options.egress.exchange(url, sent);
      return { exchange, body: new UpstreamBody(exchange, this.#watch) };
    } catch (cause) {
      this.#watch.check();
      if (cause instanceof EngineError) throw cause;
      throw new EngineError(networkFailure(cause), { cause });
    }
  }

  async #openSecret(): Promise<string | null> {
    const { secret } = this.#request;
    if (secret === null) return this.#options.secret;
    try {
      return await secret();
    } catch (cause) {
      throw new EngineError(
        { reason: "failed", status: null, message: "the provider credential could not be opened" },
        { cause },
      );
    }
  }

  async #answer(): Promise<ModelEvent> {
    const raw = await this.#opened().readAll(LIMITS.engineBodyBytesMax);
    // Read to its end: nothing of the exchange is left, whatever the answer says.
    this.#finish();
    if (hasMember(raw, ERROR)) this.#refuseError(raw);
    const model = reportedModel(raw);
    if (model !== null && !isPinnedModel(this.#request.model, model))
      throw new EngineError({ reason: "model_mismatch", reported: model });
    return { kind: "body", raw };
  }

  /** Some servers answer 200 with an error document. */
  #refuseError(raw: Uint8Array): void {
    const { message } = readError(decoder.decode(raw));
    if (message !== null)
      throw new EngineError({ reason: "failed", status: 200, message: clean(message, this.#secret) });
  }
}
