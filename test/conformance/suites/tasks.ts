import { describe, expect, it } from "vitest";
import { eventually, type Lab, marker, type Tenant } from "../../support/lab.ts";
import { eventsOf } from "../../support/sse-events.ts";

/** Tasks that go on without their caller. */
export function tasksSuite(lab: Lab): void {
  describe("tasks", () => {
    const create = (tenant: Tenant, body: object, headers: Record<string, string> = {}) =>
      lab.ask("/v1/tasks", { key: tenant.apiKey, body: { intent: "chat", model: "echo", ...body }, headers });
    const created = async (tenant: Tenant, body: object) =>
      (await (await create(tenant, body)).json()).task_id as string; // safe because: the operation's own schema
    const ended = (tenant: Tenant, id: string) =>
      eventually(
        () => lab.task(tenant, id),
        ({ status }) => status !== null,
      );
    const events = (tenant: Tenant, path: string, headers: Record<string, string> = {}) =>
      lab.ask(path, { key: tenant.apiKey, headers });

    it("are accepted at once, and told with result, usage and cost where they are looked up", async () => {
      const tenant = await lab.newTenant();
      const response = await create(tenant, { input: "hi" });
      expect([response.status, response.headers.get("retry-after")]).toEqual([202, "1"]);
      const told = await response.json();
      expect(response.headers.get("location")).toBe(`/v1/tasks/${told.task_id}`);
      expect(told).toMatchObject({ schema_version: 1, object: "task", status: null });
      expect(told).not.toHaveProperty("callback");
      expect(await ended(tenant, told.task_id)).toMatchObject({
        ...{ task_id: told.task_id, status: "OK", phase: "done", error: null },
        result: { choices: [{ message: { content: "echo: hi" } }] },
        usage: { tokens: { in: 10, out: 5, total: 15 }, cost_nusd: 20_000 },
        engine: { route: "local", lane: "direct" },
      });
    });

    it("are answered whole within a wait that their caller prefers", async () => {
      const tenant = await lab.newTenant();
      const response = await create(tenant, { input: "hi" }, { prefer: "wait=20" });
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ status: "OK", result: { object: "chat.completion" } });
    });

    it("are made once for one key, whoever asks again", async () => {
      const [tenant, input] = [await lab.newTenant(), marker()];
      const headers = { "idempotency-key": marker() };
      const first = await (await create(tenant, { input }, headers)).json();
      await ended(tenant, first.task_id);
      const again = await (await create(tenant, { input }, headers)).json();
      expect(again.task_id).toBe(first.task_id);
      expect(lab.upstream.about(input)).toHaveLength(1);
    });

    it("are followed while they run, and read again byte for byte from any event on", async () => {
      const tenant = await lab.newTenant();
      const task = await created(tenant, { model: "paced", input: "one two", stream: true });
      const live = await (await events(tenant, `/v1/tasks/${task}/events`)).text();
      const all = eventsOf(live);
      expect(all.at(-1)).toMatchObject({ name: "done", data: { task_id: task, status: "OK" } });
      expect(all.filter(({ name }) => name === "token").length).toBeGreaterThan(10);
      expect(all.map(({ id }) => id)).toEqual([...all.map(({ id }) => id)].sort((a, b) => a - b));
      for (const path of [`/v1/tasks/${task}/events`, `/v1/stream/${task}`])
        expect(await (await events(tenant, path)).text()).toBe(live);
      const after = all[4]?.id ?? 0;
      const rest = live.slice(live.indexOf(`event: ${all[5]?.name}\nid: ${all[5]?.id}\n`));
      for (const again of [
        await events(tenant, `/v1/tasks/${task}/events?starting_after=${after}`),
        await events(tenant, `/v1/stream/${task}`, { "last-event-id": String(after) }),
      ])
        expect(await again.text()).toBe(rest);
    });

    it("end when they are cancelled, at the engine too, and cost what was used", async () => {
      const [tenant, input] = [await lab.newTenant(), marker()];
      const task = await created(tenant, { model: "slow", input, stream: true });
      const watching = await events(tenant, `/v1/tasks/${task}/events`);
      await eventually(
        async () => lab.upstream.about(input),
        (seen) => seen.length > 0,
      );
      const cancelled = await lab.json(`/v1/tasks/${task}/cancel`, { key: tenant.apiKey, method: "POST" });
      expect(cancelled).toMatchObject({ task_id: task, status: "CANCELED", phase: "done" });
      expect(eventsOf(await watching.text()).at(-1)).toMatchObject({ name: "error", data: { status: "CANCELED" } });
      expect(await lab.upstream.about(input)[0]?.over).toBe(false);
      const again = await lab.json(`/v1/tasks/${task}/cancel`, { key: tenant.apiKey, method: "POST" });
      expect(again.usage).toEqual(cancelled.usage);
    });

    it("that fail say why, and are no result", async () => {
      const tenant = await lab.newTenant();
      const task = await created(tenant, { model: "status-500", input: "hi" });
      const told = await ended(tenant, task);
      expect(told).toMatchObject({ status: "ERROR", phase: "done", result: null });
      expect(told.error.code).toEqual(expect.any(String));
      const last = eventsOf(await (await events(tenant, `/v1/tasks/${task}/events`)).text()).at(-1);
      expect(last).toMatchObject({ name: "error", data: { status: "ERROR" } });
    });

    it("take no callback to the cell's own network or over plain HTTP", async () => {
      const tenant = await lab.newTenant();
      for (const url of [
        "http://example.com/hook",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://u:p@example.com/",
      ]) {
        const response = await create(tenant, { input: "hi", callback_url: url });
        expect([response.status, (await response.json()).error.param]).toEqual([400, "callback_url"]);
      }
    });
  });
}
