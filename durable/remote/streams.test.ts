import { describe, expect, it, vi } from "vitest";
import { TaskId, TenantId } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { LogItem } from "../../shared/contracts/ports/task-log.ts";
import { ok } from "../../shared/contracts/result.ts";
import { partly, remoteWorld } from "../../test/support/remote-ports.ts";

const tenant = TenantId.parse("acme");
const task = TaskId.parse(`task_${"0".repeat(26)}`);

describe("what waits or streams when the objects' process goes", () => {
  it("is turned away at once and asked again of the next one, so that no restart waits for it", async () => {
    const asked: number[] = [];
    const begun = Promise.withResolvers<void>();
    const make = (answers: boolean) =>
      remoteWorld({
        ports: {
          task: partly<"task">({
            async renewTask(_tenant, _task, fence) {
              asked.push(fence);
              begun.resolve();
              return answers ? ok({ cancel: true }) : new Promise<never>(() => {});
            },
          }),
        },
      });
    let objects = make(false);
    const { ports } = remoteWorld({ ports: {}, network: (request) => objects.server.handle(request) });
    const renewed = ports.task.renewTask(tenant, task, 7, { life_ms: 1_000, wait_ms: 1_000 });
    await begun.promise;
    const before = objects;
    objects = make(true);
    await before.server.close();
    expect(await renewed).toEqual({ ok: true, value: { cancel: true } });
    expect(asked).toEqual([7, 7]);
  });

  it("says now and then that it has nothing to say, so that a dead sender is told from a quiet one", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { ports } = remoteWorld({
        ports: {
          archive: partly<"archive">({
            async getStream() {
              let left = 1;
              return ok({
                ...{ version: null, etag: "e", size: 1 },
                body: new ReadableStream<Uint8Array<ArrayBuffer>>(
                  {
                    async pull(controller) {
                      if (left-- === 0) return controller.close();
                      await new Promise((resolve) => setTimeout(resolve, 4 * LIMITS.remoteSilenceMsMax));
                      controller.enqueue(new Uint8Array([1]));
                    },
                  },
                  { highWaterMark: 0 },
                ),
              });
            },
          }),
        },
      });
      const found = await ports.archive.getStream("a");
      if (!found.ok) throw new Error(found.error.reason);
      const whole = new Response(found.value.body).arrayBuffer();
      for (let passed = 0; passed <= 5 * LIMITS.remoteSilenceMsMax; passed += 1_000)
        await vi.advanceTimersByTimeAsync(1_000);
      expect((await whole).byteLength).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a log that is watched from an edge", () => {
  const part = (from: number, frames: number): LogItem => ({
    kind: "part",
    part: { from, frames, sealed: new Uint8Array([from]) },
  });
  const head: LogItem = {
    kind: "head",
    head: { status: 200, content_type: "text/event-stream", stream: true, headers: {} },
  };
  const end: LogItem = { kind: "end", end: "complete" };

  /** A log that breaks off after each of the given pieces, and whoever asks again is told from where. */
  function breaking(pieces: LogItem[][]) {
    const asked: number[] = [];
    const world = remoteWorld({
      ports: {
        task: partly<"task">({
          async watchLog(_tenant, _task, after) {
            const items = pieces[asked.length] ?? [];
            asked.push(after);
            let at = 0;
            return ok(
              new ReadableStream<LogItem>(
                {
                  pull(controller) {
                    const item = items[at++];
                    if (item) controller.enqueue(item);
                    else controller.error(new Error("the process ends"));
                  },
                },
                { highWaterMark: 0 },
              ),
            );
          },
        }),
      },
    });
    return { world, asked };
  }
  const all = async (stream: ReadableStream<LogItem>) => {
    const got: LogItem[] = [];
    for await (const item of stream) got.push(item);
    return got;
  };

  it("is watched on from where its stream broke off, so that a reader misses nothing and sees nothing twice", async () => {
    const { world, asked } = breaking([
      [head, part(1, 2)],
      [head],
      [head, { kind: "live", live: { from: 3, frames: [new Uint8Array([9])] } }],
      [part(4, 1), end],
    ]);
    const watched = await world.ports.task.watchLog(tenant, task, 0);
    if (!watched.ok) throw new Error(watched.error.reason);
    const got = await all(watched.value);
    expect(got.map(({ kind }) => kind)).toEqual(["head", "part", "live", "part", "end"]);
    expect(asked).toEqual([0, 2, 2, 3]);
  });

  it("that breaks off again and again is an error to its reader, never an end", async () => {
    const { world, asked } = breaking([[head]]);
    const watched = await world.ports.task.watchLog(tenant, task, 0);
    if (!watched.ok) throw new Error(watched.error.reason);
    await expect(all(watched.value)).rejects.toThrow();
    expect(asked.length).toBe(1 + LIMITS.remoteBreaksMax);
  });

  it("is watched no more once its reader went", async () => {
    const left = Promise.withResolvers<void>();
    const world = remoteWorld({
      ports: {
        task: partly<"task">({
          watchLog: async () => ok(new ReadableStream<LogItem>({ cancel: () => left.resolve() })),
        }),
      },
    });
    const watched = await world.ports.task.watchLog(tenant, task, 0);
    if (!watched.ok) throw new Error(watched.error.reason);
    await watched.value.cancel();
    await left.promise;
  });
});
