import { describe, expect, it } from "vitest";
import { type Lab, user } from "../../support/lab.ts";

export function metricsSuite(lab: Lab): void {
  const scrape = async (): Promise<string> => {
    const response = await lab.ask("/metrics", { key: lab.cell.adminKey });
    expect(response.status).toBe(200);
    return response.text();
  };
  /** Sum of the samples of a metric whose labels contain all of `labels`. */
  const sum = (text: string, name: string, labels: readonly string[] = []): number =>
    text
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => labels.every((label) => line.includes(label)))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);

  /** What one action adds to each metric. */
  async function added(act: () => Promise<unknown>): Promise<(name: string, ...labels: string[]) => number> {
    const before = await scrape();
    await act();
    const after = await scrape();
    return (name, ...labels) => sum(after, name, labels) - sum(before, name, labels);
  }

  describe("metrics", () => {
    it("counts a model call by operation, provider and model, so that dashboards of the conventions work", async () => {
      const { apiKey } = await lab.newTenant();
      const openai = lab.openai(apiKey);
      const plus = await added(async () => {
        await openai.chat.completions.create({ model: "echo", messages: [user("x")] });
        await openai.embeddings.create({ model: "embed", input: "x" });
      });
      const echo = ['gen_ai_provider_name="openai"', 'gen_ai_request_model="echo"', 'gen_ai_response_model="echo"'];
      expect(plus("gen_ai_server_request_duration_seconds_count", 'operation_name="chat"', ...echo)).toBe(1);
      expect(plus("gen_ai_client_token_usage_sum", 'token_type="input"', ...echo)).toBe(10);
      expect(plus("gen_ai_client_token_usage_sum", 'token_type="output"', ...echo)).toBe(5);
      expect(plus("gen_ai_server_request_duration_seconds_count", 'operation_name="embeddings"')).toBe(1);
      expect(plus("bailiwick_engine_attempts_total", 'provider="upstream"', 'outcome="accepted"')).toBe(2);
    });

    it("times the first token of a stream and those after it", async () => {
      const { apiKey } = await lab.newTenant();
      const plus = await added(async () => {
        const body = { model: "paced", messages: [user("x")], stream: true };
        await (await lab.ask("/v1/chat/completions", { key: apiKey, body })).text();
      });
      const paced = 'gen_ai_response_model="paced"';
      expect(plus("gen_ai_server_time_to_first_token_seconds_count", paced)).toBe(1);
      expect(plus("gen_ai_server_time_per_output_token_seconds_count", paced)).toBe(1);
      expect(plus("gen_ai_server_time_per_output_token_seconds_sum", paced)).toBeGreaterThan(0.05);
    });

    it("counts a fallback with where it left and why, and the failed try", async () => {
      const { apiKey } = await lab.newTenant();
      const failing = 'provider="synthetic-overloaded"';
      const plus = await added(async () => {
        const body = { model: "overloaded-first", messages: [user("x")] };
        expect((await lab.ask("/v1/chat/completions", { key: apiKey, body })).status).toBe(200);
      });
      expect(plus("bailiwick_engine_attempts_total", failing, 'outcome="overloaded"')).toBe(1);
      expect(
        plus("bailiwick_fallbacks_total", 'from="synthetic-overloaded"', 'to="spare"', 'reason="overloaded"'),
      ).toBe(1);
    });

    it("tells money as it is held, charged, warned of and refused", async () => {
      const tenant = await lab.newTenant();
      const ask = async (body: object = {}, headers = {}) =>
        (
          await lab.ask("/v1/chat/completions", {
            key: tenant.apiKey,
            body: { model: "echo", messages: [user("x")], ...body },
            headers,
          })
        ).text();
      const held = await added(ask);
      expect(held("bailiwick_budget_settled_nusd_total", 'estimated="false"')).toBe(20_000);
      expect(held("bailiwick_budget_reserved_nusd_total")).toBeGreaterThanOrEqual(20_000);
      const estimated = await added(() => ask({ model: "no-usage" }));
      expect(estimated("bailiwick_budget_settled_nusd_total", 'estimated="true"')).toBeGreaterThan(0);
      const tooSmall = await added(() => ask({}, { "x-bailiwick-budget-usd": "0.000000001" }));
      expect(tooSmall("bailiwick_budget_refusals_total", 'reason="task_cap"')).toBe(1);
      const budget = { period: "total", limit_usd: "0.000000001" };
      await lab.json("/v1/budgets", { key: tenant.adminKey, body: { ...budget, hard: false } });
      const warned = await added(ask);
      expect(warned("bailiwick_budget_warnings_total")).toBe(1);
      await lab.json("/v1/budgets", { key: tenant.adminKey, body: budget });
      const refused = await added(ask);
      expect(refused("bailiwick_budget_refusals_total", 'reason="budget"')).toBe(1);
    });

    it("names the configuration and the code that run, and every breaker that was asked", async () => {
      const { apiKey } = await lab.newTenant();
      await lab.openai(apiKey).chat.completions.create({ model: "echo", messages: [user("x")] });
      const text = await scrape();
      expect(text).toMatch(/^bailiwick_config_info\{digest="sha256:[0-9a-f]{64}"\} 1$/m);
      expect(text).toMatch(/^bailiwick_build_info\{release="[^"]+",runtime="[^"]+"\} 1$/m);
      expect(text).toMatch(/^bailiwick_breaker_state\{provider="upstream"\} 0$/m);
    });

    it("shows an open breaker as open, so that an alert can see it", async () => {
      const { apiKey } = await lab.newTenant();
      const body = { model: "unreachable-only", messages: [user("x")] };
      for (let i = 0; i < 5; i++) await (await lab.ask("/v1/chat/completions", { key: apiKey, body })).text();
      expect(await scrape()).toMatch(/^bailiwick_breaker_state\{provider="synthetic-gone"\} 2$/m);
    });

    it("keeps tenants, keys and content out of every label", async () => {
      const tenant = await lab.newTenant();
      await lab.openai(tenant.apiKey).chat.completions.create({ model: "echo", messages: [user("canary-label-7")] });
      const text = await scrape();
      for (const secret of [tenant.id, tenant.apiKey, "canary-label-7"]) expect(text).not.toContain(secret);
    });
  });
}
