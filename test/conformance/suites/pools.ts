import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { JobQueue } from "../../../shared/contracts/ports/job-queue.ts";
import { deadLetter, jobOf, queuedTask, taskOfJob } from "../../support/dead-letters.ts";
import { eventually, type Lab, type Tenant, user } from "../../support/lab.ts";
import { nextJob, queueOf, ScriptedWorker } from "../../support/scripted-worker.ts";

const WHOLE = JSON.stringify({
  ...{ id: "c", object: "chat.completion", created: 1, model: "echo" },
  choices: [{ index: 0, message: { role: "assistant", content: "done" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});
const LETTERS = "/v1/pools/local/dead-letters";

export function poolsSuite(lab: Lab): void {
  describe("pools", () => {
    let queue: JobQueue;
    const workers: ScriptedWorker[] = [];
    const connect = async (options: Parameters<typeof ScriptedWorker.connect>[1] = {}) => {
      const worker = await ScriptedWorker.connect(lab.cell, options);
      workers.push(worker);
      return worker;
    };
    beforeAll(async () => {
      queue = await queueOf(lab.cell);
    });
    afterEach(() => {
      for (const worker of workers.splice(0)) worker.close();
    });
    afterAll(() => queue?.close());

    const operated = (path: string, options: Parameters<Lab["ask"]>[1] = {}) =>
      lab.ask(path, { key: lab.cell.adminKey, ...options });
    const chat = (tenant: Tenant, model: string, headers: Record<string, string> = {}) =>
      lab.ask("/v1/chat/completions", { key: tenant.apiKey, body: { model, messages: [user("x")] }, headers });
    /** Until the cell has heard that the workers of the test before are gone. */
    const nobody = () =>
      eventually(
        async () => (await lab.json("/v1/pools/local", { key: lab.cell.adminKey })).workers,
        (count) => count === 0,
      );
    /** Until every edge has heard of the worker: one that stands at another edge is told of by the cell's object. */
    const heard = () =>
      Promise.all(
        lab.cell.edges.map((edge) =>
          eventually(
            async () => {
              const headers = { authorization: `Bearer ${lab.cell.adminKey}` };
              return (await (await fetch(`${edge}/v1/pools/local`, { headers })).json()).ready_workers;
            },
            (count) => count === 1,
          ),
        ),
      );
    const refused = async (response: Response) => {
      const document = await response.json();
      const after = Number(response.headers.get("retry-after"));
      expect(after).toBeGreaterThanOrEqual(1);
      expect(after).toBeLessThanOrEqual(30);
      const reasons = document.candidates.map(({ reason }: { reason: string }) => reason);
      return [response.status, document.error.code, reasons];
    };
    const opened = async (tenant: Tenant): Promise<unknown[]> =>
      (await lab.json("/v1/ledger/entries?limit=100", { key: tenant.adminKey })).data.filter(
        ({ kind }: { kind: string }) => kind === "task.opened",
      );
    const answer = async (worker: ScriptedWorker, body: string): Promise<void> => {
      const leased = await worker.lease(body);
      worker.head(leased);
      worker.chunks(leased, [WHOLE]);
      worker.end(leased, 1);
      await worker.frame("settled");
    };

    describe("admission by load", () => {
      it("refuses a call whose model no worker serves, with nothing held and nothing opened for it", async () => {
        const tenant = await lab.newTenant();
        await nobody();
        const none = [503, "pool_unavailable", ["pool_unavailable"]];
        expect(await refused(await chat(tenant, "queued"))).toEqual(none);
        const other = await connect({ serves: "other" });
        expect(await refused(await chat(tenant, "queued"))).toEqual(none);
        other.close();
        await connect({ load: { ready: false } });
        expect(await refused(await chat(tenant, "queued"))).toEqual(none);
        expect(await opened(tenant)).toEqual([]);
      });

      it("refuses a call that would wait too long, and takes it once the pool has caught up", async () => {
        const tenant = await lab.newTenant();
        await nobody();
        const worker = await connect({ load: { running: 8, waiting: 400 } });
        expect(await refused(await chat(tenant, "queued"))).toEqual([429, "pool_overloaded", ["pool_overloaded"]]);
        // A caller with less time than the wait is refused at a load that others are taken at.
        worker.load({ running: 8, waiting: 16 });
        const hurried = { "x-bailiwick-deadline-ms": "5000" };
        await eventually(
          async () => (await lab.json("/v1/pools/local", { key: lab.cell.adminKey })).waiting,
          (waiting) => waiting === 16,
        );
        expect(await refused(await chat(tenant, "queued", hurried))).toEqual([
          ...[429, "pool_overloaded", ["pool_overloaded"]],
        ]);
        expect(await opened(tenant)).toEqual([]);
        const task = await queuedTask(lab, tenant);
        await answer(worker, (await jobOf(queue, task)).body);
        expect(await lab.task(tenant, task)).toMatchObject({ status: "OK" });
      });

      it("goes to the next candidate, and says why", async () => {
        const tenant = await lab.newTenant();
        await nobody();
        const response = await chat(tenant, "queued-first");
        expect(response.status).toBe(200);
        await response.json();
        const task = await lab.task(tenant, response.headers.get("x-bailiwick-task") ?? "");
        expect(task.engine.candidates).toEqual([
          { candidate: "spare:echo", outcome: "chosen", reason: "first_choice" },
          { candidate: "pool:echo", outcome: "rejected", reason: "pool_unavailable" },
        ]);
      });

      it("does not burn the key of a call that no worker took", async () => {
        const tenant = await lab.newTenant();
        await nobody();
        const key = { "idempotency-key": '"pool-key"' };
        expect(await refused(await chat(tenant, "queued", key))).toEqual([
          ...[503, "pool_unavailable", ["pool_unavailable"]],
        ]);
        const worker = await connect();
        await heard();
        const asked = chat(tenant, "queued", key);
        const job = await nextJob(queue);
        await answer(worker, job.body);
        expect((await asked).status).toBe(200);
        worker.close();
        await nobody();
        // What is stored is answered without a worker.
        const again = await chat(tenant, "queued", key);
        expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
      });
    });

    it("shows operators workers, load, queues and waits, and nobody else anything", async () => {
      const tenant = await lab.newTenant();
      await connect({ load: { running: 2, waiting: 1, concurrency: 4 } });
      const pool = await lab.json("/v1/pools/local", { key: lab.cell.adminKey });
      expect(pool).toMatchObject({
        ...{ object: "pool", id: "local", available: true, workers: 1, ready_workers: 1 },
        ...{ capacity: 4, running: 2, waiting: 1, scale_from_zero: false, max_wait_ms: 60_000 },
        models: [{ id: "echo", digest: null, ready_workers: 1, capacity: 4 }],
      });
      expect(pool.queues.map((one: { class: string }) => one.class)).toEqual(["interactive", "batch"]);
      const list = await lab.json("/v1/pools", { key: lab.cell.adminKey });
      expect(list.data.map(({ id }: { id: string }) => id)).toEqual(["local", "unheard"]);
      expect((await operated("/v1/pools/nowhere")).status).toBe(404);
      for (const path of ["/v1/pools", "/v1/pools/local", LETTERS])
        expect((await lab.ask(path, { key: tenant.adminKey })).status).toBe(403);
    });

    it("tells the load and the queues of each pool at /metrics", async () => {
      await nobody();
      await connect({ load: { running: 3, concurrency: 5 } });
      const told = await eventually(
        async () => (await operated("/metrics")).text(),
        (text) => text.includes('bailiwick_pool_running{pool="local"} 3'),
      );
      for (const [name, value] of [
        ["workers", 1],
        ["capacity", 5],
        ["running", 3],
      ])
        expect(told).toContain(`bailiwick_pool_${name}{pool="local"} ${value}`);
      for (const name of ["bailiwick_queue_depth", "bailiwick_dead_letters"]) {
        expect(told).toMatch(RegExp(`# HELP ${name} `));
        for (const of of ["interactive", "batch"])
          expect(told).toMatch(RegExp(`${name}{pool="local",class="${of}"} \\d`));
      }
    });

    describe("dead letters", () => {
      it("go back to the same task, which is charged once however often it is redriven", async () => {
        const tenant = await lab.newTenant();
        const { letter, task } = await deadLetter(lab, tenant, "the worker said no");
        const path = `${LETTERS}/${letter}`;
        const shown = await lab.json(path, { key: lab.cell.adminKey });
        expect(shown).toMatchObject({
          ...{ reason: "the worker said no", task_id: task, tenant_id: tenant.id, class: "interactive", attempts: 1 },
          task: { phase: "queued", attempts: 0, cancel_requested: false },
          redrivable: true,
        });
        expect(Date.parse(shown.dead_at)).toBeGreaterThanOrEqual(Date.parse(shown.enqueued_at));
        expect(JSON.stringify(shown)).not.toContain("eyJ");
        const redriven = await operated(`${path}/redrive`, { method: "POST" });
        expect(await redriven.json()).toMatchObject({ task_id: task, ticket_renewed: false });
        expect((await operated(`${path}/redrive`, { method: "POST" })).status).toBe(404);
        const worker = await connect();
        const job = await jobOf(queue, task);
        await answer(worker, job.body);
        const settled = await lab.task(tenant, task);
        expect(settled).toMatchObject({ status: "OK", usage: { cost_nusd: 7_000 } });
        // The message again: its task has ended, so that a second run would be a second charge.
        await queue.bury(job, "again");
        const { data } = await lab.json(`${LETTERS}?limit=100`, { key: lab.cell.adminKey });
        const again = data.find((one: { task_id: string }) => one.task_id === task);
        const refusal = await operated(`${LETTERS}/${again.id}/redrive`, { method: "POST" });
        expect([refusal.status, (await refusal.json()).error.code]).toEqual([409, "task_settled"]);
        expect(await lab.json(`${LETTERS}/${again.id}`, { key: lab.cell.adminKey })).toMatchObject({
          ...{ redrivable: false, task: { phase: "done" } },
        });
        expect((await operated(`${LETTERS}/${again.id}`, { method: "DELETE" })).status).toBe(200);
        expect((await operated(`${LETTERS}/${again.id}`)).status).toBe(404);
        expect(await lab.task(tenant, task)).toMatchObject({ usage: { cost_nusd: 7_000 } });
      });

      it("are redriven and forgotten in the cell's own ledger, with who did it", async () => {
        const tenant = await lab.newTenant();
        const [first, second] = [await deadLetter(lab, tenant), await deadLetter(lab, tenant)];
        await operated(`${LETTERS}/${first.letter}/redrive`, { method: "POST" });
        await operated(`${LETTERS}/${second.letter}`, { method: "DELETE" });
        const { size } = await lab.json("/v1/cell/ledger/entries?limit=1", { key: lab.cell.adminKey });
        const from = Math.max(0, size - 50);
        const { data } = await lab.json(`/v1/cell/ledger/entries?from=${from}&limit=50`, { key: lab.cell.adminKey });
        const entries = data.filter(({ kind }: { kind: string }) => kind.startsWith("dead_letter."));
        for (const [kind, { letter, task }] of [
          ["dead_letter.redriven", first],
          ["dead_letter.purged", second],
        ] as const) {
          const entry = entries.find((one: { detail: { task: string } }) => one.detail.task === task);
          expect(entry).toMatchObject({
            ...{ kind, outcome: "success", action: "cell:write", detail: { pool: "local", letter, tenant: tenant.id } },
          });
          expect(entry.subject).not.toBe("");
          expect(entry.credential).not.toBe("");
        }
      });

      it("that this cell did not write are shown without a task, and can only be forgotten", async () => {
        const sent = { queue: { pool: "local", class: "batch" }, tenant: "acme", traceparent: "" } as const;
        await queue.send({ ...sent, body: '{"not":"ours"}' });
        const [job] = await queue.receive(sent.queue, { max: 1, wait_ms: 10_000, visibility_ms: 60_000 });
        if (!job) throw new Error("nothing came");
        await queue.bury(job, "not a message that this worker knows");
        const { data } = await lab.json(`${LETTERS}?class=batch&limit=100`, { key: lab.cell.adminKey });
        const strange = data.find((one: { task_id: string | null }) => one.task_id === null);
        expect(strange).toMatchObject({
          class: "batch",
          tenant_id: null,
          reason: "not a message that this worker knows",
        });
        const refusal = await operated(`${LETTERS}/${strange.id}/redrive`, { method: "POST" });
        expect([refusal.status, (await refusal.json()).error.code]).toEqual([422, "dead_letter_unreadable"]);
        const purged = await operated(`${LETTERS}?class=batch`, { method: "DELETE" });
        expect(await purged.json()).toMatchObject({ pool: "local", purged: data.length, has_more: false });
        expect((await lab.json(`${LETTERS}?class=batch`, { key: lab.cell.adminKey })).data).toEqual([]);
        expect((await operated(`${LETTERS}/${strange.id}`, { method: "DELETE" })).status).toBe(404);
      });
    });

    it("ends a job that ends its workers, while others of the same queue go on", async () => {
      const [tenant, other] = [await lab.newTenant(), await lab.newTenant()];
      const steady = await connect();
      const poison = await queuedTask(lab, tenant);
      const { body } = await jobOf(queue, poison);
      const refusal = async (): Promise<string | null> => {
        const victim = await connect();
        victim.ask(body);
        const frame = await victim.frame("leased", "refused");
        victim.close();
        return frame.t === "leased" ? null : frame.reason;
      };
      // Each worker that begins it dies of it; between two of them somebody else's job is done.
      const end = await eventually(refusal, (reason) => reason === "exhausted" || reason === "finished");
      expect(end).toBe("exhausted");
      expect(await lab.task(tenant, poison)).toMatchObject({ status: "ERROR", error: { code: "upstream_failed" } });
      const task = await queuedTask(lab, other);
      let job = await nextJob(queue);
      // The poisoned job may have been sent again: a worker buries it, and the next one comes.
      while (taskOfJob(job) !== task) job = await nextJob(queue);
      await answer(steady, job.body);
      expect(await lab.task(other, task)).toMatchObject({ status: "OK" });
    });
  });
}
