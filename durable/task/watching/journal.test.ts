import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TaskId, TenantId, UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { LogHead, LogItem, LogPart } from "../../../shared/contracts/ports/task-log.ts";
import type { TaskStore } from "../../../shared/contracts/ports/task-store.ts";
import { type ObjectsHome, objectsHome } from "../../../test/support/objects-home.ts";
import type { EmbeddedHost } from "../../runtime/embedded-host.ts";
import { type HostFiles, hostFiles } from "../../runtime/host-files.ts";
import { embeddedTaskStore } from "../embedded.ts";
import { taskObjectName } from "../name.ts";
import { taskClass } from "../object-class.ts";
import { JournalFile } from "./journal-file.ts";
import { takeOver } from "./take-over.ts";

const HEAD: LogHead = { status: 200, content_type: "text/event-stream", stream: true, headers: {} };
const LIFE_MS = LIMITS.runLeaseMs;
const tenant = "t1" as TenantId; // safe because: it matches the pattern
let made = 0;
const newTask = () => `task_${String(++made).padStart(26, "0")}` as TaskId; // safe because: it matches the pattern
const part = (from: number, frames = 1): LogPart => ({ from, frames, sealed: new Uint8Array([from]) });

/** Files whose syncs of the journal are counted, and fail on demand. */
function watchedFiles() {
  const watch = { syncs: 0, fail: false };
  const files: HostFiles = {
    ...hostFiles,
    open(path) {
      const file = hostFiles.open(path);
      return {
        ...file,
        async sync() {
          watch.syncs++;
          if (watch.fail) throw new Error("EIO");
          return file.sync();
        },
      };
    },
  };
  return { watch, files };
}

let folder: string;
let home: ObjectsHome;
let host: EmbeddedHost;
let journal: JournalFile;
const path = () => join(folder, "journal.sqlite");
const storeOf = (incarnation: string): TaskStore => embeddedTaskStore(host, taskClass, { journal, incarnation });
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bailiwick-journal-"));
  home = objectsHome({ classes: [taskClass] });
  host = home.open();
  journal = new JournalFile(path(), folder);
});
afterEach(async () => {
  await host.close();
  await journal.close();
  home.remove();
  rmSync(folder, { recursive: true });
});

async function leased(store: TaskStore, task: TaskId, holder?: string): Promise<number> {
  const outcome = await store.leaseTask(tenant, task, {
    ...{ life_ms: LIFE_MS, held: false },
    ...(holder === undefined ? {} : { holder }),
  });
  if (!outcome.ok) throw new Error(outcome.error.reason);
  return outcome.value.fence;
}

async function started(store: TaskStore, holder?: string): Promise<{ task: TaskId; fence: number }> {
  const task = newTask();
  const now = home.clock.now();
  await store.detach(tenant, task, {
    ...{ sealed: new Uint8Array([1]), job: null, callback: null, session: null },
    deadline: (now + 60_000) as UnixMs, // safe because: milliseconds
    expires_ms: (now + 600_000) as UnixMs, // safe because: milliseconds
  });
  const fence = await leased(store, task, holder);
  await store.openLog(tenant, task, fence, HEAD);
  return { task, fence };
}

async function parts(stream: ReadableStream<LogItem>): Promise<number[]> {
  const from: number[] = [];
  for await (const item of stream) if (item.kind === "part") from.push(item.part.from);
  return from;
}

async function watched(store: TaskStore, task: TaskId): Promise<number[]> {
  const log = await store.watchLog(tenant, task, 0);
  if (!log.ok) throw new Error(log.error.reason);
  return parts(log.value);
}

describe("the journal of tasks' logs", () => {
  it("has a part on disk before its append is answered, in the one file that a crash leaves", async () => {
    const store = storeOf("one");
    const { task, fence } = await started(store);
    for (const from of [1, 2, 3])
      expect(await store.appendLog(tenant, task, fence, part(from))).toMatchObject({ ok: true });
    // The first frame is in the task's own file; the journal is what another process would find.
    expect(journal.of(taskObjectName(tenant, task)).map(({ from }) => from)).toEqual([2, 3]);
    await host.close();
    await journal.close();
    journal = new JournalFile(path(), folder);
    expect(journal.of(taskObjectName(tenant, task)).map(({ from }) => from)).toEqual([2, 3]);
    host = home.open();
    const after = storeOf("two");
    expect(await after.detached(tenant, task)).toMatchObject({ ok: true, value: { frames: 3 } });
  });

  it("writes what hundreds of streams append at once in few syncs, so that slow streams do not starve the disk", async () => {
    await journal.close();
    const { watch, files } = watchedFiles();
    journal = new JournalFile(path(), folder, files);
    const store = storeOf("one");
    const all = await Promise.all(Array.from({ length: 100 }, () => started(store)));
    await Promise.all(all.map(({ task, fence }) => store.appendLog(tenant, task, fence, part(1))));
    const before = watch.syncs;
    await Promise.all(all.map(({ task, fence }) => store.appendLog(tenant, task, fence, part(2))));
    expect(watch.syncs - before).toBeLessThanOrEqual(2);
    for (const { task } of all)
      expect(await store.detached(tenant, task)).toMatchObject({ ok: true, value: { frames: 2 } });
  });

  it("shows every reader, the closed log and the next run all frames, wherever they are durable", async () => {
    const store = storeOf("one");
    const { task, fence } = await started(store);
    for (let from = 1; from <= LIMITS.logJournalPartsMax + 5; from++)
      expect(await store.appendLog(tenant, task, fence, part(from))).toMatchObject({ ok: true });
    await store.releaseTask(tenant, task, fence, { retry_ms: 0, attempted: true });
    const again = await store.leaseTask(tenant, task, { life_ms: LIFE_MS, held: true });
    expect(again).toMatchObject({ ok: true, value: { frames: LIMITS.logJournalPartsMax + 5 } });
    const next = again.ok ? again.value.fence : 0;
    await store.appendLog(tenant, task, next, part(LIMITS.logJournalPartsMax + 6));
    await store.appendLog(tenant, task, next, part(LIMITS.logJournalPartsMax + 7));
    await store.closeLog(tenant, task, next, "complete");
    const numbers = Array.from({ length: LIMITS.logJournalPartsMax + 7 }, (_, at) => at + 1);
    expect(await watched(store, task)).toEqual(numbers);
    expect(journal.of(taskObjectName(tenant, task))).toEqual([]);
  });

  it("takes nothing of a run that lost its task, so that nobody sees words of two runs", async () => {
    const store = storeOf("one");
    const { task, fence } = await started(store);
    for (const from of [1, 2]) await store.appendLog(tenant, task, fence, part(from));
    home.clock.advance(LIFE_MS + 1);
    const next = await leased(store, task);
    const late = await store.appendLog(tenant, task, fence, part(3));
    expect(late).toEqual({ ok: false, error: { reason: "fenced" } });
    expect(await store.appendLog(tenant, task, next, part(3))).toMatchObject({ ok: true });
    await store.closeLog(tenant, task, next, "complete");
    expect(await watched(store, task)).toEqual([1, 2, 3]);
  });

  it("answers no append whose batch failed, and goes on with the next one", async () => {
    await journal.close();
    const { watch, files } = watchedFiles();
    journal = new JournalFile(path(), folder, files);
    const store = storeOf("one");
    const { task, fence } = await started(store);
    await store.appendLog(tenant, task, fence, part(1));
    watch.fail = true;
    await expect(store.appendLog(tenant, task, fence, part(2))).rejects.toThrow("journal");
    watch.fail = false;
    expect(await store.appendLog(tenant, task, fence, part(2))).toMatchObject({ ok: true });
    expect(await store.appendLog(tenant, task, fence, part(3))).toMatchObject({ ok: true });
    await store.closeLog(tenant, task, fence, "complete");
    expect(await watched(store, task)).toEqual([1, 2, 3]);
  });

  it("tells a run of a cancellation with its next part", async () => {
    const store = storeOf("one");
    const { task, fence } = await started(store);
    for (const from of [1, 2]) await store.appendLog(tenant, task, fence, part(from));
    await store.cancelTask(tenant, task);
    expect(await store.appendLog(tenant, task, fence, part(3))).toEqual({ ok: true, value: { cancel: true } });
  });
});

describe("a process that starts", () => {
  const takenOver = (incarnation: string) => {
    const failures: unknown[] = [];
    return takeOver({
      ...{ journal, incarnation, failed: (cause: unknown) => void failures.push(cause) },
      call: (name, body) => host.call(taskClass, name, body),
      expected: (withinMs, limit) => host.expected(taskClass, withinMs, limit),
    }).then((tasks) => ({ tasks, failures }));
  };

  it("gives back at once what the one before it had, so that no reader waits for a dead process's lease", async () => {
    const { task, fence } = await started(storeOf("one"), "one");
    await storeOf("one").appendLog(tenant, task, fence, part(1));
    const store = storeOf("two");
    expect(await takenOver("two")).toEqual({ tasks: 1, failures: [] });
    expect(await store.detached(tenant, task)).toMatchObject({ ok: true, value: { phase: "queued", frames: 1 } });
    expect(await store.appendLog(tenant, task, fence, part(2))).toEqual({ ok: false, error: { reason: "fenced" } });
  });

  it("lets a worker go on before it looked itself, under a higher fence", async () => {
    const { task, fence } = await started(storeOf("one"), "one");
    const next = await leased(storeOf("two"), task, "two");
    expect(next).toBeGreaterThan(fence);
    expect(await takenOver("two")).toEqual({ tasks: 0, failures: [] });
    expect(await storeOf("two").renewTask(tenant, task, next, { life_ms: LIFE_MS, wait_ms: 0 })).toMatchObject({
      ok: true,
    });
  });

  it("leaves a task alone that another process carries out, which may live", async () => {
    const { task, fence } = await started(storeOf("one"));
    const store = storeOf("two");
    expect(await takenOver("two")).toEqual({ tasks: 0, failures: [] });
    expect(await store.leaseTask(tenant, task, { life_ms: LIFE_MS, held: false })).toMatchObject({
      ok: false,
      error: { reason: "leased" },
    });
    expect(await store.renewTask(tenant, task, fence, { life_ms: LIFE_MS, wait_ms: 0 })).toMatchObject({ ok: true });
  });
});
