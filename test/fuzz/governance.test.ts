import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { approvalsDesk } from "../support/approvals-desk.ts";
import { eventually, startLab, WITHOUT_DATABASE } from "../support/lab.ts";
import { BUNDLE_KEYS_YAML } from "../support/policy-bundle.ts";
import type { Model, Real } from "./governance-model.ts";
import { GOVERNANCE_STEPS, readTask } from "./governance-steps.ts";
import { fuzzing } from "./settings.ts";
import { ask } from "./steps.ts";

const RUNS = fuzzing(10).numRuns;
const ENDED_MS_MAX = 30_000;

describe("sequences of policies, approvals and tasks", () => {
  let lab: Awaited<ReturnType<typeof startLab>>;
  const tenants = Array.from({ length: RUNS }, (_, at) => `fuzz${at}`);
  beforeAll(async () => {
    const entries = tenants.map((id) => `  ${id}: { privacy: allow-api, bundle_keys: ${BUNDLE_KEYS_YAML} }\n`).join("");
    lab = await startLab({
      ...{ runtime: "deno", env: WITHOUT_DATABASE },
      config: (files) => ({ ...files, "tenants.yml": `${files["tenants.yml"]?.trimEnd()}\n${entries}` }),
    });
  });
  afterAll(() => lab?.stop());

  /** What was approved has been carried out or refused by then, and what was not has not run. */
  async function atRest(model: Model, real: Real): Promise<void> {
    const rested = async <T>(read: () => Promise<T>, seen: (value: T) => boolean) =>
      expect(seen(await eventually(read, seen, ENDED_MS_MAX)), real.said.join("\n")).toBe(true);
    for (const task of model.tasks)
      await rested(
        () => readTask(task, real),
        (status) => status !== null,
      );
    for (const { id, mark, state } of model.approvals) {
      const read = async () => (await ask(real, "GET", `/v1/approvals/${id}`, { key: real.approver.key })).value.state;
      await rested(read, (seen) => seen === (state === "approved" ? "done" : state));
      expect(real.lab.upstream.about(mark).length).toBeLessThanOrEqual(state === "approved" ? 1 : 0);
    }
    for (const { mark } of model.tasks) expect(real.lab.upstream.about(mark).length).toBeLessThanOrEqual(1);
  }

  it("do what is in force and nothing else, so that nothing denied, rejected or deleted ever comes about", {
    timeout: 580_000,
  }, async () => {
    const seen = new Map<string, number>();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.commands(
          GOVERNANCE_STEPS.map((Made) => fc.nat({ max: 50 }).map((n) => new Made(n))),
          { maxCommands: 60, size: "max" },
        ),
        async (commands) => {
          const tenant = await lab.configuredTenant(tenants[run++] ?? "");
          const desk = approvalsDesk(lab);
          const model: Model = { bundles: [], active: null, canary: null, approvals: [], tasks: [] };
          const real: Real = {
            ...{ lab, tenant, stranger: await lab.newTenant(), said: [] },
            version: (await lab.json("/v1/policies", { key: tenant.adminKey })).version,
            requester: await desk.person(tenant, ["developer"]),
            approver: await desk.person(tenant, ["approver"]),
          };
          await fc.asyncModelRun(() => ({ model, real }), commands);
          await atRest(model, real);
          for (const line of real.said) {
            const [, method, path = "", status] = /^(\S+) (\S+) → (\d+)$/.exec(line) ?? [];
            const kind = `${method} ${path
              .split("?")[0]
              ?.replace(/\/[^/]*\d[^/]*/g, "/*")
              .slice(3)} ${status}`;
            seen.set(kind, (seen.get(kind) ?? 0) + 1);
          }
        },
      ),
      { ...fuzzing(10), endOnFailure: true, interruptAfterTimeLimit: 500_000 },
    );
    console.log(
      [...seen]
        .sort()
        .map(([kind, count]) => `${kind}: ${count}`)
        .join("\n"),
    );
    // Sequences reach behind what was denied, decided and deleted, not only up to it.
    for (const kind of [
      "POST chat/completions 403",
      "POST approvals/*/approve 200",
      "POST approvals/*/approve 409",
      "POST policies/rollback 200",
      "GET tasks/*/events 200",
      "POST tasks/*/cancel 200",
      "DELETE responses/* 200",
    ])
      expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(0);
  });
});
