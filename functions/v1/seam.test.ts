import { describe, expect, it } from "vitest";
import type { Actor } from "../../shared/contracts/actor.ts";
import type { Decided } from "../../shared/contracts/decision.ts";
import { EnvironmentId, ProjectId, TenantId, WorkspaceId } from "../../shared/contracts/ids.ts";
import type { Refusal } from "../../shared/contracts/ports/tenant-store.ts";
import { ok } from "../../shared/contracts/result.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { tenantState } from "../../test/support/identity.ts";
import { TestClock } from "../../test/support/objects-home.ts";
import { randomIds } from "../adapters/ids/random.ts";
import { createApp } from "../app.ts";
import type { Deps, Runtime } from "../context.ts";
import { BodyRoom } from "../pipeline/body-room.ts";
import { StaleAccess } from "../problem.ts";
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

const ALLOWED: Omit<Decided, "id"> = {
  decision: { decision: "ALLOW", reasons: ["role_and_scope"], obligations: [], approvals: [] },
  layers: [],
  policy_digest: "sha256:0",
  input_digest: "0",
  now_ns: "0",
};

/** A cell with one operation, whose store calls the first `stale` looks at the caller's versions stale. */
function cellWith({ stale = 0, suspended = false }: { stale?: number; suspended?: boolean }) {
  const clock = new TestClock();
  const ids = randomIds(clock);
  const looks: boolean[] = [];
  const logged: string[] = [];
  let executed = 0;
  const state = { ...tenantState("a"), suspended };
  const refusals: unknown[] = [];
  const deps = {
    cell: { id: "local", endpoint: "http://cell", loopback: true, release: "1+0" },
    clock,
    ids,
    config: { current: () => ({ digest: "d", tenants: {} }) },
    policy: { decide: async (): Promise<Decided> => ({ ...ALLOWED, id: ids.mint("dec") }) },
    authenticator: {
      authenticate: async (_headers: unknown, { fresh }: { fresh: boolean }) => {
        looks.push(fresh);
        return ok({ actor, access: { kid: null, versions: { credential: 0, ...state.versions } }, state });
      },
    },
    tenants: {
      refuse: async (tenant: string, _access: unknown, { action, reason, by }: Refusal) => {
        refusals.push({ tenant, action, reason, subject: by.subject });
        return ok(null);
      },
    },
    bodies: new BodyRoom(1024),
    lifecycle: { draining: false, enter: () => () => {} },
    degraded: () => [],
    telemetry: createTelemetry({
      service: "test",
      cell: "local",
      sink: (line) => void logged.push(line),
      exporter: null,
      clock,
      ids,
      sample: { ratio: 0, followParent: false },
    }),
  } as unknown as Deps; // safe because: the seam and this operation touch nothing else
  const show = operation({
    id: "models.list",
    method: "get",
    path: "/v1/models",
    action: "model:read",
    gate: "governed",
    credential: "compared",
    effect: "read",
    retry: "safe",
    ack: "commit",
    kind: "unary",
    ...NO_INPUT,
    success: [200, null, "Nothing."],
    problems: [],
    summary: "Show",
    tag: "Models",
    resource: { kind: "model" },
    execute() {
      if (++executed <= stale) throw new StaleAccess("stale");
      return value(null);
    },
  });
  const runtime: Runtime = { source: null, disconnected: new AbortController().signal, defer() {} };
  const handle = createApp(deps, [show]);
  return { looks, logged, refusals, ask: async () => handle(new Request("http://cell/v1/models"), runtime) };
}

describe("a credential that a store calls stale", () => {
  it("is read anew and decided again, so that a change made meanwhile fails no call", async () => {
    const { ask, looks } = cellWith({ stale: 1 });
    expect((await ask()).status).toBe(200);
    expect(looks).toEqual([false, true]);
  });

  it("twice in one call is a 503 that says when to try again, so that no caller takes the race for a defect", async () => {
    const { ask, looks, logged } = cellWith({ stale: 2 });
    const response = await ask();
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after-ms")).toBe("1000");
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await response.json()).toMatchObject({ type: "urn:bailiwick:problem:store-unavailable" });
    expect(looks).toEqual([false, true]);
    expect(logged.join()).toContain("StaleAccess");
  });
});

describe("a tenant that may not be called", () => {
  it("has each refusal in its ledger, so that a lock leaves a trace of who went on calling", async () => {
    const { ask, looks, refusals } = cellWith({ suspended: true });
    expect((await ask()).status).toBe(403);
    expect(looks).toEqual([false, true]);
    expect(refusals).toEqual([{ tenant: "a", action: "model:read", reason: "suspended", subject: "service-1" }]);
  });
});
