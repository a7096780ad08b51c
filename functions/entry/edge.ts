import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { ConfigUnusable } from "../../shared/contracts/ports/config-source.ts";
import { useHashing } from "../../shared/crypto/hashing.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { hostTimer } from "../../shared/telemetry/export-timer.ts";
import { systemClock } from "../adapters/clock/system.ts";
import { controlRepository } from "../adapters/control-db/repository.ts";
import { hostEgress } from "../adapters/egress/deno.ts";
import { LOOPBACK_ONLY } from "../adapters/egress/target.ts";
import { randomIds } from "../adapters/ids/random.ts";
import { secretKeyring } from "../adapters/keyring/secret.ts";
import { memoryRateLimiter } from "../adapters/rate-limit/memory.ts";
import { remoteSigner } from "../adapters/signer/remote.ts";
import type { SignerService } from "../adapters/signer/signer-service.ts";
import { composeCell } from "./compose.ts";
import { connectObjects, ObjectsUnusable } from "./connect-objects.ts";
import { Degradation } from "./degradation.ts";
import { dependenciesOf } from "./dependencies.ts";
import { type EdgeEnv, readEdgeEnv } from "./edge-env.ts";
import { LOOPBACK_HOSTS } from "./embedded-env.ts";
import { EnvUnusable } from "./env-unusable.ts";
import { host, hostSecret, PortInUse } from "./host.ts";
import { hostSources } from "./host-sources.ts";
import { logPrefix } from "./ledger.ts";
import { createLifecycle } from "./lifecycle.ts";
import { logSink } from "./log-sink.ts";
import { nativeHashing } from "./native-hashing.ts";
import { otlpExporters } from "./otlp.ts";
import { releaseOf } from "./release.ts";
import { repeating } from "./repeating.ts";
import { declared, OutsideJurisdiction, requireResidency } from "./residency.ts";

const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const EDGE_NAME_CHARS = 12;

/**
 * An edge of a cell whose objects are another process's: it keeps nothing, writes nothing to a disk and can be replaced at
 * any time. What nobody waits for (alarms, runs without a caller, upkeep) is the objects' process's.
 */
async function start(env: EdgeEnv, variables: Record<string, string | undefined>): Promise<() => Promise<void>> {
  useHashing(nativeHashing);
  const own = {
    id: env.BAILIWICK_CELL,
    jurisdiction: env.BAILIWICK_JURISDICTION,
    region: env.BAILIWICK_JURISDICTION,
  };
  const collects = env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined;
  requireResidency(
    own,
    declared(own.jurisdiction, env.BAILIWICK_RESIDENCY, ["keys", ...(collects ? (["telemetry"] as const) : [])]),
  );
  const { version, release } = releaseOf(PROJECT);
  const clock = systemClock;
  const ids = randomIds(clock);
  const readSecret = (ref: { source: "env" | "file"; name: string }) => hostSecret(variables, ref);
  const egress = hostEgress(env.BAILIWICK_TENANT_EGRESS === "loopback" ? { rules: LOOPBACK_ONLY } : {});
  const telemetry = createTelemetry({
    service: "bailiwick-edge",
    cell: own.id,
    sink: logSink(env.BAILIWICK_LOG, (line) => void process.stderr.write(`${line}\n`)),
    ...otlpExporters(env, { version, cell: own.id, clock, ids, egress, timer: hostTimer }),
    clock,
    ids,
    sample: { ratio: 1, followParent: true },
  });
  const failed = (where: string) => (cause: unknown) => telemetry.log.error(where, cause);
  const sources = { project: PROJECT, cell: own, variables, egress, clock, telemetry };
  const { directory, config } = await hostSources(env, sources);
  const { ports, facts } = await connectObjects(
    {
      ...{ url: env.BAILIWICK_OBJECTS_URL, cell: own.id, jurisdiction: own.jurisdiction },
      ...{ seed: env.secrets.edge, edge: `edge-${ids.base62(EDGE_NAME_CHARS)}` },
      ...(env.BAILIWICK_OBJECTS_VERSION_MAX === undefined ? {} : { versionMax: env.BAILIWICK_OBJECTS_VERSION_MAX }),
    },
    clock,
  );
  const degradation = new Degradation(telemetry, config);
  // The database is the objects' process's to close.
  const db = degradation.watch({ ...ports.control, close: async () => {} });
  const lifecycle = createLifecycle();
  let leaving = false;
  const scheme = env.TLS_CERT ? "https" : "http";
  const cell = {
    ...own,
    endpoint:
      env.BAILIWICK_ENDPOINT ?? `${scheme}://${env.HOST.includes(":") ? `[${env.HOST}]` : env.HOST}:${env.PORT}`,
    release,
    loopback: LOOPBACK_HOSTS.includes(env.HOST),
  };
  const { handle } = composeCell({
    cell,
    clock,
    ids,
    config,
    tenants: ports.tenant,
    sessions: ports.session,
    tasks: ports.task,
    batches: ports.batch,
    cellStore: ports.cell,
    policies: ports.policy,
    defer: (work) => void work.catch(failed("deferred")),
    keyring: await secretKeyring([env.secrets.root], clock),
    control: controlRepository({ db, clock }),
    controlDb: db,
    preauth: memoryRateLimiter(
      { perMinute: () => config.current().rates.preauth_per_minute, keysMax: LIMITS.preauthAddressesMax },
      clock,
    ),
    telemetry,
    dependencies: [
      ...dependenciesOf({ db, config, cellStore: ports.cell }),
      {
        name: "edge",
        required: true,
        probe: async () => ({ ready: !leaving, reason: leaving ? "this edge is leaving" : null }),
      },
    ],
    degraded: () => degradation.names(),
    lifecycle,
    egress,
    readSecret,
    version,
    directory: () => directory?.current() ?? null,
    forwardingKeys: env.BAILIWICK_FORWARDING_KEYS,
    pools: { enrolment: env.secrets.workers, queue: ports.queue },
    archive: ports.archive,
    signer: remoteSigner(ports.signer as Omit<SignerService, "signCheckpoint"> as SignerService, clock), // safe because: edges sign no checkpoints
    moves: ports.moves,
    ledgerOrigin: facts.ledger_origin,
    logPrefix,
    stores: facts.stores as Parameters<typeof composeCell>[0]["stores"] & object, // safe because: the objects' process states them
  });
  const server = await host.serve({
    host: env.HOST,
    port: env.PORT,
    shared: env.BAILIWICK_PORT_SHARED === "1",
    tls:
      env.TLS_CERT && env.TLS_KEY
        ? { cert: readFileSync(env.TLS_CERT, "utf8"), key: readFileSync(env.TLS_KEY, "utf8") }
        : null,
    handle,
    onError: failed("server"),
  });
  if (env.BAILIWICK_ENDPOINT === undefined) cell.endpoint = cell.endpoint.replace(/:\d+$/, `:${server.port}`);
  const looking = repeating(LIMITS.directoryRefreshMs, async () => directory?.refresh());
  process.stdout.write(`edge of ${own.id}: ${scheme}://${env.HOST}:${server.port}\n`);

  return async () => {
    // Whoever spreads calls over edges sees that this one is not ready and stops; only then are calls refused.
    leaving = true;
    await new Promise((resolve) => setTimeout(resolve, env.BAILIWICK_DRAIN_NOTICE_MS));
    const drained = lifecycle.drain(LIMITS.drainMsMax, LIMITS.drainSettleMsMax);
    await looking.stop();
    const { ended } = await drained;
    if (ended > 0) telemetry.log.warn("drain.ended_calls", { calls: ended });
    await server.stop(LIMITS.serverCloseMsMax);
    config.close();
    await telemetry.flush(2_000);
  };
}

/** Failures that the operator can mend, as one line; anything else is a bug and keeps its stack. */
const EXPECTED = [EnvUnusable, OutsideJurisdiction, ObjectsUnusable, ConfigUnusable, PortInUse];

try {
  const variables = host.variables();
  const stop = await start(readEdgeEnv(variables), variables);
  let stopping = false;
  host.onSignal(() => {
    if (stopping) host.exit(130);
    stopping = true;
    stop().then(
      () => host.exit(0),
      (cause: unknown) => {
        process.stderr.write(
          `bailiwick: could not stop cleanly: ${cause instanceof Error ? cause.message : String(cause)}\n`,
        );
        host.exit(1);
      },
    );
  });
} catch (cause) {
  if (!EXPECTED.some((kind) => cause instanceof kind)) throw cause;
  process.stderr.write(`bailiwick: ${(cause as Error).message}\n`); // safe because: every expected kind is an Error
  host.exit(1);
}
