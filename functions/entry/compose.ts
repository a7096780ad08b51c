import type { ProviderConfig, SecretRef, Snapshot } from "../../shared/contracts/config/snapshot.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { BatchRunner } from "../../shared/contracts/ports/batch-store.ts";
import type { Clock, Ids } from "../../shared/contracts/ports/clock.ts";
import type { Egress } from "../../shared/contracts/ports/egress.ts";
import type { Engine } from "../../shared/contracts/ports/engine.ts";
import type { JobQueue } from "../../shared/contracts/ports/job-queue.ts";
import type { Runner } from "../../shared/contracts/ports/runner.ts";
import { WorkerChannels } from "../../shared/contracts/ports/worker-channel.ts";
import { unreachable } from "../../shared/contracts/result.ts";
import { messageSigner } from "../../shared/crypto/message-signature.ts";
import { cellUri, workloadTokens } from "../../shared/crypto/workload-token.ts";
import { builtinPolicy } from "../adapters/policy/builtin.ts";
import { BundlePull } from "../adapters/policy/pull-bundles.ts";
import { regoPolicy } from "../adapters/policy/rego.ts";
import { policyTools } from "../adapters/policy/tools.ts";
import { createApp, type Handler } from "../app.ts";
import type { Deps } from "../context.ts";
import { CALLBACK_TAG } from "../detached/callback/deliver.ts";
import { jobIssuer } from "../detached/job-issuer.ts";
import { anthropicEngine } from "../engines/anthropic/engine.ts";
import { azureOpenaiEngine } from "../engines/azure-openai/engine.ts";
import { oipEngine } from "../engines/oip/engine.ts";
import { openaiEngine } from "../engines/openai/engine.ts";
import { poolEngine } from "../engines/pool/engine.ts";
import { syntheticEngine } from "../engines/synthetic/engine.ts";
import type { BreakerState } from "../inference/breaker.ts";
import { ContentKeys } from "../inference/content-keys.ts";
import { poolGauges } from "../inference/pools/gauges.ts";
import { PoolWatch } from "../inference/pools/pool-watch.ts";
import { createRouterState } from "../inference/router-state.ts";
import { TenantCredentials } from "../inference/tenant-credentials.ts";
import { createAuthenticator } from "../pipeline/authenticate/authenticator.ts";
import { serviceAccounts } from "../pipeline/authenticate/service-account.ts";
import { BodyRoom } from "../pipeline/body-room.ts";
import { Room } from "../pipeline/room.ts";
import { approvalRunner } from "../v1/approvals/run-approved.ts";
import { batchRunner } from "../v1/batches/run-batches.ts";
import { OPERATIONS } from "../v1/index.ts";
import { openApiDocument } from "../v1/openapi.ts";
import { callbackHost } from "../v1/unattended/callback-host.ts";
import { runHost } from "../v1/unattended/run-host.ts";
import { cellAttribution } from "./bootstrap.ts";
import { policyDependencies, RENEWAL } from "./dependencies.ts";

/** What a deployment of several cells adds; a cell alone has neither. */
type CellsParts = Pick<Deps, "directory" | "forwardingKeys">;
const ALONE: CellsParts = { directory: () => null, forwardingKeys: [] };

/** What evidence takes; a host without an archive or keys publishes none. */
type EvidenceParts = Pick<
  Deps,
  "archive" | "signer" | "moves" | "ledgerOrigin" | "logPrefix" | "stores" | "releaseLinks"
>;
const NO_EVIDENCE: EvidenceParts = {
  archive: null,
  signer: null,
  moves: null,
  ledgerOrigin: "unpublished.invalid",
  logPrefix: (name) => `${name}/`,
  stores: [],
  releaseLinks: { sbom: null, cbom: null, provenance: null },
};

/** What a host supplies; everything else is the same in every cell. */
export type HostParts = Omit<
  Deps,
  | keyof EvidenceParts
  | keyof CellsParts
  | "engine"
  | "router"
  | "tenantCredentials"
  | "contentKeys"
  | "authenticator"
  | "policy"
  | "policyTools"
  | "bodies"
  | "operation"
  | "openApi"
  | "jobs"
  | "jobQueue"
  | "poolWatch"
  | "workers"
  | "callbacks"
  | "sockets"
> &
  Partial<EvidenceParts & CellsParts> & {
    /** Keeps the host at work on what no call waits for; told nothing of how it ends. */
    defer(work: Promise<unknown>): void;
    /** Where jobs for workers of pools go; null in a cell without pools, which sends and connects none. */
    pools?: { enrolment: string | null; queue?: JobQueue } | null;
    /** Whether a task's run is waited for by whoever began it: where nothing else keeps the host at work on it. */
    runsAreAwaited?: boolean;
    /** See `RunHostParts`. */
    runsHolder?: string;
    /** Room for the bodies of all calls; without it that of a process of its own. */
    bodiesBytesMax?: number;
    egress: Egress;
    /** The value of a secret that the configuration names; null when it is not there. */
    readSecret(ref: SecretRef): string | null;
    version: string;
  };

const BY_ID = new Map(OPERATIONS.map((operation) => [operation.id, operation]));

/** Values of the gauge `bailiwick_breaker_state`. */
const BREAKER_LEVELS: Readonly<Record<BreakerState, number>> = { closed: 0, half_open: 1, open: 2 };

/** Wires the ports of one cell to the application. */
export function composeCell({
  egress,
  readSecret,
  version,
  bodiesBytesMax = LIMITS.bodiesBytesMax,
  defer,
  pools = null,
  runsAreAwaited = false,
  runsHolder,
  ...parts
}: HostParts): { deps: Deps; handle: Handler; runner: Runner; batches: BatchRunner; pull: BundlePull } {
  const { clock, ids, config, cell, tenants, keyring, telemetry, policies: store } = parts;
  const builtin = builtinPolicy();
  const policy = regoPolicy({ store, keyring, clock, ids, cell, config, builtin, readSecret, telemetry, defer });
  const tools = policyTools({ store, clock, config, builtin, readSecret, pause: nextTurn });
  let document: string | null = null;
  const channels = new WorkerChannels();
  const tokens = workloadTokens(keyring.workloadKeys(), cellUri(cell.id));
  const signer = messageSigner(keyring.callbackKeys(), CALLBACK_TAG);
  const deps: Deps = {
    ...NO_EVIDENCE,
    ...ALONE,
    ...parts,
    jobs: pools === null ? null : jobIssuer(tokens, clock),
    workers: null,
    jobQueue: pools?.queue ?? null,
    poolWatch: new PoolWatch({
      ...{ cellStore: parts.cellStore, queue: pools?.queue ?? null, clock, telemetry: parts.telemetry, defer },
      names: () => Object.keys(config.current().pools ?? {}),
      draining: () => parts.lifecycle.draining,
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    }),
    callbacks: { mayName: (url) => egress.tenantMayName(url), keys: () => signer.keys() },
    policy,
    policyTools: tools,
    dependencies: [...policyDependencies(policy), ...parts.dependencies],
    degraded: () => (policy.renewing().ready ? parts.degraded() : [...parts.degraded(), RENEWAL]),
    engine: engineRegistry(clock, egress, readSecret, channels),
    router: createRouterState(clock, () => randomUnit(ids)),
    tenantCredentials: new TenantCredentials(),
    contentKeys: new ContentKeys(),
    authenticator: createAuthenticator({
      ...{ cell, config, tenants, keyring, egress, directory: parts.directory ?? ALONE.directory },
    }),
    bodies: new BodyRoom(bodiesBytesMax),
    sockets: new Room(LIMITS.socketsMax, LIMITS.socketsPerTenantMax),
    operation: (id) => BY_ID.get(id) ?? null,
    openApi() {
      document ??= JSON.stringify(openApiDocument(OPERATIONS, { version, server: cell.endpoint }));
      return document;
    },
  };
  const { metrics } = deps.telemetry;
  // A breaker half-opens as time passes, without a call: its state is what it is when it is read.
  deps.telemetry.beforeReading(() => {
    for (const { engine, state } of deps.router.breakers.states())
      metrics.set("bailiwick_breaker_state", { provider: engine }, BREAKER_LEVELS[state]);
  });
  const tellPools = poolGauges(metrics);
  deps.telemetry.beforeReading(() => tellPools(deps.poolWatch.last));
  const inForce = ({ digest }: Snapshot) => metrics.set("bailiwick_config_info", { digest }, 1);
  inForce(config.current());
  metrics.set("bailiwick_build_info", { release: cell.release, runtime: navigator.userAgent }, 1);
  config.subscribe((event) => {
    if (event.kind !== "activated") return;
    const { snapshot } = event.config;
    inForce(snapshot);
    // A gauge keeps its last value: the breaker of a provider that is gone is not open for ever.
    for (const { engine } of deps.router.breakers.states())
      if (!Object.hasOwn(snapshot.providers, engine)) metrics.set("bailiwick_breaker_state", { provider: engine }, 0);
    deps.router.retain(snapshot);
  });
  const runs = runHost(deps, OPERATIONS, {
    ...{ channels, awaited: runsAreAwaited },
    ...(runsHolder === undefined ? {} : { holder: runsHolder }),
  });
  if (pools !== null) {
    const { enrolment } = pools;
    deps.workers = { tokens, runs, enrolment, reports: deps.poolWatch, serviceAccount: serviceAccounts(egress) };
  }
  return {
    deps,
    handle: createApp(deps, OPERATIONS),
    runner: {
      ...approvalRunner(deps, OPERATIONS, { egress, readSecret }),
      ...runs,
      ...callbackHost(deps, { egress, signer, clock, awaited: runsAreAwaited }),
    },
    batches: batchRunner(deps, { awaited: runsAreAwaited }),
    pull: new BundlePull({
      ...{ store, tools, tenants, egress, config, clock, telemetry, objects: parts.archive ?? null },
      by: (snapshot) => cellAttribution(cell, snapshot, "bundle-pull"),
    }),
  };
}

/** Timers and answers of other calls come before what is awaited after this. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

const randomUnit = (ids: Ids): number => {
  const [a = 0, b = 0, c = 0, d = 0] = ids.bytes(4);
  return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) / 2 ** 32;
};

/** Engines of the newest snapshots, made on first use; a call in flight keeps those of its own snapshot. */
function engineRegistry(
  clock: Clock,
  egress: Egress,
  readSecret: (ref: SecretRef) => string | null,
  channels: WorkerChannels,
): Deps["engine"] {
  const perSnapshot = new WeakMap<Snapshot, Map<string, Engine | null>>();
  return (snapshot, name) => {
    let engines = perSnapshot.get(snapshot);
    if (!engines) {
      engines = new Map();
      perSnapshot.set(snapshot, engines);
    }
    let engine = engines.get(name);
    if (engine === undefined) {
      const provider = Object.hasOwn(snapshot.providers, name) ? snapshot.providers[name] : undefined;
      engine = provider
        ? makeEngine(provider, { clock, egress, channels }, provider.secret ? readSecret(provider.secret) : null)
        : null;
      engines.set(name, engine);
    }
    return engine;
  };
}

function makeEngine(
  provider: ProviderConfig,
  { clock, egress, channels }: { clock: Clock; egress: Egress; channels: WorkerChannels },
  secret: string | null,
): Engine {
  switch (provider.kind) {
    case "openai":
      return openaiEngine({ provider, egress, secret, clock });
    case "azure-openai":
      return azureOpenaiEngine({ provider, egress, secret, clock });
    case "anthropic":
      return anthropicEngine({ provider, egress, secret, clock });
    case "oip":
      return oipEngine({ provider, egress, secret, clock });
    case "pool":
      return poolEngine({ provider, clock, channels });
    case "synthetic":
      return syntheticEngine({ provider, clock });
    default:
      return unreachable(provider.kind);
  }
}
