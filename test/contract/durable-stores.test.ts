import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cellClass } from "../../durable/cell/core.ts";
import { embeddedCellStore } from "../../durable/cell/embedded.ts";
import type { EmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import { type MovedRows, movedRows } from "../../durable/runtime/moved-rows.ts";
import { sessionClass } from "../../durable/session/core.ts";
import { embeddedSessionStore } from "../../durable/session/embedded.ts";
import { embeddedTaskStore } from "../../durable/task/embedded.ts";
import { taskClass } from "../../durable/task/object-class.ts";
import { TaskId, TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { CellStore } from "../../shared/contracts/ports/cell-store.ts";
import type { NewSession, SessionStore } from "../../shared/contracts/ports/session-store.ts";
import type { TaskStore } from "../../shared/contracts/ports/task-store.ts";
import { type ObjectsHome, objectsHome } from "../support/objects-home.ts";
import { portInside, startObjects, type TestObjects } from "../support/workerd-objects.ts";
import { cellStoreContract } from "./cell-store.contract.ts";
import { movedRowsContract } from "./moved-rows.contract.ts";
import { sessionStoreContract } from "./session-store.contract.ts";
import { taskStoreContract } from "./task-store.contract.ts";

const classes = [sessionClass, taskClass, cellClass];
const tenant = TenantId.parse("acme");
const task = TaskId.parse(`task_${"0".repeat(26)}`);
const result = { status: 200, content_type: "text/plain", stream: false, sealed: new Uint8Array([1]) };
let cells = 0;

const newSession = (expires_ms: UnixMs): NewSession => ({
  expires_ms,
  meta: null,
  items: [],
  key: { subject_key: "subject-key-1", wrapped: new Uint8Array(61) },
  conversation: true,
});

describe("embedded", () => {
  let home: ObjectsHome;
  let host: EmbeddedHost;
  beforeAll(() => {
    home = objectsHome({ classes });
    host = home.open({ clock: { now: () => Date.now() as UnixMs } }); // safe because: Unix milliseconds
  });
  afterAll(async () => {
    await host.close();
    home.remove();
  });
  sessionStoreContract("the embedded host", () => embeddedSessionStore(host));
  movedRowsContract("the embedded host", () => ({
    rows: movedRows(host, sessionClass),
    sessions: embeddedSessionStore(host),
  }));
  taskStoreContract("the embedded host", () => embeddedTaskStore(host));
  cellStoreContract("the embedded host", () =>
    embeddedCellStore(host, { cell: `test${cells++}`, region: "local", release: "test" }),
  );
});

describe("alarms of the embedded objects", () => {
  let home: ObjectsHome;
  let host: EmbeddedHost;
  const files = (folder: string) => readdirSync(join(home.path, "objects", folder));
  beforeAll(() => {
    home = objectsHome({ classes });
    host = home.open();
  });
  afterAll(async () => {
    await host.close();
    home.remove();
  });
  const expiresIn = (ms: number) => (home.clock.now() + ms) as UnixMs; // safe because: Unix milliseconds

  it("remove an expired session with its file, so that content ends when it was promised to", async () => {
    await embeddedSessionStore(host).create(tenant, "s", newSession(expiresIn(1_000)));
    home.clock.advance(1_000);
    await host.runDueAlarms();
    await expect.poll(() => files("session")).toEqual([]);
  });

  it("remove a task's bytes when they expire and the tombstone 30 days later", async () => {
    const store = embeddedTaskStore(host);
    await store.putResult(tenant, task, { ...result, expires_ms: expiresIn(1_000) });
    home.clock.advance(1_000);
    await host.runDueAlarms();
    const bytes = await host.call(taskClass, `${tenant}:${task}`, (sql) => sql.all("SELECT * FROM result_chunk"));
    expect(bytes).toEqual([]);
    expect(await store.result(tenant, task)).toEqual({ ok: false, error: { reason: "expired" } });
    home.clock.advance(LIMITS.taskRowMsMax);
    await host.runDueAlarms();
    await expect.poll(() => files("task")).toEqual([]);
  });

  it("count a worker's report for fifteen seconds, over a restart too, and no longer", async () => {
    const origin = { cell: "pools", region: "local", release: "1" };
    const report = (id: string, worker: string) => ({
      ...{
        gone: [],
        queues: [{ pool: "gpu", class: "batch", ready: 1, in_flight: 0, dead: 0, oldest_ms: 9 } as const],
      },
      workers: [
        {
          ...{ id, pool: "gpu", worker, ready: true, running: 1, waiting: 0, concurrency: 2, service_ms: null },
          models: [{ id: "llama", digest: null }],
        },
      ],
    });
    const store = embeddedCellStore(host, origin);
    await store.poolReport(report("a", "first"));
    home.clock.advance(LIMITS.workerLoadEveryMs);
    await store.poolReport(report("b", "second"));
    await host.close();
    host = home.open();
    const again = embeddedCellStore(host, origin);
    expect(await again.pools()).toMatchObject([{ connected: 2, capacity: 4 }]);
    home.clock.advance(2 * LIMITS.workerLoadEveryMs);
    // The first one has not spoken for 15 s, the second for 10.
    expect(await again.pools()).toMatchObject([{ connected: 1, running: 1 }]);
    // It came back on another connection before the old one was forgotten: that one missed its word, and is not counted.
    expect(await again.poolReport(report("c", "second"))).toMatchObject([{ connected: 1, capacity: 2 }]);
    home.clock.advance(LIMITS.poolReportMsMax);
    expect(await again.pools()).toEqual([]);
  });

  it("write the number of repeats when a window closes, so that no refusal goes uncounted", async () => {
    const store = embeddedCellStore(host, { cell: "test", region: "local", release: "1" });
    const event = { kind: "call.refused", reason: "forbidden", source: "192.0.2.1", detail: {} } as const;
    await store.system(Array.from({ length: 7 }, () => event));
    home.clock.advance(LIMITS.refusalCoalesceMs);
    await host.runDueAlarms();
    const { entries } = await store.systemLedger({ from: 0, limit: 10 });
    expect(entries.map(({ detail }) => detail)).toEqual([
      { reason: "forbidden" },
      { reason: "forbidden", first: 0, repeats: 6 },
    ]);
    await store.system([event]);
    expect((await store.systemLedger({ from: 0, limit: 10 })).size).toBe(3);
  });
});

describe("inside workerd", () => {
  let objects: TestObjects;
  beforeAll(async () => {
    objects = await startObjects();
  });
  afterAll(() => objects.stop());
  sessionStoreContract("Durable Objects", () => portInside<SessionStore>(objects, "session"));
  movedRowsContract("Durable Objects", () => ({
    rows: portInside<MovedRows>(objects, "rows"),
    sessions: portInside<SessionStore>(objects, "session"),
  }));
  taskStoreContract("Durable Objects", () => portInside<TaskStore>(objects, "task"));
  cellStoreContract("Durable Objects", () => portInside<CellStore>(objects, "cell", `test${cells++}`));

  const inMs = (ms: number) => (Date.now() + ms) as UnixMs; // safe because: Unix milliseconds

  it("creates no table for a call to an object that was never provisioned", async () => {
    await portInside<SessionStore>(objects, "session").info(tenant, "guess");
    expect(await objects.call("tables", "session", [`${tenant}:guess`])).toEqual([]);
  });

  it("removes an expired session's tables by its alarm, without any call", async () => {
    const session = portInside<SessionStore>(objects, "session");
    await session.create(tenant, "brief", newSession(inMs(300)));
    expect(await objects.call("tables", "session", [`${tenant}:brief`])).toContain("session");
    await expect.poll(() => objects.call("tables", "session", [`${tenant}:brief`]), { timeout: 10_000 }).toEqual([]);
  });

  it("does what waits by its alarm, again after a failure, and in order", async () => {
    await objects.call("sender", "send", [["a", "b"]]);
    await objects.call("sender", "send", [["c"]]);
    await expect.poll(() => objects.call("sender", "delivered", []), { timeout: 10_000 }).toEqual(["a", "b", "c"]);
  });

  it("keeps acknowledged writes and pending alarms over a kill -9", async () => {
    const session = portInside<SessionStore>(objects, "session");
    const tasks = portInside<TaskStore>(objects, "task");
    await session.create(tenant, "kept", newSession(inMs(3_600_000)));
    await session.create(tenant, "late", newSession(inMs(1_500)));
    const stored = { ...result, expires_ms: inMs(60_000) };
    await tasks.putResult(tenant, task, stored);
    await objects.kill();
    await objects.start();
    expect(await session.info(tenant, "kept")).toMatchObject({ ok: true });
    expect(await tasks.result(tenant, task)).toEqual({ ok: true, value: stored });
    await expect.poll(() => objects.call("tables", "session", [`${tenant}:late`]), { timeout: 10_000 }).toEqual([]);
  });
});
