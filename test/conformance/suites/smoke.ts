import { describe, expect, it } from "vitest";
import { DASHBOARDS } from "../../../infra/dashboards/panels.ts";
import { smoke, smokePassed } from "../../../infra/release/smoke.ts";
import { METRICS } from "../../../shared/telemetry/metric-table.ts";
import type { Lab } from "../../support/lab.ts";

/** What a release asks of a cell, asked of this one; and what its dashboards show, looked for in its metrics. */
export function smokeSuite(lab: Lab): void {
  describe("smoke", () => {
    it("passes a cell that works", async () => {
      const { apiKey } = await lab.newTenant();
      const results = await smoke({ url: lab.cell.url, key: apiKey, model: "echo" });
      expect(results.filter(({ ok }) => !ok)).toEqual([]);
      expect(smokePassed(results)).toBe(true);
    });

    it.each([
      [
        "a key that counts no more",
        async () => ({ key: `${(await lab.newTenant()).apiKey.slice(0, -1)}!` }),
        /lists the model/,
      ],
      ["a model that is not there", async () => ({ model: "no-such-model" }), /lists the model/],
      ["a model that does not answer", async () => ({ model: "unreachable-only" }), /answers a chat/],
      ["an address where nobody is", async () => ({ url: "http://127.0.0.1:1" }), /answers as alive/],
    ])("fails for %s, at the check that shows it, and asks no further", async (_what, change, at) => {
      const { apiKey } = await lab.newTenant();
      const results = await smoke({ url: lab.cell.url, key: apiKey, model: "echo", ...(await change()) });
      expect(smokePassed(results)).toBe(false);
      expect(results.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual([expect.stringMatching(at)]);
      expect(results.at(-1)?.ok).toBe(false);
    });

    it("finds in the cell's own metrics what its dashboards and alerts lean on, under those labels", async () => {
      const { apiKey } = await lab.newTenant();
      expect(smokePassed(await smoke({ url: lab.cell.url, key: apiKey, model: "echo" }))).toBe(true);
      const text = await (await lab.ask("/metrics", { key: lab.cell.adminKey })).text();
      const families = new Map(
        [...text.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name = "", type = ""]) => [name, type]),
      );
      for (const [name, type] of families) {
        expect(Object.keys(METRICS)).toContain(name);
        const declared = METRICS[name as keyof typeof METRICS].type; // safe because: looked for above
        expect(type, name).toBe(declared === "info" ? "gauge" : declared);
      }
      const shown = DASHBOARDS.filter(({ uid }) => uid !== "bailiwick-pools")
        .flatMap(({ panels }) => panels.flatMap(({ queries }) => Object.values(queries)))
        .join(" ");
      const asked = [...families.keys()].filter((name) => shown.includes(name));
      // Of a call that went well: the rest has no sample until something fails.
      for (const name of [
        "http_server_request_duration_seconds",
        "gen_ai_server_request_duration_seconds",
        "gen_ai_server_time_to_first_token_seconds",
        "gen_ai_client_token_usage",
        "bailiwick_admissions_total",
        "bailiwick_refusals_total",
        "bailiwick_policy_decisions_total",
        "bailiwick_policy_evaluation_seconds",
        "bailiwick_policy_freshness_age_seconds",
        "bailiwick_policy_unavailable_total",
        "bailiwick_settle_failures_total",
        "bailiwick_budget_settled_nusd_total",
        "bailiwick_engine_attempts_total",
        "bailiwick_streams_active",
        "bailiwick_build_info",
        "bailiwick_config_info",
      ])
        expect(asked).toContain(name);
    });
  });
}
