import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { observed } from "../../crash/faults/observed.ts";
import { eventually, startLab, type Tenant, user } from "../../support/lab.ts";
import { mixedRun } from "../../support/mixed-run.ts";
import { OtlpCollector } from "../../support/otlp-collector.ts";
import { type Postgres, postgresBinaries, startPostgres } from "../../support/postgres.ts";
import { expectReadModelsWhole, expectSumsAgree } from "../../support/sums.ts";

const bin = postgresBinaries();
const CHAT = "/v1/chat/completions";
const chat = (model = "echo") => ({ model, messages: [user("hello")] });
/** The outbox of a tenant backs off while Postgres is away: its longest wait here is below half a minute. */
const HEALED_MS_MAX = 50_000;

interface Ready {
  status: string;
  missing: { name: string; reason: string }[];
  degraded: { name: string; reason: string }[];
}

describe.skipIf(bin === null)("a cell whose dependencies go away and come back", () => {
  let postgres: Postgres;
  let collector: OtlpCollector;
  let lab: Awaited<ReturnType<typeof startLab>>;
  let tenant: Tenant;

  beforeAll(async () => {
    postgres = await startPostgres(bin ?? "");
    await postgres.sql("create role cell_owner login createrole");
    const url = await postgres.database("control", "cell_owner");
    collector = await new OtlpCollector().start();
    lab = await startLab({
      runtime: "deno",
      env: { BAILIWICK_DATABASE_URL: url, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, BAILIWICK_LOG: "info" },
    });
    tenant = await lab.newTenant();
    await lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "total", limit_usd: "10" } });
    await eventually(ready, ({ status }) => status === "ready", 20_000);
  });
  afterAll(async () => {
    await lab?.stop();
    await collector?.stop();
    await postgres?.stop();
  });

  const readyz = () => lab.ask("/readyz");
  const ready = async (): Promise<Ready> => (await readyz()).json();
  const workspaces = (body?: object) =>
    lab.ask("/v1/workspaces", { key: tenant.adminKey, ...(body === undefined ? {} : { body }) });
  const degradedHeader = async (): Promise<string | null> => {
    const response = await lab.ask("/v1/keys", { key: tenant.adminKey });
    await response.arrayBuffer();
    return response.headers.get("x-bailiwick-degraded");
  };

  it("is ready and names nothing while everything answers", async () => {
    expect(await ready()).toEqual({ status: "ready", missing: [], degraded: [] });
    expect(await degradedHeader()).toBeNull();
  });

  it("goes on without Postgres: inference, money, keys and revocation work, and the cell says what is missing", async () => {
    expect((await workspaces({ id: "before", name: "Before" })).status).toBe(201);
    const doomed = await lab.newKey(tenant);
    await lab.json(CHAT, { key: doomed.secret, body: chat() });
    await postgres.crash();

    const response = await readyz();
    const state: Ready = await response.json();
    expect([response.status, state.status, state.missing]).toEqual([200, "degraded", []]);
    expect(state.degraded.map(({ name }) => name)).toEqual(["control-db"]);
    expect(await eventually(degradedHeader, (header) => header !== null)).toBe("control-db");
    expect(await (await lab.ask("/metrics")).text()).toContain(
      'bailiwick_dependency_degraded{dependency="control-db"} 1',
    );

    const refused = await workspaces({ id: "during", name: "During" });
    expect([refused.status, (await refused.json()).error.code]).toEqual([503, "store_unavailable"]);
    expect((await workspaces()).status).toBe(503);
    expect(Number(refused.headers.get("retry-after-ms"))).toBeGreaterThan(0);

    await lab.json(CHAT, { key: tenant.apiKey, body: chat() });
    await mixedRun(lab, tenant);
    expect((await lab.ask(`/v1/keys/${doomed.id}`, { key: tenant.adminKey, method: "DELETE" })).status).toBeLessThan(
      300,
    );
    expect((await lab.ask(CHAT, { key: doomed.secret, body: chat() })).status).toBe(401);
    const fresh = await lab.newKey(tenant);
    await lab.json(CHAT, { key: fresh.secret, body: chat() });
    const other = await lab.newTenant();
    await lab.json(CHAT, { key: other.apiKey, body: chat() });
    const suspend = (suspended: boolean) =>
      lab.json(`/v1/tenants/${other.id}`, { key: lab.cell.adminKey, method: "PATCH", body: { suspended } });
    await suspend(true);
    expect((await lab.ask(CHAT, { key: other.apiKey, body: chat() })).status).toBe(403);

    await postgres.start();
    await eventually(ready, ({ status }) => status === "ready", 20_000);
    expect(await ready()).toEqual({ status: "ready", missing: [], degraded: [] });
    expect(await eventually(degradedHeader, (header) => header === null)).toBeNull();
    expect((await workspaces({ id: "during", name: "During" })).status).toBe(201);
    await expectSumsAgree(lab, tenant, postgres, HEALED_MS_MAX);
    await expectReadModelsWhole(lab, tenant, postgres);
    // What Postgres missed has reached it: a tenant that was made and suspended without it.
    const mirrored = () =>
      postgres.sql(`select suspended from bailiwick.tenants where tenant_id = '${other.id}'`, "control");
    expect(await eventually(mirrored, (rows) => rows[0]?.suspended === true, HEALED_MS_MAX)).toEqual([
      { suspended: true },
    ]);
    await suspend(false);
    await lab.json(CHAT, { key: other.apiKey, body: chat() });
    observed(
      "postgres-away",
      "deno",
      "calls, keys, revocation, a new tenant and its suspension worked; workspaces 503; afterwards sums and read models whole, the tenant mirrored",
    );
  });

  it("starts without Postgres, and catches up once it is there", async () => {
    await postgres.crash();
    await lab.cell.restart();
    expect((await ready()).degraded.map(({ name }) => name)).toEqual(["control-db"]);
    await lab.json(CHAT, { key: tenant.apiKey, body: chat() });
    expect(await eventually(degradedHeader, (header) => header !== null)).toBe("control-db");
    await postgres.start();
    await eventually(ready, ({ status }) => status === "ready", 20_000);
    await expectSumsAgree(lab, tenant, postgres, HEALED_MS_MAX);
  });

  it("answers no_route with a reason for every candidate while its engines are away, charges nothing, and heals", async () => {
    const before = await expectSumsAgree(lab, tenant, postgres, HEALED_MS_MAX);
    await lab.upstream.stop();
    const candidates = [
      { candidate: "synthetic-unreachable:synthetic-1", outcome: "failed", reason: expect.any(String) },
      { candidate: "spare:echo", outcome: "failed", reason: expect.any(String) },
    ];
    for (let n = 0; n < 3; n++) {
      const response = await lab.ask(CHAT, { key: tenant.apiKey, body: chat("fallback") });
      const body = await response.json();
      expect([response.status, body.error.code]).toEqual([503, "no_route"]);
      expect(body.candidates).toEqual(candidates);
      expect(Number(response.headers.get("retry-after-ms"))).toBeGreaterThan(0);
      const task = await lab.task(tenant, response.headers.get("x-bailiwick-task") ?? "");
      expect(task).toMatchObject({ status: "ERROR", usage: { cost_nusd: 0 }, engine: { candidates } });
    }
    // Other engines go on, and the cell itself is ready: an engine is no dependency of its own.
    await lab.json(CHAT, { key: tenant.apiKey, body: chat("synthetic") });
    expect((await ready()).status).toBe("ready");
    await lab.upstream.startAgain();
    const healed = await eventually(
      async () => (await lab.ask(CHAT, { key: tenant.apiKey, body: chat() })).status,
      (status) => status === 200,
    );
    expect(healed).toBe(200);
    const after = await expectSumsAgree(lab, tenant, postgres, HEALED_MS_MAX);
    expect(after.requests).toBeGreaterThan(before.requests);
  });

  it("breaks nothing while the collector is away, counts what it could not send, and sends again when it is back", async () => {
    await eventually(
      async () => collector.spans.length,
      (count) => count > 0,
    );
    const dropped = async () => {
      const text = await (await lab.ask("/metrics")).text();
      return [...text.matchAll(/^bailiwick_telemetry_dropped_total\{kind="span_\w+"\} (\d+)/gm)].reduce(
        (sum, [, count]) => sum + Number(count),
        0,
      );
    };
    const before = await dropped();
    await collector.stop();
    for (let n = 0; n < 20; n++) await lab.json(CHAT, { key: tenant.apiKey, body: chat() });
    expect(await eventually(dropped, (count) => count > before, 30_000)).toBeGreaterThan(before);
    expect((await ready()).status).toBe("ready");
    const seen = collector.bodies.length;
    await collector.start();
    await lab.json(CHAT, { key: tenant.apiKey, body: chat() });
    expect(
      await eventually(
        async () => collector.bodies.length,
        (count) => count > seen,
        30_000,
      ),
    ).toBeGreaterThan(seen);
  });
});
