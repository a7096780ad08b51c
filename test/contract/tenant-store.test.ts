import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { cellClass } from "../../durable/cell/core.ts";
import { embeddedCellPolicies, embeddedCellStore } from "../../durable/cell/embedded.ts";
import type { EmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import { policyStore } from "../../durable/runtime/policy-layers.ts";
import { embeddedTenantPolicies, embeddedTenantStore } from "../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../durable/tenant/object-class.ts";
import { TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { CellStore } from "../../shared/contracts/ports/cell-store.ts";
import type { EventSink } from "../../shared/contracts/ports/event-sink.ts";
import type { PolicyStore } from "../../shared/contracts/ports/policy-store.ts";
import type { OutboxRow, TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import { fromBytesJson, toBytesJson } from "../support/bytes-json.ts";
import { type ObjectsHome, objectsHome } from "../support/objects-home.ts";
import { SIGN } from "../support/policy-fixtures.ts";
import { access, admitRequest, budget, provisionSpec, settleRequest, taskId } from "../support/tenant-fixtures.ts";
import { startWorkerd, type WorkerdProcess } from "../support/workerd-process.ts";
import { approvalStoreContract } from "./approval-store.contract.ts";
import { contentStoreContract } from "./content-store.contract.ts";
import { policyStoreContract } from "./policy-store.contract.ts";
import { tenantStoreContract } from "./tenant-store.contract.ts";

const tenant = TenantId.parse("acme1");
const quiet = tenantObjectClass(null);
let cells = 0;

describe("embedded", () => {
  let home: ObjectsHome;
  let host: EmbeddedHost;
  beforeAll(() => {
    home = objectsHome({ classes: [quiet, cellClass] });
    host = home.open({ clock: { now: () => Date.now() as UnixMs } }); // safe because: Unix milliseconds
  });
  afterAll(async () => {
    await host.close();
    home.remove();
  });
  tenantStoreContract("the embedded host", () => embeddedTenantStore(host, quiet));
  approvalStoreContract("the embedded host", () => embeddedTenantStore(host, quiet));
  contentStoreContract("the embedded host", () => embeddedTenantStore(host, quiet));
  policyStoreContract("the embedded host", () => {
    const origin = { cell: `test${cells++}`, region: "local", release: "test" };
    const cell = embeddedCellPolicies(host, origin, SIGN);
    return {
      policies: policyStore({ cell, tenant: embeddedTenantPolicies(host, quiet, SIGN) }),
      tenants: embeddedTenantStore(host, quiet),
      cell: embeddedCellStore(host, origin),
    };
  });
});

describe("alarms of an embedded tenant", () => {
  let home: ObjectsHome;
  const delivered: OutboxRow[] = [];
  const sink: EventSink = { deliver: async (_tenant, rows) => void delivered.push(...rows) };
  const of = tenantObjectClass(sink);
  beforeAll(() => {
    home = objectsHome({ classes: [of] });
  });
  afterAll(() => home.remove());

  it("close an abandoned task after a restart, deliver every event once it is due, and take one late settlement", async () => {
    let host = home.open();
    let store = embeddedTenantStore(host, of);
    await store.provision(tenant, provisionSpec({ budgets: [budget({ period: "total" })] }));
    await store.admit(tenant, [admitRequest(taskId(1), home.clock.now()), admitRequest(taskId(2), home.clock.now())]);
    await store.settle(tenant, [settleRequest(taskId(2))]);
    await host.close();

    host = home.open();
    store = embeddedTenantStore(host, of);
    home.clock.advance(60_000 + LIMITS.abandonGraceMs);
    await host.runDueAlarms();
    expect(await store.task(tenant, access(), taskId(1))).toMatchObject({
      value: { status: "ERROR", estimated: true, error: { code: "outcome_unknown" } },
    });
    home.clock.advance(LIMITS.outboxDelayMs);
    await host.runDueAlarms();
    const lifecycle = delivered.filter(({ type }) => type === "bailiwick.tasks.lifecycle.v1");
    expect(lifecycle.map(({ data }) => data.event)).toEqual(["opened", "opened", "closed", "abandoned"]);
    expect(await store.settle(tenant, [settleRequest(taskId(1))])).toMatchObject([{ value: { corrected: true } }]);
    expect(await store.listBudgets(tenant, access())).toMatchObject({
      value: [{ spent_nusd: 2 * 1_450_000, held_nusd: 0 }],
    });
    await host.close();
    expect(home.errors).toEqual([]);
  });
});

describe("inside workerd", () => {
  let workerd: WorkerdProcess;
  async function call(method: string, args: unknown[], cell = "test"): Promise<unknown> {
    const response = await fetch(`${workerd.url}/${method}`, {
      method: "POST",
      headers: { "x-cell": cell },
      body: toBytesJson(args),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    const answer = fromBytesJson(text);
    if (typeof answer !== "object" || answer === null || !("value" in answer)) throw new Error("no answer");
    return answer.value;
  }
  const portAt = <T extends object>(prefix: string, cell?: string): T =>
    new Proxy({} as T, {
      // safe because: every member of a port is an asynchronous method
      get:
        (_target, method) =>
        (...args: unknown[]) =>
          call(`${prefix}${String(method)}`, args, cell),
    });
  const store = portAt<TenantStore>("");
  beforeAll(async () => {
    workerd = await startWorkerd({
      entry: new URL("../runtime/tenants-worker.ts", import.meta.url).pathname,
      objects: { TENANTS: "TenantProbe", LOGGED: "LoggedProbe", CELLS: "CellProbe" },
    });
  });
  afterAll(() => workerd.stop());
  tenantStoreContract("Durable Objects", () => store);
  approvalStoreContract("Durable Objects", () => store);
  contentStoreContract("Durable Objects", () => store);
  policyStoreContract("Durable Objects", () => {
    const cell = `test${cells++}`;
    return {
      policies: portAt<PolicyStore>("policies.", cell),
      tenants: store,
      cell: portAt<CellStore>("cell.", cell),
    };
  });

  it("publishes by its alarm as soon as evidence is asked for, so that a task is proven within seconds", async () => {
    const logged = portAt<TenantStore>("logged.");
    const published = TenantId.parse("published");
    await logged.provision(published, provisionSpec());
    await logged.admit(published, [admitRequest(taskId(1), Date.now())]);
    await logged.settle(published, [settleRequest(taskId(1))]);
    expect(await logged.proof(published, access(), taskId(1))).toMatchObject({ error: { reason: "pending" } });
    const proof = await vi.waitFor(
      async () => {
        const asked = await logged.proof(published, access(), taskId(1));
        if (!asked.ok) throw new Error(asked.error.reason);
        return asked.value;
      },
      { timeout: 20_000, interval: 200 },
    );
    expect(proof.entries.map(({ text }) => JSON.parse(text).kind)).toEqual(["task.opened", "task.closed"]);
    const { texts } = (await call("logged.check", ["published"])) as { texts: string[] }; // safe because: the probe answers so
    expect(texts.length).toBe(proof.checkpoint.size);
  });

  it("creates no table for calls to a tenant that was never made, so strangers fill no disk", async () => {
    await store.admit(TenantId.parse("guess"), [admitRequest(taskId(1), Date.now())]);
    expect(await call("tables", ["guess"])).toEqual([]);
  });

  it("loses no acknowledged admission to a kill -9, so what was promised is charged or closed", async () => {
    await store.provision(tenant, provisionSpec({ budgets: [budget({ period: "total" })] }));
    await store.admit(tenant, [admitRequest(taskId(1), Date.now())]);
    await workerd.kill();
    await workerd.start();
    expect(await store.listBudgets(tenant, access())).toMatchObject({ value: [{ held_nusd: 2_000_000 }] });
    expect(await store.settle(tenant, [settleRequest(taskId(1))])).toMatchObject([{ ok: true }]);
  });
});
