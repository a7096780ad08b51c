import { describe, expect, it } from "vitest";
import type { Actor } from "../../shared/contracts/actor.ts";
import type { Decided, Decision } from "../../shared/contracts/decision.ts";
import { EnvironmentId, ProjectId, TenantId, WorkspaceId } from "../../shared/contracts/ids.ts";
import { PolicyUnavailable } from "../../shared/contracts/ports/policy.ts";
import type { RecordedDecision, Refusal } from "../../shared/contracts/ports/tenant-store.ts";
import { err, ok } from "../../shared/contracts/result.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { tenantState } from "../../test/support/identity.ts";
import { TestClock } from "../../test/support/objects-home.ts";
import { randomIds } from "../adapters/ids/random.ts";
import { createApp } from "../app.ts";
import type { Deps, Runtime } from "../context.ts";
import { BodyRoom } from "../pipeline/body-room.ts";
import { NO_INPUT } from "./input.ts";
import { operation, value } from "./operation.ts";

const actor: Actor = {
  scopes: {
    tenant: TenantId.parse("a"),
    workspace: WorkspaceId.parse("default"),
    project: ProjectId.parse("default"),
    environment: EnvironmentId.parse("default"),
  },
  subject: "service-1",
  kind: "service",
  roles: ["developer"],
  granted: ["*"],
  acr: null,
  amr: [],
  credential: "key:000000000001",
  kid: null,
  cell_operator: false,
  act: [],
};

/** A cell with one operation, whose policy answers so; what reaches the tenant's object is kept. */
function cellThat(answers: Partial<Decision> | Error, store: { down?: Error; unrecorded?: boolean } = {}) {
  const clock = new TestClock();
  const ids = randomIds(clock);
  const refused: Refusal[] = [];
  const kept: RecordedDecision[] = [];
  const recorded: { kind: string; action: string; detail: unknown; dedupe: string }[] = [];
  const logged: string[] = [];
  let executed = 0;
  let heldToMs = Number.NaN;
  const state = tenantState("a");
  const telemetry = createTelemetry({
    service: "test",
    cell: "local",
    sink: (line) => void logged.push(line),
    exporter: null,
    clock,
    ids,
    sample: { ratio: 0, followParent: false },
  });
  const deps = {
    cell: {
      id: "local",
      jurisdiction: "local",
      region: "local",
      endpoint: "http://cell",
      loopback: true,
      release: "1+0",
    },
    clock,
    ids,
    config: { current: () => ({ digest: "d", tenants: {} }) },
    policy: {
      async decide(): Promise<Decided> {
        if (answers instanceof Error) throw answers;
        const decision = { decision: "ALLOW" as const, reasons: ["why"], obligations: [], approvals: [], ...answers };
        const layers: Decided["layers"] = [];
        return { id: ids.mint("dec"), decision, layers, policy_digest: "p", input_digest: "i", now_ns: "0" };
      },
    },
    tenants: {
      async refuse(_tenant: unknown, _access: unknown, refusal: Refusal) {
        if (store.down) throw store.down;
        refused.push(refusal);
        return ok(null);
      },
      async keepDecision(_tenant: unknown, _access: unknown, decision: RecordedDecision) {
        kept.push(decision);
        return ok(null);
      },
      async record(_tenant: unknown, entry: (typeof recorded)[number]) {
        recorded.push(entry);
        return store.unrecorded ? err({ reason: "unknown_tenant" }) : ok({ seq: 1 });
      },
    },
    authenticator: {
      authenticate: async () =>
        ok({ actor, access: { kid: null, versions: { credential: 0, ...state.versions } }, state }),
    },
    bodies: new BodyRoom(1024),
    lifecycle: { draining: false, enter: () => () => {} },
    degraded: () => [],
    telemetry,
  } as unknown as Deps; // safe because: the seam and this operation touch nothing else
  const show = operation({
    ...{ id: "models.list", method: "get", path: "/v1/models", action: "model:read", gate: "governed" },
    ...{ credential: "compared", effect: "read", retry: "safe", ack: "commit", kind: "unary" },
    ...NO_INPUT,
    success: [200, null, "Nothing."],
    problems: [],
    summary: "Show",
    tag: "Models",
    resource: { kind: "model" },
    execute(_deps, { deadline, receivedMs }) {
      executed++;
      heldToMs = deadline - receivedMs;
      return value(null);
    },
  });
  const runtime: Runtime = { source: null, disconnected: new AbortController().signal, defer() {} };
  const handle = createApp(deps, [show]);
  return {
    refused,
    kept,
    recorded,
    logged,
    metrics: () => telemetry.exposition(),
    executed: () => executed,
    heldToMs: () => heldToMs,
    ask: async (headers: Record<string, string> = {}) =>
      handle(new Request("http://cell/v1/models", { headers }), runtime),
  };
}

describe("a call without a live policy", () => {
  it("is a 503 that says when to try again, has no effect, and is in the tenant's ledger", async () => {
    const { ask, refused, metrics, executed } = cellThat(new PolicyUnavailable("expired"));
    const response = await ask();
    expect([response.status, (await response.json()).error.code]).toEqual([503, "policy_unavailable"]);
    expect(response.headers.get("retry-after-ms")).toBe("1000");
    expect(executed()).toBe(0);
    expect(refused).toMatchObject([{ action: "model:read", reason: "policy_unavailable", by: { decision: null } }]);
    expect(metrics()).toContain("bailiwick_policy_unavailable_total 1");
  });

  it("stays refused when its tenant's object cannot be reached either, and says that it is not in the ledger", async () => {
    const { ask, logged, executed } = cellThat(new PolicyUnavailable("expired"), { down: new Error("no network") });
    expect((await ask()).status).toBe(503);
    expect(executed()).toBe(0);
    expect(logged.join()).toContain("refusal.unrecorded");
  });

  it("is told apart from a defect, which is no answer about policy", async () => {
    const { ask, executed } = cellThat(new TypeError("a defect"));
    expect((await ask()).status).toBe(500);
    expect(executed()).toBe(0);
  });
});

describe("a refusal", () => {
  it("is in the ledger with its decision before the caller hears it, so that it can be explained", async () => {
    const { ask, refused, executed } = cellThat({ decision: "DENY", reasons: ["role", "night"] });
    const response = await ask();
    expect(response.status).toBe(403);
    expect((await response.json()).reasons).toEqual(["role", "night"]);
    expect(executed()).toBe(0);
    expect(refused).toMatchObject([{ reason: "role", decision: { id: expect.stringMatching(/^dec_/) } }]);
    const record = JSON.parse(refused[0]?.decision?.record ?? "null");
    expect(record).toMatchObject({ action: "model:read", outcome: { decision: "DENY", reasons: ["role", "night"] } });
  });

  it("by an obligation names the obligation, not why the call was allowed", async () => {
    const { ask, refused, executed } = cellThat({ obligations: [{ id: "forbid_tools", params: {} }] });
    const response = await ask();
    expect([response.status, (await response.json()).reasons]).toEqual([403, ["obligation_unsupported"]]);
    expect([refused[0]?.reason, executed()]).toEqual(["obligation_unsupported", 0]);
  });
});

describe("a limit on latency", () => {
  it("ends the call, so that a cap of policy is no mere statement; it prolongs nothing that the caller asked", async () => {
    const { ask, heldToMs } = cellThat({ limits: { latency_ms_max: 2_000 } });
    await ask();
    expect(heldToMs()).toBe(2_000);
    await ask({ "x-bailiwick-deadline-ms": "500" });
    expect(heldToMs()).toBe(500);
  });
});

describe("what the seam carries out itself", () => {
  it("is a disclaimer on the answer, and an entry in the ledger under full audit", async () => {
    const { ask, recorded, kept } = cellThat({
      obligations: [
        { id: "audit_level", params: { level: "full" } },
        { id: "disclaimer", params: { text: "Experimental" } },
      ],
    });
    const response = await ask();
    expect([response.status, response.headers.get("x-bailiwick-disclaimer")]).toEqual([200, "Experimental"]);
    expect(recorded).toMatchObject([{ kind: "data.read", action: "model:read", detail: { operation: "models.list" } }]);
    expect(kept).toMatchObject([
      {
        id: expect.stringMatching(/^dec_/),
        obligations: [
          { id: "disclaimer", outcome: "applied", note: "x-bailiwick-disclaimer" },
          { id: "audit_level", outcome: "applied", note: "full, entry 1" },
        ],
      },
    ]);
  });

  it("is kept with its decision for reads that owed it alone, so that all others stay as cheap as they were", async () => {
    const { ask, kept } = cellThat({});
    expect((await ask()).status).toBe(200);
    expect(kept).toEqual([]);
  });

  it("and what cannot be written refuses the call, so that nothing is read without its entry", async () => {
    const full = { obligations: [{ id: "audit_level" as const, params: { level: "full" as const } }] };
    const { ask, executed, refused } = cellThat(full, { unrecorded: true });
    const response = await ask();
    expect([response.status, (await response.json()).reasons]).toEqual([403, ["obligation_failed"]]);
    expect([executed(), refused[0]?.reason]).toEqual([0, "obligation_failed"]);
    expect(refused[0]?.decision?.obligations).toEqual([
      { id: "audit_level", outcome: "failed", note: "unknown_tenant" },
    ]);
  });
});
