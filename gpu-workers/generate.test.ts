import { describe, expect, it } from "vitest";
import { LIMITS } from "../shared/contracts/limits.ts";
import { Chunks, HeldBytes } from "./chunks.ts";
import { EngineFailed, type LocalEngine, type LocalEvent, type LocalRequest } from "./engines/engine.ts";
import { generate } from "./generate.ts";

const REQUEST: LocalRequest = {
  ...{ task: "t", dialect: "openai.chat", model: "m", stream: true, body: {}, traceparent: "" },
};
const MiB = 1024 * 1024;

/** An engine that gives these events, and how many of them were taken. */
function giving(events: readonly (LocalEvent | Error)[]) {
  const taken = { count: 0 };
  const engine: Pick<LocalEngine, "execute"> = {
    async *execute() {
      for (const event of events) {
        if (event instanceof Error) throw event;
        taken.count++;
        yield event;
      }
    },
  };
  return { engine, taken };
}
const chunk = (bytes: number): LocalEvent => ({ kind: "chunk", raw: new Uint8Array(bytes).fill(1) });

async function all(events: readonly (LocalEvent | Error)[], room = new HeldBytes()) {
  const told: string[] = [];
  const chunks = new Chunks(room);
  await generate({
    ...{ engine: giving(events).engine, request: REQUEST, chunks, signal: new AbortController().signal },
    tell: (event) => {
      told.push(event.type === "fail" ? `fail ${event.failure.reason} ${event.failure.message}` : event.type);
      if (event.type === "chunk") chunks.sent(chunks.count);
    },
    room: async () => undefined,
  });
  return { told, chunks };
}

describe("reading an engine", () => {
  it("cuts what is too long for a frame, losing no byte", async () => {
    const { told, chunks } = await all([{ kind: "head" }, chunk(2 * LIMITS.workerChunkBytes + 5)]);
    expect(told).toEqual(["head", "chunk", "chunk", "chunk", "end"]);
    expect([chunks.at(1).length, chunks.at(3).length]).toEqual([LIMITS.workerChunkBytes, 5]);
  });

  it("tells an engine's failure as it is, and a defect of the worker without its text", async () => {
    const refused = new EngineFailed({ reason: "overloaded", status: 503 });
    expect((await all([refused])).told).toEqual(["fail overloaded overloaded"]);
    expect((await all([new Error("secret")])).told).toEqual(["fail failed the worker failed"]);
  });

  it("says once that its chunks are not whole any more", async () => {
    const { told } = await all([chunk(10), chunk(10), chunk(10)], new HeldBytes(15));
    expect(told).toEqual(["chunk", "overflow", "chunk", "chunk", "end"]);
  });

  it("pauses while too much waits for credit, so that memory stays bounded, and goes on when some was sent", async () => {
    const events = Array.from({ length: 24 }, () => chunk(MiB));
    const { engine, taken } = giving(events);
    const chunks = new Chunks(new HeldBytes());
    let paused = Promise.withResolvers<void>();
    let go: () => void = () => undefined;
    const stop = new AbortController();
    const done = generate({
      ...{ engine, request: REQUEST, chunks, signal: stop.signal, tell: () => undefined },
      room: () =>
        new Promise((resolve) => {
          go = resolve;
          paused.resolve();
        }),
    });
    await paused.promise;
    expect(taken.count).toBe(LIMITS.workerUnsentBytesMax / MiB + 1);
    paused = Promise.withResolvers();
    chunks.sent(chunks.count);
    go();
    await paused.promise;
    expect(taken.count).toBe(2 * (LIMITS.workerUnsentBytesMax / MiB) + 1);
    stop.abort();
    go();
    await done;
    expect(taken.count).toBeLessThan(events.length);
  });
});
