import { describe, expect, it } from "vitest";
import { TaskId, TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import type { StoredResult, TaskStore } from "../../shared/contracts/ports/task-store.ts";
import { err } from "../../shared/contracts/result.ts";

const tenant = TenantId.parse("acme");
const inMs = (ms: number) => (Date.now() + ms) as UnixMs; // safe because: Unix milliseconds
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
  });
}
