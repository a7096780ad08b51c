import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { observed } from "../../crash/faults/observed.ts";
import { eventually, marker, startLab, type Tenant, user } from "../../support/lab.ts";
import { expectChained, readLedger } from "../../support/ledger.ts";
import { mixedRun } from "../../support/mixed-run.ts";
import { type Postgres, postgresBinaries, startPostgres } from "../../support/postgres.ts";
import { expectReadModelsWhole, expectSumsAgree } from "../../support/sums.ts";

const bin = postgresBinaries();

/** The shortest deadline, and the grace after which what nobody settled is closed. */
const DEADLINE_MS = 1_000;
const ABANDONED_MS_MAX = 50_000;

describe.skipIf(bin === null)("money after answers, failures, cuts, estimates and a crash", () => {
  let postgres: Postgres;
  let lab: Awaited<ReturnType<typeof startLab>>;
  let tenant: Tenant;
  let crashed: string;
  const mark = marker();
  const keyed = () => ({
    key: tenant.apiKey,
    headers: { "idempotency-key": "crashed", "x-bailiwick-deadline-ms": String(DEADLINE_MS) },
    body: { model: "held", messages: [user(mark)], max_completion_tokens: 40 },
  });

  beforeAll(async () => {
    postgres = await startPostgres(bin ?? "");
    await postgres.sql("create role cell_owner login createrole");
    const url = await postgres.database("control", "cell_owner");
    lab = await startLab({ runtime: "deno", env: { BAILIWICK_DATABASE_URL: url } });
    tenant = await lab.newTenant();
    await lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "total", limit_usd: "10" } });
    crashed = await crashInCall();
  });
  afterAll(async () => {
    await lab?.stop();
    await postgres?.stop();
  });

  /** Kills the cell while an engine works; answers the task, which nobody settled. */
  async function crashInCall(): Promise<string> {
    const asked = lab.ask("/v1/chat/completions", keyed());
    asked.catch(() => "the cell is killed");
    await eventually(
      async () => lab.upstream.about(mark),
      (requests) => requests.length > 0,
    );
    await lab.cell.kill9();
    lab.upstream.release();
    await lab.cell.start();
    const { entries } = await readLedger(lab, tenant.adminKey);
    return entries.find(({ kind }) => kind === "task.opened")?.task ?? "";
  }

  it("is one sum in usage, ledger, budget and Postgres, and the ledger's chain verifies", async () => {
    await mixedRun(lab, tenant);
    const closed = await eventually(
      async () => (await readLedger(lab, tenant.adminKey)).entries.find(({ kind }) => kind === "task.abandoned"),
      (entry) => entry !== undefined,
      ABANDONED_MS_MAX,
    );
    expect(closed).toMatchObject({ task: crashed, detail: { estimated: true } });
    const sums = await expectSumsAgree(lab, tenant, postgres);
    expect(sums.requests).toBeGreaterThan(20);
    await expectReadModelsWhole(lab, tenant, postgres);
    const { entries } = await readLedger(lab, tenant.adminKey);
    const details = entries.flatMap(({ kind, detail }) => (kind === "task.closed" ? [detail] : []));
    expect(new Set(details.map(({ status }) => status))).toEqual(new Set(["OK", "ERROR", "CANCELED"]));
    expect(details.some(({ estimated, cost_nusd }) => estimated === true && (cost_nusd ?? 0) > 0)).toBe(true);
    observed(
      "events-killed",
      "deno",
      `${sums.requests} calls, ${sums.cost_nusd} nusd in ledger, usage, budget and Postgres alike; read models whole`,
    );
  });

  it("charges a call that a crash cut off what was held, and its key never runs again", async () => {
    const again = await lab.ask("/v1/chat/completions", keyed());
    expect([again.status, (await again.json()).error.code]).toEqual([410, "outcome_unknown"]);
    expect(lab.upstream.about(mark)).toHaveLength(1);
    const task = await lab.task(tenant, crashed);
    expect(task).toMatchObject({ status: "ERROR", phase: "done", error: { code: "outcome_unknown" } });
    expect(task.usage).toMatchObject({ estimated: true });
    expect(task.usage.cost_nusd).toBeGreaterThan(0);
    observed(
      "call-cut-off",
      "deno",
      `${task.usage.cost_nusd} nusd charged as an estimate; its key answers ${again.status} outcome_unknown; the engine was asked once`,
    );
  });

  it("stays one sum for tenants that run at the same time, each with its own chain", async () => {
    const tenants = await Promise.all([lab.newTenant(), lab.newTenant()]);
    for (const each of tenants)
      await lab.json("/v1/budgets", { key: each.adminKey, body: { period: "total", limit_usd: "10" } });
    await Promise.all(tenants.map((each) => mixedRun(lab, each)));
    for (const each of tenants) await expectSumsAgree(lab, each, postgres);
  });

  it("counts repeated refusals instead of writing one entry each, and the chain stays whole", async () => {
    const auditor = await lab.newKey(tenant, { roles: ["auditor"] });
    const before = (await readLedger(lab, tenant.adminKey)).size;
    const ask = () =>
      lab.ask("/v1/chat/completions", { key: auditor.secret, body: { model: "echo", messages: [user("x")] } });
    const statuses = await Promise.all(Array.from({ length: 50 }, async () => (await ask()).status));
    expect(new Set(statuses)).toEqual(new Set([403]));
    const log = await readLedger(lab, tenant.adminKey);
    expect(log.size - before).toBeLessThanOrEqual(2);
    expectChained(log);
  });
});
