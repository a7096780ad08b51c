import { parse } from "yaml";
import { randomIds } from "../../functions/adapters/ids/random.ts";
import { type BuiltinPolicy, regoPolicy } from "../../functions/adapters/policy/rego.ts";
import { compileSnapshot } from "../../functions/config/compile.ts";
import type { Actor } from "../../shared/contracts/actor.ts";
import type { Snapshot } from "../../shared/contracts/config/snapshot.ts";
import type { PolicyInput } from "../../shared/contracts/decision.ts";
import { EnvironmentId, ProjectId, TenantId, WorkspaceId } from "../../shared/contracts/ids.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { LayerStore, STATEMENT_KEY } from "./layer-store.ts";
import { TestClock } from "./objects-home.ts";
import { BUNDLE_SECRET, PROBE_PLAN } from "./probe-bundle.ts";

export const TENANT = TenantId.parse("acme");
const KEYS = "[{ id: k, algorithm: HS256, secret: 'env:BUNDLE_SECRET' }]";

/** A snapshot in which the cell and two tenants trust one key; `files` replace what stands for it. */
export function snapshotOf(files: Record<string, string> = {}): Snapshot {
  const standard: Record<string, string> = {
    "policies.yml": `bundles: { keys: ${KEYS} }`,
    "tenants.yml": `tenants: { acme: { bundle_keys: ${KEYS} }, other: { bundle_keys: ${KEYS} } }`,
  };
  const parsed = Object.fromEntries(
    Object.entries({ ...standard, ...files }).map(([name, text]) => [name, parse(text)]),
  );
  const compiled = compileSnapshot(parsed, { id: "local", jurisdiction: "local" }, () => true);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  return compiled.value;
}

export const scopesOf = (tenant: string) => ({
  tenant: TenantId.parse(tenant),
  workspace: WorkspaceId.parse("default"),
  project: ProjectId.parse("default"),
  environment: EnvironmentId.parse("default"),
});

export interface Asked extends Partial<Omit<PolicyInput, "actor">> {
  actor?: Partial<Actor>;
  tenant?: string;
  /** Of the operation `probe.document`. */
  document?: unknown;
}

/** A question of a service in tenant `acme`. */
export function question({ actor, tenant = "acme", document, ...members }: Asked = {}): PolicyInput {
  return {
    schema_version: 1,
    point: "request",
    actor: {
      scopes: scopesOf(tenant),
      subject: "s",
      kind: "service",
      roles: [],
      granted: ["*"],
      acr: null,
      amr: [],
      credential: "key:x",
      kid: null,
      cell_operator: false,
      act: [],
      ...actor,
    },
    action: "model:read",
    operation: document === undefined ? "models.list" : "probe.document",
    effect: "read",
    resource: { kind: "test", id: document === undefined ? null : JSON.stringify(document) },
    scopes: scopesOf(tenant),
    cell: { id: "local", jurisdiction: "local" },
    privacy: "allow-api",
    classification: null,
    purpose: null,
    markings: [],
    intent: null,
    candidates: [],
    features: { stream: false, tools: false, images: false, hold_nusd: 0, detected: [] },
    ...members,
  };
}

export const PROBE: BuiltinPolicy = {
  plan: PROBE_PLAN,
  data: { probe: { name: "builtin" } },
  digest: "sha256:builtin",
};

/** The adapter over a store that a test can break; the cell's built-in policy is the probe unless said otherwise. */
export function policyWorld(builtin: BuiltinPolicy = PROBE) {
  const clock = new TestClock(1_795_000_000_000);
  const ids = randomIds(clock);
  const store = new LayerStore(() => clock.now());
  store.layers.set(TENANT, { version: 1, active: null, canary: null });
  store.layers.set(TenantId.parse("other"), { version: 1, active: null, canary: null });
  const logged: string[] = [];
  const telemetry = createTelemetry({
    service: "test",
    cell: "local",
    sink: (line) => void logged.push(line),
    exporter: null,
    clock,
    ids,
    sample: { ratio: 0, followParent: false },
  });
  const state = { snapshot: snapshotOf(), secret: BUNDLE_SECRET as string | null };
  const deferred: Promise<unknown>[] = [];
  const policy = regoPolicy({
    store,
    keyring: { statementKeys: () => [STATEMENT_KEY] },
    clock,
    ids,
    cell: { id: "local" },
    config: { current: () => state.snapshot },
    builtin,
    readSecret: () => state.secret,
    telemetry,
    defer: (work) => void deferred.push(work),
  });
  const versionOf = (tenant: string) => store.layers.get(TenantId.parse(tenant))?.version ?? 0;
  return {
    clock,
    store,
    policy,
    state,
    logged,
    metrics: () => telemetry.exposition(),
    settle: () => Promise.all(deferred.splice(0)),
    decide: (asked: Asked = {}) =>
      policy.decide(question(asked), { tenant_version: versionOf(asked.tenant ?? "acme") }),
    /** Puts an archive in force, of the cell or of a tenant. */
    activate(tenant: string | null, archive: Uint8Array, revision: number) {
      const id = tenant === null ? null : TenantId.parse(tenant);
      const version = (store.layers.get(id)?.version ?? 0) + 1;
      store.layers.set(id, { version, active: store.keep(archive, revision), canary: null });
    },
  };
}
