import { describe, expect, it } from "vitest";
import { type Lab, marker, user } from "../../support/lab.ts";

const call = (lab: Lab, key: string, body: object) => lab.ask("/v1/chat/completions", { key, body });

export function moneySuite(lab: Lab): void {
  describe("budgets and rates", () => {
    it("never lets 200 parallel calls pass a hard budget", async () => {
      const tenant = await lab.newTenant();
      const limit_nusd = 2_000_000;
      await lab.json("/v1/budgets", {
        key: tenant.adminKey,
        body: { period: "total", limit_usd: "0.002", hard: true },
      });
      const body = { model: "echo", messages: [user("spend")], max_completion_tokens: 100 };
      const answers = await Promise.all(
        Array.from({ length: 200 }, async () => {
          const response = await call(lab, tenant.apiKey, body);
          await response.arrayBuffer();
          return response;
        }),
      );
      const statuses = answers.map((response) => response.status);
      expect(new Set(statuses)).toEqual(new Set([200, 429]));
      const { data } = await lab.json("/v1/budgets", { key: tenant.adminKey });
      const ran = statuses.filter((status) => status === 200).length;
      expect(data[0].spent_nusd).toBe(ran * 20_000);
      expect(data[0].held_nusd).toBe(0);
      expect(data[0].spent_nusd).toBeLessThanOrEqual(limit_nusd);
    });

    it("tells an exhausted budget as insufficient_quota that SDKs do not retry", async () => {
      const tenant = await lab.newTenant();
      await lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "day", limit_usd: "0.000000001" } });
      const refused = await call(lab, tenant.apiKey, { model: "echo", messages: [user("x")] });
      expect(refused.status).toBe(429);
      expect(refused.headers.get("x-should-retry")).toBe("false");
      expect(Number(refused.headers.get("retry-after"))).toBeLessThanOrEqual(60);
      expect((await refused.json()).error).toMatchObject({ code: "insufficient_quota", type: "insufficient_quota" });
    });

    it("lets a soft budget pass with a warning", async () => {
      const tenant = await lab.newTenant();
      const budget = { period: "day", limit_usd: "0.000000001", hard: false };
      const { id } = await lab.json("/v1/budgets", { key: tenant.adminKey, body: budget });
      await (await call(lab, tenant.apiKey, { model: "echo", messages: [user("x")] })).text();
      const second = await call(lab, tenant.apiKey, { model: "echo", messages: [user("x")] });
      expect(second.status).toBe(200);
      expect(second.headers.get("x-bailiwick-budget-warning")).toContain(id);
    });

    it("tells the engine to stop where the task's budget ends, so that no answer costs more than was held", async () => {
      const { apiKey } = await lab.newTenant();
      const mark = marker();
      const body = { model: "dear", messages: [user(mark)], max_completion_tokens: 16_000 };
      expect((await call(lab, apiKey, body)).status).toBe(200);
      const sent = lab.upstream.about(mark)[0]?.body;
      const cap = Number(sent?.max_completion_tokens ?? sent?.max_tokens);
      // 0.02 USD at 60 USD a million output tokens.
      expect(cap).toBeLessThanOrEqual(333);
      expect(cap).toBeGreaterThan(100);
    });

    it("refuses a request that no useful answer fits into, before any engine is asked", async () => {
      const { apiKey } = await lab.newTenant();
      const mark = marker();
      const refused = await call(lab, apiKey, { model: "ruinous", messages: [user(mark)] });
      expect([refused.status, (await refused.json()).error.code]).toEqual([400, "task_budget_exceeded"]);
      expect(lab.upstream.about(mark)).toHaveLength(0);
    });

    it("answers 429 with when to come back once a key's rate is used up, and names the rate before", async () => {
      const tenant = await lab.configuredTenant("slowlane");
      const body = { model: "echo", messages: [user("x")] };
      const answers: Response[] = [];
      for (let n = 0; n < 4; n++) answers.push(await call(lab, tenant.apiKey, body));
      expect(answers.map((response) => response.status)).toEqual([200, 200, 200, 429]);
      expect(answers[0]?.headers.get("x-ratelimit-limit-requests")).not.toBeNull();
      expect(answers.map((response) => response.headers.get("x-ratelimit-remaining-requests")).slice(0, 3)).toEqual([
        "2",
        "1",
        "0",
      ]);
      expect(answers[0]?.headers.get("ratelimit")).toBeTruthy();
      expect(answers[0]?.headers.get("ratelimit-policy")).toBeTruthy();
      const last = answers[3];
      expect(Number(last?.headers.get("retry-after-ms"))).toBeGreaterThan(0);
      expect(Number(last?.headers.get("retry-after"))).toBeLessThanOrEqual(60);
      expect(JSON.parse((await last?.text()) ?? "{}").error).toMatchObject({
        code: "rate_limit_exceeded",
        type: "rate_limit_error",
      });
    });

    it("adds up: usage of the report, of the tasks and of the budget are the same sum", async () => {
      const tenant = await lab.newTenant();
      await lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "total", limit_usd: "1" } });
      for (const model of ["echo", "echo", "synthetic"])
        await (await call(lab, tenant.apiKey, { model, messages: [user("x")] })).text();
      const report = await lab.json("/v1/usage?group_by=model", { key: tenant.adminKey });
      const rows = Object.fromEntries(report.data.map((row: { model: string }) => [row.model, row]));
      expect(rows.echo).toMatchObject({ requests: 2, tokens_in: 20, tokens_out: 10, cost_nusd: 40_000 });
      expect(rows.synthetic.requests).toBe(1);
      const total = report.data.reduce((sum: number, row: { cost_nusd: number }) => sum + row.cost_nusd, 0);
      const { data } = await lab.json("/v1/budgets", { key: tenant.adminKey });
      expect(data[0].spent_nusd).toBe(total);
    });
  });
}
