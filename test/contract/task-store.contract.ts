import { describe, expect, it } from "vitest";
import { TaskId, TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import type { StoredResult, TaskPayload, TaskStore } from "../../shared/contracts/ports/task-store.ts";
import { err } from "../../shared/contracts/result.ts";

const tenant = TenantId.parse("acme");
const inMs = (ms: number) => (Date.now() + ms) as UnixMs; // safe because: Unix milliseconds
/** Long enough for a test, and never waited for. */
const LEASE_MS = 60_000;
const missing = err({ reason: "not_found" });
let made = 0;
const freshTask = () => TaskId.parse(`task_${`${Date.now()}${made++}`.padStart(26, "0")}`);
const result = (more: Partial<StoredResult> = {}): StoredResult => ({
  status: 200,
  content_type: "application/json",
  stream: false,
  sealed: new Uint8Array([0, 1, 255]),
  expires_ms: inMs(60_000),
  ...more,
});

const payload = (more: Partial<TaskPayload> = {}): TaskPayload => ({
  digest: "a".repeat(64),
  sealed: new Uint8Array([7, 0, 255]),
  expires_ms: inMs(60_000),
  notify: false,
  ...more,
});

/** What every `TaskStore` promises; `store` is a store over real durable storage. */
export function taskStoreContract(name: string, store: () => TaskStore): void {
  describe(`TaskStore over ${name}`, () => {
    it("gives the result back byte for byte, so that a replay is what was delivered", async () => {
      const task = freshTask();
      const stored = result({ status: 502, content_type: "text/event-stream", stream: true });
      await store().putResult(tenant, task, stored);
      expect(await store().result(tenant, task)).toEqual({ ok: true, value: stored });
    });

    it("keeps results of no bytes and of several rows", async () => {
      for (const bytes of [0, 1024 * 1024, 5 * 1024 * 1024 + 3]) {
        const task = freshTask();
        const sealed = Uint8Array.from({ length: bytes }, (_, index) => index % 253);
        await store().putResult(tenant, task, result({ sealed }));
        const found = await store().result(tenant, task);
        expect(found.ok && Buffer.compare(found.value.sealed, sealed)).toBe(0);
      }
    });

    it("keeps of detached runs the result of the one that has the task, so that a key replays what was delivered", async () => {
      const task = freshTask();
      const detached = { sealed: new Uint8Array(1), job: null, deadline: inMs(1_000), expires_ms: inMs(60_000) };
      await store().detach(tenant, task, { ...detached, callback: null, session: null });
      const sealed = (byte: number) => Uint8Array.of(byte);
      const lease = (life_ms: number) => store().leaseTask(tenant, task, { life_ms, held: false });
      const [first, second] = [await lease(0), await lease(60_000)];
      if (!first.ok || !second.ok) throw new Error("not leased");
      const put = (byte: number, fence: number) =>
        store().putResult(tenant, task, result({ sealed: sealed(byte), fence }));
      // The second lease shuts the first out: what arrives late of it is kept in nobody's place.
      await put(1, first.value.fence);
      expect(await store().result(tenant, task)).toMatchObject({ ok: false });
      await put(2, second.value.fence);
      await put(3, first.value.fence);
      expect(await store().result(tenant, task)).toMatchObject({ ok: true, value: { sealed: sealed(2) } });
      await put(4, second.value.fence);
      expect(await store().result(tenant, task)).toMatchObject({ ok: true, value: { sealed: sealed(4) } });
    });

    it("keeps the first of several results, so that a repeated key is always answered alike", async () => {
      const task = freshTask();
      const attempts = [1, 2, 3, 4].map((n) => result({ sealed: new Uint8Array([n]) }));
      await Promise.all(attempts.map((attempt) => store().putResult(tenant, task, attempt)));
      const first = await store().result(tenant, task);
      await store().putResult(tenant, task, result({ status: 500 }));
      expect(await store().result(tenant, task)).toEqual(first);
      expect(attempts).toContainEqual(first.ok && first.value);
    });

    it("has nothing for an unknown task, nor for another tenant's", async () => {
      const task = freshTask();
      expect(await store().result(tenant, task)).toEqual(missing);
      await store().putResult(tenant, task, result());
      expect(await store().result(TenantId.parse("other"), task)).toEqual(missing);
    });

    it("says that a result expired, and does not let a late one take its place", async () => {
      const task = freshTask();
      await store().putResult(tenant, task, result({ expires_ms: inMs(-1) }));
      expect(await store().result(tenant, task)).toEqual(err({ reason: "expired" }));
      await store().putResult(tenant, task, result());
      expect(await store().result(tenant, task)).toEqual(err({ reason: "expired" }));
    });

    it("gives a payload back byte for byte by its digest, several rows too, and the first one stays", async () => {
      const task = freshTask();
      const large = Uint8Array.from({ length: 3 * 1024 * 1024 + 1 }, (_, index) => index % 251);
      await store().putPayload(tenant, task, payload({ sealed: large }));
      await store().putPayload(tenant, task, payload());
      await store().putPayload(tenant, task, payload({ digest: "b".repeat(64) }));
      const first = await store().payload(tenant, task, payload().digest);
      expect(first.ok && Buffer.compare(first.value, large)).toBe(0);
      expect(await store().payload(tenant, task, "b".repeat(64))).toEqual({ ok: true, value: payload().sealed });
      expect(await store().payload(tenant, task, "c".repeat(64))).toEqual(missing);
      expect(await store().payload(TenantId.parse("other"), task, payload().digest)).toEqual(missing);
    });

    it("has nothing to run for a task that nothing waits for, nor before it is started", async () => {
      const task = freshTask();
      expect(await store().startRun(tenant, task)).toEqual(missing);
      expect(await store().leaseRun(tenant, task, LEASE_MS)).toEqual(missing);
      expect(await store().endRun(tenant, task, 1, { done: true })).toEqual(missing);
      await store().putPayload(tenant, task, payload());
      expect(await store().leaseRun(tenant, task, LEASE_MS)).toEqual(missing);
    });

    it("leases a run to one of several runners, and ends it under the newest fence alone", async () => {
      const task = freshTask();
      await store().putPayload(tenant, task, payload());
      for (let time = 0; time < 2; time++)
        expect(await store().startRun(tenant, task)).toEqual({ ok: true, value: null });
      const leases = await Promise.all([1, 2, 3, 4].map(() => store().leaseRun(tenant, task, LEASE_MS)));
      expect(leases.filter(({ ok }) => ok)).toEqual([{ ok: true, value: { fence: 1, attempts: 1 } }]);
      for (const lease of leases) if (!lease.ok) expect(lease.error).toMatchObject({ reason: "leased" });
      expect(await store().endRun(tenant, task, 1, { done: false, retry_ms: 1 })).toEqual({ ok: true, value: null });
      const second = await store().leaseRun(tenant, task, LEASE_MS);
      expect(second).toEqual({ ok: true, value: { fence: 2, attempts: 2 } });
      expect(await store().endRun(tenant, task, 1, { done: true })).toEqual(err({ reason: "fenced" }));
      expect(await store().endRun(tenant, task, 2, { done: true })).toEqual({ ok: true, value: null });
    });

    it("forgets the payload with the end of the run, and never runs it again", async () => {
      const task = freshTask();
      await store().putPayload(tenant, task, payload());
      await store().startRun(tenant, task);
      const lease = await store().leaseRun(tenant, task, LEASE_MS);
      await store().endRun(tenant, task, lease.ok ? lease.value.fence : 0, { done: true });
      expect(await store().payload(tenant, task, payload().digest)).toEqual(err({ reason: "expired" }));
      expect(await store().startRun(tenant, task)).toEqual({ ok: true, value: null });
      expect(await store().leaseRun(tenant, task, LEASE_MS)).toEqual(err({ reason: "finished" }));
    });

    it("tells of a task's callback until it is over, and counts each try before it is made", async () => {
      const task = freshTask();
      const sealed = new Uint8Array([3, 0, 255]);
      expect(await store().callback(tenant, task)).toEqual(missing);
      expect(await store().beginCallback(tenant, task)).toEqual(missing);
      const [deadline, expires_ms] = [inMs(60_000), inMs(120_000)];
      await store().detach(tenant, task, { sealed, job: null, deadline, expires_ms, callback: sealed, session: "s1" });
      const fresh = { state: "waiting", attempts: 0, last_status: null, reason: null };
      expect(await store().callback(tenant, task)).toEqual({ ok: true, value: { ...fresh, expires_ms, sealed } });
      expect(await store().detached(tenant, task)).toMatchObject({
        ok: true,
        value: { callback: fresh, session: "s1" },
      });
      for (const attempt of [1, 2])
        expect(await store().beginCallback(tenant, task)).toEqual({ ok: true, value: { attempt } });
      const late = { state: "waiting", retry_ms: LEASE_MS, last_status: 500, reason: "status" } as const;
      await store().endCallback(tenant, task, 1, late);
      expect(await store().detached(tenant, task)).toMatchObject({ value: { callback: { ...fresh, attempts: 2 } } });
      await store().endCallback(tenant, task, 2, { state: "delivered", last_status: 204, reason: null });
      const over = { state: "delivered", attempts: 2, last_status: 204, reason: null };
      expect(await store().detached(tenant, task)).toMatchObject({ value: { callback: over } });
      for (const nothing of [
        await store().callback(tenant, task),
        await store().beginCallback(tenant, task),
        await store().endCallback(tenant, task, 2, late),
      ])
        expect(nothing).toEqual(err({ reason: "over" }));
    });

    it("keeps a result beside what waits, so that a run's answer finds its place", async () => {
      const task = freshTask();
      await store().putPayload(tenant, task, payload());
      expect(await store().result(tenant, task)).toEqual(missing);
      const stored = result();
      await store().putResult(tenant, task, stored);
      expect(await store().result(tenant, task)).toEqual({ ok: true, value: stored });
    });
  });
}
