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
      expect(tight.status).toBe(503);
      // The configuration rules it out: an SDK that asks again twice waits for nothing.
      const advice = ["x-should-retry", "retry-after", "retry-after-ms"].map((name) => tight.headers.get(name));
      expect(advice).toEqual(["false", null, null]);
      expect(lab.remote.about(mark)).toHaveLength(0);
    });

    it("holds a pinned workspace to less than its tenant, for the next call, and never to more", async () => {
      const tenant = await lab.newTenant({ privacy: "allow-api" });
      const mark = marker();
      const pin = (workspace: string, body: object | null) =>
        lab.ask(`/v1/workspaces/${workspace}/pin`, {
          ...{ key: tenant.adminKey, method: body === null ? "DELETE" : "PUT" },
          ...(body === null ? {} : { body }),
        });
      const ask = (headers: Record<string, string> = {}) =>
        chat(tenant.apiKey, { model: "remote", messages: [user(mark)] }, headers);
      const told = async (response: Response) => [response.status, (await response.json()).error?.code ?? null];
      expect((await pin("another", { privacy: "local-only" })).status).toBe(200);
      expect((await ask()).status).toBe(200);
      for (const body of [{ privacy: "local-only" }, { providers: ["upstream"] }]) {
        expect((await pin("default", body)).status).toBe(200);
        expect(await told(await ask())).toEqual([503, "no_route"]);
      }
      expect((await pin("default", { privacy: "hybrid" })).status).toBe(200);
      expect(await told(await ask({ "x-bailiwick-privacy": "allow-api" }))).toEqual([400, "privacy_loosened"]);
      expect(lab.remote.about(mark)).toHaveLength(1);
      expect(await told(await pin("default", { providers: ["nobody"] }))).toEqual([400, "invalid_request"]);
      expect((await pin("default", null)).status).toBe(200);
      expect((await pin("default", null)).status).toBe(404);
      const narrow = await lab.newTenant({ privacy: "local-only" });
      const body = { privacy: "hybrid" };
      const wider = await lab.ask("/v1/workspaces/default/pin", { key: narrow.adminKey, method: "PUT", body });
      expect(await told(wider)).toEqual([400, "invalid_request"]);
    });

    it("keeps what its caller labels on the cell's own pools, where configuration or a marking says so", async () => {
      const tenant = await lab.newTenant();
      const mark = marker();
      const ask = (headers: Record<string, string>, model = "remote") =>
        chat(tenant.apiKey, { model, messages: [user(mark)] }, headers);
      const told = async (response: Response) => [response.status, (await response.json()).error.code];
      expect(await told(await ask({ "x-bailiwick-classification": "restricted" }))).toEqual([503, "no_route"]);
      // A marking that the operators said nothing about goes nowhere else either.
      for (const markings of ["HERE", "UNHEARD-OF", "PARTNER, HERE"])
        expect(await told(await ask({ "x-bailiwick-markings": markings })), markings).toEqual([403, "forbidden"]);
      expect(lab.remote.about(mark)).toHaveLength(0);
      expect((await ask({ "x-bailiwick-markings": "HERE" }, "echo")).status).toBe(200);
      expect(
        (await ask({ "x-bailiwick-classification": "confidential", "x-bailiwick-markings": "PARTNER" })).status,
      ).toBe(200);
      expect(lab.remote.about(mark)).toHaveLength(1);
    });

    it("lets nobody label a call below what its tenant says", async () => {
      const tenant = await lab.configuredTenant("labelled");
      const ask = (classification: string) =>
        chat(tenant.apiKey, { model: "echo", messages: [user("x")] }, { "x-bailiwick-classification": classification });
      const lowered = await ask("internal");
      expect([lowered.status, (await lowered.json()).error.code]).toEqual([400, "label_lowered"]);
      expect((await ask("confidential")).status).toBe(200);
      expect((await chat(tenant.apiKey, { model: "echo", messages: [user("x")] })).status).toBe(200);
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

    it.each([
      ["chat", "/v1/chat/completions", (text: string) => ({ messages: [user(text)] })],
      ["a chat stream", "/v1/chat/completions", (text: string) => ({ messages: [user(text)], stream: true })],
      ["responses", "/v1/responses", (text: string) => ({ input: text, instructions: text })],
      ["messages", "/v1/messages", (text: string) => ({ max_tokens: 50, system: text, messages: [user(text)] })],
    ])("shows the provider behind our own pool placeholders only, in %s", async (_name, path, body) => {
      const tenant = await lab.newTenant({ privacy: "hybrid" });
      const mark = marker();
      const text = `${mark} mail alice@example.com or +49 30 901820, key sk-canary-9fQ2xLm4T7vB1nKc8Z0`;
      const response = await lab.ask(path, { key: tenant.apiKey, body: { model: "hybrid", ...body(text) } });
      expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("[email-1]")]);
      const [seen] = lab.remote.about(mark);
      expect(seen?.raw).toContain("[email-1] or [phone-1], key [api-key-1]");
      expect(seen?.raw).not.toMatch(/alice|901820|sk-canary/);
      const id = response.headers.get("x-bailiwick-task") ?? "";
      const { engine } = await lab.task(tenant, id);
      // Our own pool has failed so often by now that its breaker may be open: the provider is then the first that is asked.
      const chosen = engine.candidates.find((row: { outcome: string }) => row.outcome === "chosen");
      expect(chosen.reason).toMatch(/^(?:fallback|first_choice) \(redacted: api-key \d, email \d, phone \d\)$/);
      const log = await lab.json("/v1/ledger?limit=100", { key: tenant.adminKey });
      const closed = log.data.find(
        (entry: { kind: string; task: string }) => entry.kind === "task.closed" && entry.task === id,
      );
      expect(closed.detail.call.redaction).toMatchObject({ email: expect.any(Number), phone: expect.any(Number) });
      expect(JSON.stringify(log)).not.toMatch(/alice|901820|sk-canary/);
    });

    it("passes the caller's trace on to the engine, but its free text never to a provider behind our own pool", async () => {
      const tenant = await lab.newTenant({ privacy: "hybrid" });
      const trace = "0af7651916cd43dd8448eb211c80319c";
      const sent = async (model: string, tracestate: string) => {
        const mark = marker();
        const traced = { traceparent: `00-${trace}-b7ad6b7169203331-01`, tracestate };
        const response = await chat(tenant.apiKey, { model, messages: [user(mark)] }, traced);
        expect([response.status, (await response.text()) !== ""]).toEqual([200, true]);
        return (model === "hybrid" ? lab.remote : lab.upstream).about(mark)[0]?.headers ?? {};
      };
      const own = await sent("echo", "congo=t61rcWkgMzE, rojo=00f067aa0ba902b7");
      expect(own.traceparent).toMatch(`00-${trace}-`);
      expect(own.tracestate).toBe("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
      expect((await sent("echo", `k=${"v".repeat(600)}`)).tracestate).toBeUndefined();
      const behind = await sent("hybrid", "mail=alice@example.com");
      expect(behind.traceparent).toMatch(`00-${trace}-`);
      expect(behind.tracestate).toBeUndefined();
    });

    it("asks no provider behind our own pool when a part cannot be redacted, so that no file leaves unread", async () => {
      const tenant = await lab.newTenant({ privacy: "hybrid" });
      const mark = marker();
      const content = [
        { type: "text", text: mark },
        { type: "file", file: { file_data: "data:application/pdf;base64,JVBERi0=" } },
      ];
      const response = await chat(tenant.apiKey, { model: "hybrid", messages: [{ role: "user", content }] });
      const { engine } = await lab.task(tenant, response.headers.get("x-bailiwick-task") ?? "");
      // The default policy obliges to redact what leaves: a duty that cannot be kept is a denial.
      expect(engine.candidates).toContainEqual({
        candidate: "remote:echo",
        outcome: "failed",
        reason: "obligation_failed",
      });
      expect(lab.remote.about(mark)).toHaveLength(0);
      // Where our own pool was asked first, that it did not answer is what the caller may try again; an edge whose breaker
      // for it is open has nobody left but the provider.
      const own = engine.candidates.find((row: { candidate: string }) =>
        row.candidate.startsWith("synthetic-unreachable:"),
      );
      expect([own.reason, response.status, (await response.json()).error.code]).toEqual(
        own.reason === "breaker_open" ? ["breaker_open", 403, "obligation_failed"] : ["unreachable", 503, "no_route"],
      );
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
