import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, startLab, type Tenant, user } from "../../support/lab.ts";
import { readLedger } from "../../support/ledger.ts";
import { type NeonProxy, startNeonProxy } from "../../support/neon-proxy.ts";
import { type Postgres, postgresBinaries, startPostgres } from "../../support/postgres.ts";
import { expectReadModelsWhole, expectSumsAgree } from "../../support/sums.ts";

const bin = postgresBinaries();
const CHAT = "/v1/chat/completions";
/** A tenant's outbox backs off while Postgres is away: its longest wait here is below half a minute. */
const HEALED_MS_MAX = 50_000;

/** No clock starts anything on the Workers platform but an object's alarm and a request: this is what they have to do. */
describe.skipIf(bin === null)("a cell on workerd and its control database (skipped: no PostgreSQL here)", () => {
  let postgres: Postgres;
  let proxy: NeonProxy;
  let lab: Awaited<ReturnType<typeof startLab>>;
  let tenant: Tenant;

  beforeAll(async () => {
    postgres = await startPostgres(bin ?? "");
    await postgres.sql("create role cell_owner login createrole");
    const url = await postgres.database("control", "cell_owner");
    proxy = await startNeonProxy();
    lab = await startLab({
      runtime: "workerd",
      // The SDK insists on a password; the cluster trusts loopback.
      env: { NEON_DATABASE_URL: url.replace("@", ":trusted@"), NEON_FETCH_ENDPOINT: proxy.endpoint },
    });
    tenant = await lab.newTenant();
    await lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "total", limit_usd: "10" } });
  });
  afterAll(async () => {
    await lab?.stop();
    await proxy?.close();
    await postgres?.stop();
  });

  const chat = () => lab.json(CHAT, { key: tenant.apiKey, body: { model: "echo", messages: [user("hello")] } });
  const ready = async () => (await lab.ask("/readyz", { key: lab.cell.adminKey })).json();
  const createWorkspace = (id: string) =>
    lab.ask("/v1/workspaces", { key: tenant.adminKey, body: { id, name: "Test" } });
  const created = async (id: string) =>
    expect(
      (
        await eventually(
          () => createWorkspace(id),
          ({ status }) => status === 201,
          HEALED_MS_MAX,
        )
      ).status,
    ).toBe(201);
  const ledgerNames = (id: string) =>
    eventually(
      async () =>
        (await readLedger(lab, tenant.adminKey)).entries.filter((entry) => JSON.stringify(entry).includes(id)),
      (entries) => entries.length > 0,
    );

  it("brings the schema up to date by itself, after its first answers", async () => {
    expect(await eventually(ready, ({ status }) => status === "ready", 20_000)).toEqual({
      status: "ready",
      missing: [],
      degraded: [],
    });
  });

  it("tells the tenant's ledger of what changed in Postgres, without a further request for it", async () => {
    // The tenant is older than the schema: its own outbox brings it there first.
    await created("drained");
    expect(await ledgerNames("drained")).toHaveLength(1);
  });

  it("bills in Postgres what the ledger says, by the alarms of its objects", async () => {
    await Promise.all(Array.from({ length: 20 }, chat));
    await expectSumsAgree(lab, tenant, postgres);
    await expectReadModelsWhole(lab, tenant, postgres);
  });

  it("delivers after kill -9 what waited, to the same tenant: an alarm knows whose it is", async () => {
    await postgres.crash();
    await Promise.all(Array.from({ length: 5 }, chat));
    await lab.cell.kill9();
    await postgres.start();
    await lab.cell.start();
    // No request wakes the tenant's object: whatever arrives was brought by its alarm.
    const billed = () =>
      postgres.sql(
        `select coalesce(sum(requests), 0)::int as n from bailiwick.usage_billing where tenant_id = '${tenant.id}'`,
        "control",
      );
    expect(await eventually(billed, ([row]) => row?.n === 25, HEALED_MS_MAX)).toEqual([{ n: 25 }]);
    await expectSumsAgree(lab, tenant, postgres, HEALED_MS_MAX);
    const [strangers] = await postgres.sql(
      "select count(*)::int as n from bailiwick.usage_billing where tenant_id = ''",
      "control",
    );
    expect(strangers).toEqual({ n: 0 });
  });

  it("goes on without Postgres, names it, and catches up", async () => {
    await postgres.crash();
    await chat();
    expect((await ready()).degraded.map(({ name }: { name: string }) => name)).toEqual(["control-db"]);
    const refused = await createWorkspace("during");
    expect([refused.status, (await refused.json()).error.code]).toEqual([503, "store_unavailable"]);
    await postgres.start();
    await created("after");
    expect(await ledgerNames("after")).toHaveLength(1);
    await expectSumsAgree(lab, tenant, postgres, HEALED_MS_MAX);
  });
});
