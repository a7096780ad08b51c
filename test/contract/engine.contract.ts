import { describe, expect, it } from "vitest";
import { parseObject } from "../../functions/dialects/json-read.ts";
import { frameKind } from "../../functions/dialects/markers.ts";
import { readUsage, StreamMeter } from "../../functions/dialects/meter.ts";
import { SseSplitter } from "../../functions/dialects/sse.ts";
import {
  type Dialect,
  type Engine,
  EngineError,
  type EngineFailure,
  type EngineRequest,
  type ModelEvent,
} from "../../shared/contracts/ports/engine.ts";

/** The ways in which every engine can be made to go wrong. */
export type Trouble =
  | "unreachable"
  | "overloaded"
  | "rejected"
  | "unauthorized"
  | "failed"
  | "hang"
  | "midstream"
  | "model_mismatch";

export interface EngineFixture {
  engine: Engine;
  /** A valid request in one of the engine's dialects. */
  request(dialect: Dialect, stream: boolean): EngineRequest;
  /** Makes the requests that follow go wrong; gives the request to send. */
  trouble(trouble: Trouble, request: EngineRequest): Promise<EngineRequest>;
  /** Makes the stream slow enough to be interrupted. */
  slow(): EngineFixture;
  /** Resolves once the upstream saw that the call was given up; null where there is no upstream. */
  upstreamGone: (() => Promise<void>) | null;
}

const STREAMED = (dialect: Dialect): boolean => dialect !== "openai.embeddings" && dialect !== "oip.infer";
const live = (): AbortSignal => new AbortController().signal;

async function collect(events: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const all: ModelEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

async function failureOf(run: () => Promise<unknown>): Promise<EngineFailure> {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(EngineError);
    if (error instanceof EngineError) return error.failure;
  }
  throw new Error("the call was expected to fail");
}

/** What every engine owes its callers; `open` gives a fresh fixture for one test. */
export function engineContract(name: string, dialects: readonly Dialect[], open: () => Promise<EngineFixture>): void {
  describe(`engine ${name}`, () => {
    it("declares the dialects it speaks, so that no surface is sent to it in another", async () => {
      const { engine } = await open();
      expect([...engine.describeCapabilities().dialects].sort()).toEqual([...dialects].sort());
    });

    it("is ready while its upstream answers", async () => {
      const { engine } = await open();
      expect(await engine.health(live())).toEqual({ ready: true, reason: null });
    });

    for (const dialect of dialects) {
      it(`${dialect}: answers a head, then one body with usage, so that the cost is known`, async () => {
        const { engine, request } = await open();
        const sent = request(dialect, false);
        const [head, body, ...rest] = await collect(engine.execute(sent, live()));
        expect(head).toMatchObject({ kind: "head", dialect });
        expect(rest).toEqual([]);
        if (body?.kind !== "body") throw new Error("no body");
        const answer = parseObject(new TextDecoder().decode(body.raw)) ?? {};
        expect(answer.model ?? answer.model_name).toBe(sent.model);
        // Of tensors it is known from the request.
        if (dialect !== "oip.infer") expect(readUsage(dialect, answer)?.rows[0]?.quantity).toBeGreaterThan(0);
      });

      if (!STREAMED(dialect)) continue;

      it(`${dialect}: streams whole frames with one terminal frame last, finish and usage told`, async () => {
        const { engine, request } = await open();
        const events = await collect(engine.execute(request(dialect, true), live()));
        expect(events[0]).toMatchObject({ kind: "head", dialect });
        const splitter = new SseSplitter();
        const frames = events.flatMap((event) => (event.kind === "chunk" ? splitter.push(event.raw) : []));
        expect(splitter.end()).toBeNull();
        const kinds = frames.map((frame) => frameKind(dialect, frame));
        expect(kinds.indexOf("terminal")).toBe(kinds.length - 1);
        const meter = new StreamMeter(dialect);
        for (const [i, frame] of frames.entries()) {
          const parsed = kinds[i] === "opaque" || kinds[i] === "comment" ? null : parseObject(frame.data());
          if (parsed !== null) meter.see(parsed);
        }
        const { usage, finish } = meter.read();
        expect(finish).toBe("stop");
        expect(usage?.rows.find((row) => row.meter === "tokens_out")?.quantity).toBeGreaterThan(0);
      });
    }

    const [first = "openai.chat"] = dialects;
    const streams = STREAMED(first);
    for (const stream of streams ? [false, true] : [false]) {
      const kind = stream ? "stream" : "unary";
      for (const trouble of [
        "unreachable",
        "overloaded",
        "rejected",
        "unauthorized",
        "failed",
        "model_mismatch",
      ] as const) {
        it(`${kind}: tells ${trouble} before anything was delivered, so that a fallback is still possible`, async () => {
          const fixture = await open();
          const sent = await fixture.trouble(trouble, fixture.request(first, stream));
          const seen: ModelEvent[] = [];
          const failure = await failureOf(async () => {
            for await (const event of fixture.engine.execute(sent, live())) seen.push(event);
          });
          expect(failure.reason).toBe(trouble);
          expect(seen.filter((event) => event.kind !== "head")).toEqual([]);
        });
      }

      it(`${kind}: gives up on an upstream that never answers, so that no call hangs`, async () => {
        const { engine, request, trouble } = await open();
        const sent = await trouble("hang", request(first, stream));
        expect(await failureOf(() => collect(engine.execute(sent, live())))).toEqual({ reason: "timeout" });
      });

      it(`${kind}: a call that was aborted before it began never runs`, async () => {
        const { engine, request } = await open();
        expect(await failureOf(() => collect(engine.execute(request(first, stream), AbortSignal.abort())))).toEqual({
          reason: "canceled",
        });
      });

      it(`${kind}: an abort while the upstream is silent ends the call at once`, async () => {
        const { engine, request, trouble } = await open();
        const sent = await trouble("hang", request(first, stream));
        const stop = new AbortController();
        const failing = failureOf(() => collect(engine.execute(sent, stop.signal)));
        setImmediate(() => stop.abort());
        expect(await failing).toEqual({ reason: "canceled" });
      });
    }

    if (!streams) return;
    it("a stream that breaks off throws, so that a cut answer is never taken for a whole one", async () => {
      const { engine, request, trouble } = await open();
      const sent = await trouble("midstream", request(first, true));
      const seen: ModelEvent[] = [];
      const failure = await failureOf(async () => {
        for await (const event of engine.execute(sent, live())) seen.push(event);
      });
      expect(failure.reason).toBe("failed");
      expect(seen.filter((event) => event.kind === "chunk").length).toBeGreaterThan(0);
    });

    for (const [how, stop] of [
      ["aborting the signal", (_engine: Engine, _task: string, abort: AbortController) => abort.abort()],
      ["cancel(task)", (engine: Engine, task: string) => engine.cancel(task)],
    ] as const) {
      it(`${how} stops a running stream and its upstream, so that no more tokens are paid for`, async () => {
        const { engine, request, upstreamGone } = (await open()).slow();
        const sent = request(first, true);
        const abort = new AbortController();
        const failure = await failureOf(async () => {
          for await (const event of engine.execute(sent, abort.signal))
            if (event.kind === "chunk") stop(engine, sent.task, abort);
        });
        expect(failure).toEqual({ reason: "canceled" });
        await upstreamGone?.();
      });
    }

    it("return() during a pending read stops the upstream, so that a consumer that left costs nothing", async () => {
      const { engine, request, upstreamGone } = (await open()).slow();
      const iterator = engine.execute(request(first, true), live())[Symbol.asyncIterator]();
      await iterator.next();
      await iterator.next();
      const pending = iterator.next().then(
        () => "settled",
        () => "settled",
      );
      expect((await iterator.return?.())?.done).toBe(true);
      expect(await pending).toBe("settled");
      expect((await iterator.next()).done).toBe(true);
      await upstreamGone?.();
    });
  });
}
