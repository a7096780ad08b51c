import { randomIds } from "../../functions/adapters/ids/random.ts";
import { createApp } from "../../functions/app.ts";
import type { Deps } from "../../functions/context.ts";
import { BodyRoom } from "../../functions/pipeline/body-room.ts";
import { OPERATIONS } from "../../functions/v1/index.ts";
import { Actor, type Role } from "../../shared/contracts/actor.ts";
import type { ApprovalRecord } from "../../shared/contracts/approval.ts";
import type { Decided, PolicyInput } from "../../shared/contracts/decision.ts";
import type { TenantId } from "../../shared/contracts/ids.ts";
import type { ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import type { StoredResponse } from "../../shared/contracts/ports/session-store.ts";
import type { Signer } from "../../shared/contracts/ports/signer.ts";
import type { KeptDecision, TenantState } from "../../shared/contracts/ports/tenant-store.ts";
import { err, ok } from "../../shared/contracts/result.ts";
import type { TaskRecord } from "../../shared/contracts/task.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { tenantState } from "./identity.ts";
import type { TestClock } from "./objects-home.ts";
import { ORIGIN, type TestLog } from "./published-log.ts";
import { CELL_ACTIONS, ROLE_ACTIONS } from "./role-actions.ts";

/** Somebody who calls, by the text after `Bearer`. */
export interface Caller {
  tenant: string;
  roles: Role[];
  workspace?: string;
  cell_operator?: boolean;
}

export interface EvidenceWorld {
  clock: TestClock;
  callers: Record<string, Caller>;
  /** By tenant; the cell's own under `_cell`. */
  logs: Record<string, TestLog>;
  archive: ObjectStore | null;
  signer: Signer | null;
  dataKey?: Uint8Array;
  tasks?: Record<string, Pick<TaskRecord, "workspace">>;
  approvals?: Record<string, Pick<ApprovalRecord, "requester">>;
  decisions?: Record<string, KeptDecision>;
  responses?: Record<string, StoredResponse>;
  settings?: Partial<TenantState["settings"]>;
  /** The instant up to which every subject was erased. */
  erasedMs?: number;
  /** Beyond the table of roles. */
  decide?(input: PolicyInput): Decided["decision"] | null;
  /** What the cell logged. */
  logged?: string[];
}

export const actorOf = ({ tenant, roles, workspace = "default", cell_operator = false }: Caller): Actor =>
  Actor.parse({
    scopes: { tenant, workspace, project: "default", environment: "default" },
    subject: `user-of-${tenant}`,
    kind: "user",
    roles,
    granted: ["*"],
    acr: null,
    amr: [],
    credential: "key:000000000001",
    kid: null,
    cell_operator,
    act: [],
  });

/** The whole application over logs that tests wrote: identity and policy are tables, everything between is the cell's own. */
export function evidenceCell(world: EvidenceWorld) {
  const { clock } = world;
  const ids = randomIds(clock);
  const asked: PolicyInput[] = [];
  const draining = new AbortController();
  const stateOf = (tenant: string): TenantState => {
    const state = tenantState(tenant);
    return { ...state, settings: { ...state.settings, ...world.settings } };
  };
  const ofTenant = (tenant: TenantId) => world.logs[tenant];
  const cellLog = () => world.logs._cell ?? fail("the cell has no log");
  const allowed = ({ action, actor }: PolicyInput): boolean =>
    (actor.cell_operator && CELL_ACTIONS.includes(action)) ||
    actor.roles.some((role) => ROLE_ACTIONS[role].includes(action));
  const found = <T>(value: T | undefined) => (value === undefined ? err({ reason: "not_found" }) : ok(value));
  const deps = {
    cell: {
      id: "local",
      jurisdiction: "eu",
      region: "eu-central",
      endpoint: "http://cell",
      loopback: true,
      release: "1+0",
    },
    clock,
    ids,
    config: {
      current: () => ({
        digest: "d",
        tenants: {},
        providers: { pool: { locality: "local" }, far: { locality: "api" } },
      }),
    },
    policy: {
      async decide(input: PolicyInput): Promise<Decided> {
        asked.push(input);
        const decision = world.decide?.(input) ?? {
          decision: allowed(input) ? "ALLOW" : "DENY",
          reasons: [allowed(input) ? "role_and_scope" : "role"],
          obligations: [],
          approvals: [],
        };
        return { id: ids.mint("dec"), decision, layers: [], policy_digest: "p", input_digest: "0", now_ns: "0" };
      },
    },
    authenticator: {
      async authenticate(headers: Headers) {
        const name = headers.get("authorization")?.replace("Bearer ", "") ?? "";
        const caller = world.callers[name] ?? fail(`nobody is called ${name}`);
        const state = stateOf(caller.tenant);
        return ok({
          actor: actorOf(caller),
          access: { kid: null, versions: { credential: 0, ...state.versions } },
          state,
          madeBy: [],
        });
      },
    },
    tenants: {
      refuse: async () => ok(null),
      record: async () => ok({ seq: 0 }),
      log: async (tenant: TenantId) => ok(ofTenant(tenant)?.state()),
      period: async (tenant: TenantId, _access: unknown, period: { from_ms: number; to_ms: number }) =>
        ok(ofTenant(tenant)?.period(period)),
      async proof(tenant: TenantId, _access: unknown, task: string) {
        const proof = ofTenant(tenant)?.proof(task) ?? null;
        if (proof === "pending") return err({ reason: "pending", retry_after_ms: 750 });
        return proof === null ? err({ reason: "not_found" }) : ok(proof);
      },
      task: async (_tenant: unknown, _access: unknown, id: string) => found(world.tasks?.[id]),
      approvalOfTask: async (_tenant: unknown, _access: unknown, id: string) => found(world.approvals?.[id]),
      erasedSince: async (_tenant: unknown, _access: unknown, _subject: string, atMs: number) =>
        ok({ erased: world.erasedMs !== undefined && world.erasedMs >= atMs }),
      decision: async (_tenant: unknown, _access: unknown, id: string) => found(world.decisions?.[id]),
    },
    contentKeys: {
      open: async (_deps: unknown, { tenant }: { tenant: TenantState }, session: string) =>
        world.erasedMs === undefined
          ? { tenant: tenant.id, session, dataKey: world.dataKey ?? fail("no data key") }
          : null,
    },
    cellStore: {
      system: async () => {},
      systemLog: async () => cellLog().state(),
      systemPeriod: async (period: { from_ms: number; to_ms: number }) => cellLog().period(period),
      systemLedger: async () => ({ entries: [], size: 0, head: "0".repeat(64) }),
    },
    sessions: {
      async response(_tenant: unknown, _session: unknown, id: string) {
        const response = world.responses?.[id];
        return response === undefined ? err({ reason: "not_found" }) : ok({ response, chain: [] });
      },
    },
    keyring: { openDataKey: async () => world.dataKey ?? fail("no data key") },
    archive: world.archive,
    signer: world.signer,
    ledgerOrigin: ORIGIN,
    logPrefix: (name: string) => `${name}/`,
    stores: [{ purpose: "ledger archive", technology: "file-system", jurisdiction: "eu", worm: "not WORM" }],
    releaseLinks: { sbom: "https://example.com/sbom.json", cbom: null, provenance: null },
    preauth: { take: async () => ({ allowed: true }) },
    bodies: new BodyRoom(1024),
    lifecycle: { draining: false, expired: draining.signal, enter: () => () => {} },
    degraded: () => [],
    dependencies: [],
    telemetry: createTelemetry({
      service: "test",
      cell: "local",
      sink: (line) => void world.logged?.push(line),
      exporter: null,
      clock,
      ids,
      sample: { ratio: 0, followParent: false },
    }),
  } as unknown as Deps; // safe because: the operations of ledger and evidence touch nothing else
  const handle = createApp(deps, OPERATIONS);
  return {
    deps,
    /** What policy was asked, in order. */
    asked,
    /** The time for draining is over. */
    expire: () => draining.abort(),
    get: async (path: string, as: string): Promise<Response> =>
      handle(new Request(`http://cell${path}`, { headers: { authorization: `Bearer ${as}` } }), {
        source: "192.0.2.1",
        disconnected: new AbortController().signal,
        defer: () => {},
      }),
  };
}

const fail = (what: string): never => {
  throw new Error(what);
};
