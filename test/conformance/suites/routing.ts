import { describe, expect, it } from "vitest";
import { type Lab, marker, user } from "../../support/lab.ts";

export function routingSuite(lab: Lab): void {
  const chat = (key: string, body: object, headers: Record<string, string> = {}) =>
    lab.ask("/v1/chat/completions", { key, body, headers });

  describe("routes", () => {
    it("answers a task envelope that says how it ran, what it cost and why", async () => {
      const tenant = await lab.newTenant();
      const response = await chat(tenant.apiKey, { model: "echo", messages: [user("x")] });
      const id = response.headers.get("x-bailiwick-task") ?? "";
      expect(await lab.task(tenant, id)).toMatchObject({
        schema_version: 1,
        object: "task",
        task_id: id,
        operation: "chat.completions.create",
        model: "echo",
        status: "OK",
        phase: "done",
        workspace: "default",
        engine: {
          route: "local",
          lane: "direct",
          provider: "upstream",
          model: "echo",
          candidates: [{ candidate: "upstream:echo", outcome: "chosen" }],
        },
        usage: {
          tokens: { in: 10, out: 5, cached: 0, total: 15 },
          cost_nusd: 20_000,
          cost_usd: "0.00002",
          estimated: false,
        },
        error: null,
      });
    });

    it("has a null status while it runs, and never a made-up one", async () => {
      const tenant = await lab.newTenant();
      const mark = marker();
      const running = chat(tenant.apiKey, { model: "held", messages: [user(mark)] });
      while (lab.upstream.about(mark).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      const log = await lab.json("/v1/ledger?limit=100", { key: tenant.adminKey });
      const opened = log.data.find((entry: { kind: string }) => entry.kind === "task.opened");
      expect(await lab.task(tenant, opened.task)).toMatchObject({ status: null, phase: "running" });
      lab.upstream.release();
      expect((await running).status).toBe(200);
    });

    it("falls back before the first token and names why the first was left", async () => {
      const tenant = await lab.newTenant();
      const response = await chat(tenant.apiKey, { model: "fallback", messages: [user("hello")] });
      expect((await response.json()).choices[0].message.content).toBe("echo: hello");
      const task = await lab.task(tenant, response.headers.get("x-bailiwick-task") ?? "");
      expect(task.engine.candidates).toMatchObject([
        { candidate: "synthetic-unreachable:synthetic-1", outcome: "failed" },
        { candidate: "spare:echo", outcome: "chosen" },
      ]);
    });

    it("uses an external provider for a tenant that allows it, and the record says api", async () => {
      const tenant = await lab.newTenant({ privacy: "allow-api" });
      const mark = marker();
      const response = await chat(tenant.apiKey, { model: "remote", messages: [user(mark)] });
      expect(response.status).toBe(200);
      expect(lab.remote.about(mark)).toHaveLength(1);
      const task = await lab.task(tenant, response.headers.get("x-bailiwick-task") ?? "");
      expect(task.engine).toMatchObject({ route: "api", provider: "remote" });
    });

    it("never sends a local-only tenant's call outside, not even as a fallback", async () => {
      const tenant = await lab.newTenant({ privacy: "local-only" });
      const mark = marker();
      for (const model of ["remote", "hybrid"]) {
        const response = await chat(tenant.apiKey, { model, messages: [user(mark)] });
        expect([403, 404, 502, 503]).toContain(response.status);
        await response.arrayBuffer();
      }
      expect(lab.remote.about(mark)).toHaveLength(0);
    });

    it("lets a caller tighten privacy for one call", async () => {
      const tenant = await lab.newTenant({ privacy: "allow-api" });
      const mark = marker();
      const tight = await chat(
        tenant.apiKey,
        { model: "remote", messages: [user(mark)] },
        { "x-bailiwick-privacy": "local-only" },
      );
      expect(tight.ok).toBe(false);
      expect(lab.remote.about(mark)).toHaveLength(0);
    });

    it("takes the hybrid route to the provider only after its own pool failed", async () => {
      const tenant = await lab.newTenant({ privacy: "hybrid" });
      const mark = marker();
      const response = await chat(tenant.apiKey, { model: "hybrid", messages: [user(mark)] });
      expect(response.status).toBe(200);
      expect(lab.remote.about(mark)).toHaveLength(1);
      const task = await lab.task(tenant, response.headers.get("x-bailiwick-task") ?? "");
      expect(task.engine).toMatchObject({ route: "hybrid", provider: "remote" });
    });

    it("marks synthetic answers in header and body, so that nobody takes them for a model's", async () => {
      const { apiKey } = await lab.newTenant();
      const response = await chat(apiKey, { model: "synthetic", messages: [user("x")] });
      expect(response.headers.get("x-bailiwick-synthetic")).toBe("true");
      expect(await response.text()).toContain("synthetic");
    });
  });

  describe("engine failures", () => {
    it.each([
      ["status-400", 400, "upstream_rejected"],
      ["status-401", 502, "upstream_failed"],
      ["status-429", 429, "engine_overloaded"],
      ["status-500", 502, "upstream_failed"],
      ["garbage", 502, "upstream_failed"],
      ["other-model", 502, "upstream_failed"],
      ["failing", 502, "upstream_failed"],
    ])("answers a typed problem when the engine is %s", async (model, status, code) => {
      const tenant = await lab.newTenant();
      const response = await chat(tenant.apiKey, { model, messages: [user("x")] });
      const document = JSON.parse(await response.text());
      expect([response.status, document.error.code]).toEqual([status, code]);
      expect(JSON.stringify(document)).not.toContain("canary-upstream-key");
      if (model === "status-429") expect(Number(response.headers.get("retry-after-ms"))).toBeGreaterThan(0);
      const task = await lab.task(tenant, response.headers.get("x-bailiwick-task") ?? "");
      expect(task).toMatchObject({ status: "ERROR", phase: "done" });
    });

    it("holds no money after failures", async () => {
      const tenant = await lab.newTenant();
      await lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "total", limit_usd: "1" } });
      for (const model of ["status-500", "garbage", "failing"])
        await (await chat(tenant.apiKey, { model, messages: [user("x")] })).text();
      const { data } = await lab.json("/v1/budgets", { key: tenant.adminKey });
      expect(data[0].held_nusd).toBe(0);
    });
  });
}
