import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { FromWorker } from "../../../shared/contracts/worker-protocol.ts";
import { workerConnection } from "./worker-connection.ts";

const HELLO: FromWorker = {
  ...{ t: "hello", schema_version: 1, worker: "worker-1", held: [] },
  engine: { kind: "openai", version: null, models: [], dialects: ["openai.chat"], continuation: false },
  load: { ready: true, running: 0, waiting: 0, concurrency: 4 },
};

/** A connection whose reports the cell takes when `known` is called. */
function connected() {
  const sent: string[] = [];
  const told = Promise.withResolvers<void>();
  const parts = {
    deps: {
      clock: { now: () => Date.now() },
      ids: { base62: () => "connection" },
      telemetry: { log: { info: () => {}, error: () => {} }, metrics: { count: () => {} } },
      lifecycle: { draining: false, expired: new AbortController().signal },
    },
    claims: { pool: "gpu", sub: "worker", worker: "worker-1", expires_ms: Date.now() + 600_000 },
    reports: { report: () => void sent.push("report"), known: () => told.promise, gone: () => void sent.push("gone") },
    tokens: {},
    runs: {},
    defer: () => {},
  } as unknown as Parameters<typeof workerConnection>[0]; // safe because: the rows below touch nothing else
  const handler = workerConnection(parts, {
    buffered: 0,
    send: (text: string) => void sent.push(String(JSON.parse(text).t)),
    close: () => {},
  });
  handler.message(JSON.stringify(HELLO));
  return { handler, sent, known: told.resolve };
}

describe("a worker that connects", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is welcome once the cell knows of it, so that no other edge refuses calls for want of a worker", async () => {
    const { handler, sent, known } = connected();
    await vi.advanceTimersByTimeAsync(LIMITS.workerUntoldMsMax - 1);
    expect(sent).toEqual(["report"]);
    known();
    await vi.advanceTimersByTimeAsync(0);
    expect(sent).toEqual(["report", "welcome"]);
    handler.closed({ code: 1006, reason: "" });
    expect(sent).toEqual(["report", "welcome", "gone"]);
  });

  it("is welcome all the same where the cell's object is away, so that it can work meanwhile", async () => {
    const { handler, sent } = connected();
    await vi.advanceTimersByTimeAsync(LIMITS.workerUntoldMsMax);
    expect(sent).toEqual(["report", "welcome"]);
    handler.closed({ code: 1006, reason: "" });
  });

  it("that is gone before is told nothing", async () => {
    const { handler, sent, known } = connected();
    handler.closed({ code: 1006, reason: "" });
    known();
    await vi.advanceTimersByTimeAsync(LIMITS.workerUntoldMsMax);
    expect(sent).toEqual(["report", "gone"]);
  });
});
