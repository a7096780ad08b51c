import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { embeddedBatchStore } from "../../durable/batch/embedded.ts";
import { batchObjectClass } from "../../durable/batch/object-class.ts";
import { embeddedCellPolicies, embeddedCellStore } from "../../durable/cell/embedded.ts";
import { cellObjectClass } from "../../durable/cell/object-class.ts";
import { openEmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import { HomeLocked } from "../../durable/runtime/home-lock.ts";
import { policyStore } from "../../durable/runtime/policy-layers.ts";
import { sessionClass } from "../../durable/session/core.ts";
import { embeddedSessionStore } from "../../durable/session/embedded.ts";
import { taskObjectClass } from "../../durable/task/object-class.ts";
import { embeddedTenantPolicies, embeddedTenantStore } from "../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../durable/tenant/object-class.ts";
import { TenantId } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { type BatchRunner, laterBatchRunner } from "../../shared/contracts/ports/batch-store.ts";
import { ConfigUnusable } from "../../shared/contracts/ports/config-source.ts";
import { ControlDbUnavailable } from "../../shared/contracts/ports/control-db.ts";
import { laterRunner, type Runner } from "../../shared/contracts/ports/runner.ts";
import { statementKey, statementSigner } from "../../shared/crypto/policy-statement.ts";
import { sqliteJobQueue } from "../../shared/job-queue/sqlite.ts";
import { movedScopes } from "../adapters/control-db/moved-scopes.ts";
import { drain } from "../adapters/control-db/outbox-drain.ts";
import { pgliteControlDb } from "../adapters/control-db/pglite-worker.ts";
import { postgresControlDb } from "../adapters/control-db/postgres.ts";
import { retention } from "../adapters/control-db/retention.ts";
import { controlDbEventSink } from "../adapters/event-sink/control-db.ts";
import { countedEventSink } from "../adapters/event-sink/counted.ts";
import { pacedEventSink } from "../adapters/event-sink/paced.ts";
import { secretKeyring } from "../adapters/keyring/secret.ts";
import { fileSystemObjectStore } from "../adapters/object-store/file-system.ts";
import type { S3ObjectStoreOptions } from "../adapters/object-store/s3-bucket.ts";
import { fileSigner } from "../adapters/signer/file.ts";
import { SIGNING_KEYS_FILE } from "../adapters/signer/key-file.ts";
import { recordedSigner } from "../adapters/signer/recorded.ts";
import { mint } from "../v1/keys/mint.ts";
import { firstKeys, mirrorTenants, provisionTenants } from "./bootstrap.ts";
import { ledgerParts } from "./cell-parts.ts";
import { composeCell } from "./compose.ts";
import { Degradation } from "./degradation.ts";
import { type EmbeddedEnv, readEmbeddedEnv } from "./embedded-env.ts";
import { embeddedMovedObjects } from "./embedded-moved-objects.ts";
import { placesOf } from "./embedded-places.ts";
import { embeddedTasks } from "./embedded-tasks.ts";
import { EnvUnusable } from "./env-unusable.ts";
import {
  edgeKey,
  HomeUnusable,
  type KeysFile,
  prepareHome,
  QUEUE_FILE,
  ROOT_KEY_FILE,
  readKeys,
  rootSecret,
  workerSecret,
  writeKeys,
} from "./home.ts";
import { homeDisk } from "./home-disk.ts";
import { host, PortInUse } from "./host.ts";
import { hostBasis, hostParts, ownOf } from "./host-basis.ts";
import { logParts, s3Options } from "./ledger.ts";
import { bucketOf } from "./ledger-env.ts";
import { createLifecycle } from "./lifecycle.ts";
import { tlsOf } from "./listen-env.ts";
import { edgePublicKey, openObjectsPort } from "./objects-port.ts";
import { repeating } from "./repeating.ts";
import { OutsideJurisdiction, type Place, requireResidency } from "./residency.ts";
import { untilSignal } from "./until-signal.ts";
import { startUpkeep } from "./upkeep.ts";
import { keysInForce, welcome } from "./welcome.ts";

const FIRST_TENANT = "default";

/** The whole cell in one process: edge, durable objects, control database. Resolves when it listens. */
async function start(env: EmbeddedEnv, variables: Record<string, string | undefined>): Promise<() => Promise<void>> {
  const own = ownOf(env);
  const bucket = bucketOf(env);
  // Before anything is written anywhere.
  const places = placesOf(env, bucket);
  requireResidency(own, [...places.values()]);
  const home = resolve(env.BAILIWICK_HOME);
  prepareHome(home);
  const basis = await hostBasis(env, variables, "bailiwick");
  const { cell, clock, config, directory, egress, failed, ids, release, telemetry } = basis;
  /** What was declared and found to be the cell's own. */
  const lies = (place: Place): string => places.get(place)?.jurisdiction ?? own.jurisdiction;
  const stopping = new AbortController();
  const degradation = new Degradation(telemetry, config);
  const db = degradation.watch(
    env.BAILIWICK_DATABASE_URL
      ? postgresControlDb({ cell: own.id, connectionString: env.BAILIWICK_DATABASE_URL })
      : pgliteControlDb({ cell: own.id, dataDir: join(home, "control-db"), stopping: stopping.signal }),
  );
  const root = rootSecret(home, ids.bytes);
  const archive =
    bucket === null
      ? await fileSystemObjectStore({ root: join(home, "object-store"), jurisdiction: lies("disk"), clock })
      : await s3Archive(s3Options(bucket, { jurisdiction: lies("bucket"), clock, egress }));
  const keySigner = fileSigner({
    path: join(home, SIGNING_KEYS_FILE),
    sinceMs: statSync(join(home, ROOT_KEY_FILE)).mtimeMs,
    clock,
    onChange: (state) =>
      state.available
        ? telemetry.log.info("signer.available", {})
        : telemetry.log.error("signer.unavailable", new Error(state.reason)),
  });
  const publishing = {
    archive,
    deployment: env.BAILIWICK_LEDGER_ORIGIN,
    cell: own.id,
    retentionDays: env.BAILIWICK_LEDGER_RETENTION_DAYS,
    metrics: telemetry.metrics,
    halted: (log: string, fault: string) => telemetry.log.error("ledger.halted", new Error(fault), { log }),
  };
  const cellObjects = cellObjectClass(logParts({ ...publishing, signer: keySigner }));
  // The cell's own ledger names each key before a tenant gets what it signed.
  const signer = recordedSigner({
    signer: keySigner,
    ledger: { system: (events) => cellStore.system(events) },
    clock,
  });
  const tenantClass = tenantObjectClass(
    countedEventSink(
      pacedEventSink(controlDbEventSink({ db, cell: own.id, clock }), {
        clock,
        nowMs: () => performance.now(),
        cpuMs() {
          const { user, system } = process.cpuUsage();
          return (user + system) / 1_000;
        },
        pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      }),
      (by) => telemetry.metrics.gauge("bailiwick_outbox_pending", { object: "tenant" }, by),
    ),
    logParts({ ...publishing, signer }),
  );
  const queue = await sqliteJobQueue({ path: join(home, QUEUE_FILE), clock, jurisdiction: lies("disk") });
  // Alarms may come before the cell is composed: what they are to run waits for it.
  const composed = Promise.withResolvers<Runner>();
  const composedBatches = Promise.withResolvers<BatchRunner>();
  const batchClass = batchObjectClass(laterBatchRunner(() => composedBatches.promise));
  const taskClass = taskObjectClass({ runner: laterRunner(() => composed.promise), queue });
  const objects = openEmbeddedHost({
    home,
    clock,
    ids,
    classes: [tenantClass, sessionClass, taskClass, batchClass, cellObjects],
    onError(cause, where) {
      // Events wait in their object until Postgres answers: that is no fault of the object.
      if (cause instanceof ControlDbUnavailable) telemetry.log.info("outbox.waiting", { class: where.class });
      else telemetry.log.error("object.failed", cause, { class: where.class });
    },
  });
  const incarnation = ids.base62(16);
  const tasks = embeddedTasks(home, { objects, taskClass, incarnation, log: telemetry.log });
  const tenants = embeddedTenantStore(objects, tenantClass);
  const cellStore = embeddedCellStore(objects, { cell: own.id, region: own.region, release }, cellObjects);
  await keySigner.keys();
  const keyring = await secretKeyring([root], clock);
  const sign = statementSigner(own.id, statementKey(root));
  const lifecycle = createLifecycle();
  const parts = hostParts(env, basis, { db, degradation, lifecycle, keyring, cellStore });
  const { tidyMoves, ...published } = ledgerParts(parts, {
    ...{ archive, signer, origin: env.BAILIWICK_LEDGER_ORIGIN, retentionDays: env.BAILIWICK_LEDGER_RETENTION_DAYS },
    objects: embeddedMovedObjects(objects, home, {
      ...{ tenant: tenantClass, session: sessionClass, task: taskClass, batch: batchClass },
    }),
    scopes: movedScopes(db),
  });
  const disk = homeDisk(home, clock);
  const { handle, deps, runner, batches, pull } = composeCell({
    ...parts,
    ...published,
    dependencies: [...parts.dependencies, disk],
    tenants,
    sessions: embeddedSessionStore(objects),
    tasks: tasks.store,
    runsHolder: incarnation,
    batches: embeddedBatchStore(objects, batchClass),
    policies: policyStore({
      cell: embeddedCellPolicies(objects, { cell: own.id, region: own.region, release }, sign),
      tenant: embeddedTenantPolicies(objects, tenantClass, sign),
    }),
    pools: { enrolment: workerSecret(home, ids.bytes), queue },
    stores: [
      { purpose: "ledger archive and objects", ...archive.placement },
      { purpose: "durable objects", technology: "sqlite", jurisdiction: lies("disk"), worm: "not WORM" },
      {
        purpose: "control database",
        technology: env.BAILIWICK_DATABASE_URL ? "postgresql" : "pglite",
        jurisdiction: lies(env.BAILIWICK_DATABASE_URL ? "database" : "disk"),
        worm: "not WORM",
      },
      { purpose: "job queue", ...queue.placement, worm: "not WORM" },
      { purpose: "keys", technology: "file-system", jurisdiction: lies("disk"), worm: "not WORM" },
    ],
  });

  composed.resolve(runner);
  composedBatches.resolve(batches);
  tasks.begin();
  const known = readKeys(home);
  const tenant = TenantId.parse(FIRST_TENANT);
  const api = mint(deps, tenant);
  const admin = mint(deps, tenant);
  await cellStore.activate(config.current().digest, config.active().files);
  // If we crash between provisioning and writing the file, the keys are lost and the home is as good as new: the file
  // goes first, so that a key in the file is either in force or was never given out.
  const keys: KeysFile = known ?? { endpoint: cell.endpoint, tenant, api_key: api.text, admin_key: admin.text };
  if (!known) writeKeys(home, keys);
  await provisionTenants(deps, config.current(), { tenant, keys: firstKeys(api, admin) });

  const server = await host.serve({
    host: env.HOST,
    port: env.PORT,
    shared: env.BAILIWICK_PORT_SHARED === "1",
    tls: tlsOf(env),
    handle,
    onError: failed("server"),
  });
  const edges = env.BAILIWICK_OBJECTS_LISTEN
    ? await openObjectsPort(deps, {
        listen: env.BAILIWICK_OBJECTS_LISTEN,
        keys: [edgePublicKey(edgeKey(home, ids.bytes)), ...env.BAILIWICK_EDGE_KEYS],
        tls: tlsOf(env),
        versionMax: env.BAILIWICK_OBJECTS_VERSION_MAX,
        disk,
      })
    : null;
  const endpoint = env.BAILIWICK_ENDPOINT ?? cell.endpoint.replace(/:\d+$/, `:${server.port}`);
  cell.endpoint = endpoint;
  writeKeys(home, { ...keys, endpoint });
  const pulling = repeating(LIMITS.bundlePullCheckMs, async () => {
    if (pull.due) await pull.run();
  });
  const tidying = repeating(LIMITS.movedTidyMs, () => tidyMoves().catch(failed("moves.tidy")));
  const looking = repeating(LIMITS.directoryRefreshMs, async () => directory?.refresh());
  const upkeep = startUpkeep({
    config,
    cellStore,
    telemetry,
    provision: (snapshot) => provisionTenants(deps, snapshot, { tenant, keys: [] }),
    migrate: () => degradation.observe(db.migrate()),
    mirror: () => mirrorTenants(deps),
    drain: () => drain({ db, tenants, clock }),
    prune: retention({ db, clock }),
  });
  process.stdout.write(welcome(await keysInForce(deps, { ...keys, endpoint })));

  return async () => {
    stopping.abort();
    const drained = lifecycle.drain(LIMITS.drainMsMax, LIMITS.drainSettleMsMax);
    await Promise.all([upkeep.stop(), pulling.stop(), tidying.stop(), looking.stop()]);
    const { ended } = await drained;
    if (ended > 0) telemetry.log.warn("drain.ended_calls", { calls: ended });
    await Promise.all([server.stop(LIMITS.serverCloseMsMax), edges?.stop()]);
    config.close();
    await tasks.close(objects);
    await queue.close();
    await keySigner.close();
    await db.close();
    await telemetry.flush(2_000);
  };
}

/** The client of S3 is large and most homes have no bucket. */
async function s3Archive(options: S3ObjectStoreOptions) {
  const { s3ObjectStore } = await import("../adapters/object-store/s3.ts");
  return s3ObjectStore(options);
}

await untilSignal(
  async () => {
    const variables = host.variables();
    return start(readEmbeddedEnv(variables), variables);
  },
  {
    expected: [EnvUnusable, OutsideJurisdiction, HomeUnusable, HomeLocked, ConfigUnusable, PortInUse],
    stopping: () => void process.stdout.write("\ndraining…\n"),
  },
);
