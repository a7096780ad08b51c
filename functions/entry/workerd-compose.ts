import { connect } from "cloudflare:sockets";
import { waitUntil } from "cloudflare:workers";
import { batchObjectClass } from "../../durable/batch/object-class.ts";
import { remoteBatchStore } from "../../durable/batch/remote.ts";
import { remoteCellPolicies, remoteCellStore } from "../../durable/cell/remote.ts";
import { policyStore } from "../../durable/runtime/policy-layers.ts";
import { sessionClass } from "../../durable/session/core.ts";
import { remoteSessionStore } from "../../durable/session/remote.ts";
import { taskObjectClass } from "../../durable/task/object-class.ts";
import { remoteTaskStore } from "../../durable/task/remote.ts";
import { tenantObjectClass } from "../../durable/tenant/object-class.ts";
import { remoteOperatorGrants, remoteTenantPolicies, remoteTenantStore } from "../../durable/tenant/remote.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { BatchRunner } from "../../shared/contracts/ports/batch-store.ts";
import type { ControlDb } from "../../shared/contracts/ports/control-db.ts";
import type { ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import type { RateLimiter } from "../../shared/contracts/ports/rate-limiter.ts";
import type { Runner } from "../../shared/contracts/ports/runner.ts";
import { hkdfSha256 } from "../../shared/crypto/hkdf.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { requestTimer } from "../../shared/telemetry/export-timer.ts";
import { systemClock } from "../adapters/clock/system.ts";
import { bundledConfigSource } from "../adapters/config-source/bundled.ts";
import { absentControlDb } from "../adapters/control-db/absent.ts";
import type { MigratableControlDb } from "../adapters/control-db/control-db.ts";
import { movedScopes } from "../adapters/control-db/moved-scopes.ts";
import { neonControlDb } from "../adapters/control-db/neon.ts";
import { drain } from "../adapters/control-db/outbox-drain.ts";
import { retention } from "../adapters/control-db/retention.ts";
import { PUBLIC_ONLY } from "../adapters/egress/target.ts";
import { type PublicNetwork, workerdEgress } from "../adapters/egress/workerd.ts";
import { randomIds } from "../adapters/ids/random.ts";
import { secretKeyring } from "../adapters/keyring/secret.ts";
import { memoryRateLimiter } from "../adapters/rate-limit/memory.ts";
import { upstashRateLimiter } from "../adapters/rate-limit/upstash.ts";
import type { Handler } from "../app.ts";
import type { MovingParts } from "../cells/moving/parts.ts";
import { snapshotCompiler } from "../config/compiler.ts";
import type { StorePlacement } from "../evidence/task-predicate.ts";
import { cellAttribution, firstKeys, provisionTenants } from "./bootstrap.ts";
import { cellParts, ledgerParts } from "./cell-parts.ts";
import { directoryOf } from "./cells-env.ts";
import { composeCell } from "./compose.ts";
import { Degradation } from "./degradation.ts";
import { createLifecycle } from "./lifecycle.ts";
import { logSink } from "./log-sink.ts";
import { grantBoundOperator } from "./operator-binding.ts";
import { otlpExporters } from "./otlp.ts";
import { enginesLie } from "./residency.ts";
import { STANDARD_CONFIG } from "./standard-config.ts";
import { summedMetrics } from "./summed-metrics.ts";
import { placed, queueOf, type WorkerdEnv } from "./workerd-env.ts";
import { archiveOf, ledgerSignerOf } from "./workerd-ledger.ts";
import { workerdMovedObjects } from "./workerd-moved-objects.ts";
import { afterwards, controlDbUpkeep, type Execution, watchedControlDb } from "./workerd-upkeep.ts";

/** Rows in an outbox, finished spans and due metrics wait this long for more of their kind. */
const DRAIN_DELAY_MS = 1_000;
const FLUSH_DELAY_MS = 500;
/** Counters go to the cell's object: one call of an isolate in so long, however many calls it answers. */
const TELL_DELAY_MS = 5_000;
const FLUSH_MS_MAX = 5_000;

/** One isolate's cell. */
export interface IsolateCell {
  handle: Handler;
  runner: Runner;
  batches: BatchRunner;
  /** Whether the platform tells the caller's address truthfully; stock workerd passes on what the caller wrote. */
  addressed: boolean;
  /** Provisions what the configuration and the bootstrap name; repeating it changes nothing. */
  bootstrap(): Promise<void>;
  /** Called after each answer: starts what is due. */
  upkeep(context: Execution): void;
  failed(event: string): (cause: unknown) => void;
}

/** The deployed platform's own `fetch` under `global_fetch_strictly_public`: public addresses, and no way inside. */
const platformNetwork: PublicNetwork = { fetch: (url, init) => fetch(url, init) };

/** Null when the cell has no control database. The same one serves the edge and the tenants' event sinks. */
export const controlDbOf = (env: WorkerdEnv): MigratableControlDb | null =>
  env.NEON_DATABASE_URL === undefined
    ? null
    : neonControlDb({
        cell: env.BAILIWICK_CELL,
        connectionString: env.NEON_DATABASE_URL.reveal(),
        ...(env.NEON_FETCH_ENDPOINT === undefined ? {} : { endpoint: env.NEON_FETCH_ENDPOINT }),
      });

/**
 * Wires one isolate. Nothing here waits for I/O, so that the requests which share its promise never hang on one that was
 * cut off. Throws `ConfigUnusable`.
 */
export async function composeIsolate(env: WorkerdEnv): Promise<IsolateCell> {
  const clock = systemClock;
  const ids = randomIds(clock);
  // The deployed platform's sockets reach neither its own addresses nor private ones, where engines over plain HTTP are.
  const sockets = env.BAILIWICK_PLATFORM === "workerd" ? connect : null;
  const egress = workerdEgress(env.PUBLIC_EGRESS ?? platformNetwork, PUBLIC_ONLY, sockets);
  const release = env.BAILIWICK_RELEASE;
  const [version = release] = release.split("+");
  const cell = {
    id: env.BAILIWICK_CELL,
    jurisdiction: env.BAILIWICK_JURISDICTION,
    region: env.BAILIWICK_JURISDICTION,
    endpoint: env.BAILIWICK_ENDPOINT,
    release,
    loopback: false,
  };
  const telemetry = createTelemetry({
    service: "bailiwick",
    cell: cell.id,
    sink: logSink(env.BAILIWICK_LOG, (line) => console.log(line)),
    ...otlpExporters(env, { version, cell: cell.id, clock, ids, egress, timer: requestTimer }),
    clock,
    ids,
    sample: { ratio: 1, followParent: true },
  });
  const failed = (event: string) => (cause: unknown) => telemetry.log.error(event, cause);

  const config = bundledConfigSource(
    Object.keys(env.BAILIWICK_CONFIG_JSON).length > 0 ? env.BAILIWICK_CONFIG_JSON : { ...STANDARD_CONFIG },
    snapshotCompiler({
      cell: {
        ...{ id: cell.id, jurisdiction: cell.jurisdiction },
        engines: enginesLie(cell.jurisdiction, env.BAILIWICK_RESIDENCY),
      },
      secretsPresent: (ref) => ref.source === "env" && env.variable(ref.name) !== null,
      variable: env.variable,
    }),
  );
  const reach = { readFile: null, fetch: egress.operatorFetch };
  const onFault = (fault: string | null) => fault !== null && failed("directory.refused")(new Error(fault));
  // What one request began would hang the others, should that one be cut off.
  const directory = await directoryOf(env, reach, { clock, onFault }, { alone: true });
  const tenants = remoteTenantStore(placed(env, env.TENANT));
  const cellStore = remoteCellStore(placed(env, env.CELL), { cell: cell.id, region: cell.region, release });
  const counted = summedMetrics(telemetry, cellStore);
  const degradation = new Degradation(telemetry, config);
  const neon = controlDbOf(env);
  const db = neon === null ? null : degradation.watch(neon);
  let outboxUsed = db !== null;
  const controlDb: ControlDb = db
    ? watchedControlDb(db, () => {
        outboxUsed = true;
      })
    : degradation.watch(absentControlDb);
  const queue = queueOf(env);
  const archive = archiveOf(env);
  const signer = ledgerSignerOf(env, cellStore);
  const keyring = await secretKeyring([env.BAILIWICK_ROOT_SECRET], clock);
  const parts = cellParts({
    ...{ cell, version, clock, ids, egress, config, directory, degradation, cellStore, keyring, db: controlDb },
    telemetry: { ...telemetry, summed: counted.exposition },
    readSecret: (ref) => (ref.source === "env" ? env.variable(ref.name) : null),
    lifecycle: createLifecycle(),
    defer: (work) => waitUntil(work.catch(failed("deferred"))),
    preauth: preauthLimiter(env, () => config.current().rates.preauth_per_minute, failed("preauth.degraded")),
    forwardingKeys: env.BAILIWICK_FORWARDING_KEYS,
  });
  const { tidyMoves, ...published } = ledgerParts(parts, {
    ...{ archive, signer, origin: env.BAILIWICK_LEDGER_ORIGIN, retentionDays: env.BAILIWICK_LEDGER_RETENTION_DAYS },
    objects: movedObjectsOf(env),
    scopes: db === null ? NO_SCOPES : movedScopes(controlDb),
  });
  let tidyAfterMs = 0;
  const { deps, handle, runner, batches, pull } = composeCell({
    ...parts,
    ...published,
    tenants,
    sessions: remoteSessionStore(placed(env, env.SESSION)),
    tasks: remoteTaskStore(placed(env, env.TASK)),
    batches: remoteBatchStore(placed(env, env.BATCH)),
    policies: policyStore({
      cell: remoteCellPolicies(placed(env, env.CELL), { cell: cell.id, region: cell.region, release }),
      tenant: remoteTenantPolicies(placed(env, env.TENANT)),
    }),
    stores: storesOf(env, archive),
    pools: queue === null ? null : { enrolment: env.BAILIWICK_WORKER_SECRET?.reveal() ?? null, queue },
    runsAreAwaited: true,
    bodiesBytesMax: LIMITS.isolateBodiesBytesMax,
  });

  const drainLater = db ? drainAfterwards(db) : null;
  function drainAfterwards(open: MigratableControlDb) {
    const upkeep = controlDbUpkeep({
      telemetry,
      migrate: () => open.migrate(),
      drain: () => drain({ db: open, tenants, clock }),
      prune: retention({ db: open, clock }),
    });
    return afterwards(clock.now, DRAIN_DELAY_MS, async () => {
      // What could not be drained is tried again after the next answer, not only after the next use.
      if (!(await upkeep())) outboxUsed = true;
    });
  }
  const tellLater = afterwards(clock.now, TELL_DELAY_MS, () => counted.tell().catch(failed("metrics.untold")));
  const flushLater =
    env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
      ? null
      : afterwards(clock.now, FLUSH_DELAY_MS, () => telemetry.flush(FLUSH_MS_MAX));
  const first = env.BAILIWICK_BOOTSTRAP;
  return {
    handle,
    runner,
    batches,
    addressed: env.BAILIWICK_PLATFORM === "cloudflare",
    failed,
    async bootstrap() {
      await directory?.refresh();
      const { snapshot, files } = config.active();
      await cellStore.activate(snapshot.digest, files);
      await provisionTenants(deps, snapshot, {
        tenant: first?.tenant ?? "",
        keys: first ? firstKeys(first.api, first.admin) : [],
      });
      if (env.BAILIWICK_OPERATOR_KEY !== undefined)
        await grantBoundOperator(remoteOperatorGrants(placed(env, env.TENANT)), env.BAILIWICK_OPERATOR_KEY, {
          by: cellAttribution(cell, snapshot.digest, "operator-key"),
          telemetry,
        });
    },
    upkeep(context) {
      if (directory?.due) context.waitUntil(directory.refresh());
      if (pull.due) context.waitUntil(pull.run());
      if (clock.now() >= tidyAfterMs) {
        tidyAfterMs = clock.now() + LIMITS.movedTidyMs;
        context.waitUntil(tidyMoves().catch(failed("moves.tidy")));
      }
      flushLater?.(context);
      tellLater(context);
      if (!outboxUsed || !drainLater) return;
      outboxUsed = false;
      drainLater(context);
    },
  };
}

/** A cell without a control database has no scopes, and takes no tenant that has some. */
const NO_SCOPES: MovingParts["scopes"] = {
  read: async () => ({ scopes: { workspaces: [], projects: [], environments: [] }, pending: 0 }),
  restore: async (_tenant, scopes) => Object.values(scopes).every((rows) => rows.length === 0),
};

/** Classes here are asked for their schemas alone. */
const movedObjectsOf = (env: WorkerdEnv) =>
  workerdMovedObjects(
    {
      ...{ tenant: placed(env, env.TENANT), session: placed(env, env.SESSION) },
      ...{ task: placed(env, env.TASK), batch: placed(env, env.BATCH) },
    },
    {
      ...{ tenant: tenantObjectClass(null), session: sessionClass },
      ...{ task: taskObjectClass(null), batch: batchObjectClass(null) },
    },
  );

function preauthLimiter(env: WorkerdEnv, perMinute: () => number, onDegraded: (cause: unknown) => void): RateLimiter {
  const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = env;
  if (url === undefined || token === undefined)
    return memoryRateLimiter({ perMinute, keysMax: LIMITS.preauthAddressesMax }, systemClock);
  const hmacKey = hkdfSha256(env.BAILIWICK_ROOT_SECRET, undefined, "bailiwick/preauth/v1", 32);
  return upstashRateLimiter({
    url,
    token: token.reveal(),
    cell: env.BAILIWICK_CELL,
    hmacKey,
    perMinute,
    clock: systemClock,
    onDegraded,
  });
}

/** Every store of the cell, for its statement of residency. */
function storesOf(env: WorkerdEnv, archive: ObjectStore | null): StorePlacement[] {
  const jurisdiction = env.BAILIWICK_JURISDICTION;
  const store = (purpose: string, technology: string): StorePlacement => ({
    purpose,
    technology,
    jurisdiction,
    worm: "not WORM",
  });
  return [
    ...(archive === null ? [] : [{ purpose: "ledger archive and objects", ...archive.placement }]),
    store("durable objects", "durable-object-sqlite"),
    ...(env.NEON_DATABASE_URL === undefined ? [] : [store("control database", "neon")]),
    ...(env.BAILIWICK_SQS_PREFIX === undefined ? [] : [store("job queue", "sqs")]),
    store("keys", "worker-secrets"),
  ];
}
