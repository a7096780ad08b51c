import { LIMITS } from "../../shared/contracts/limits.ts";
import { ConfigUnusable } from "../../shared/contracts/ports/config-source.ts";
import { secretKeyring } from "../adapters/keyring/secret.ts";
import { remoteSigner } from "../adapters/signer/remote.ts";
import type { SignerService } from "../adapters/signer/signer-service.ts";
import { composeCell } from "./compose.ts";
import { connectObjects, ObjectsUnusable } from "./connect-objects.ts";
import { Degradation } from "./degradation.ts";
import { objectsDisk } from "./dependencies.ts";
import { type EdgeEnv, readEdgeEnv } from "./edge-env.ts";
import { EnvUnusable } from "./env-unusable.ts";
import { host, PortInUse } from "./host.ts";
import { hostBasis, hostParts, ownOf } from "./host-basis.ts";
import { logPrefix } from "./ledger.ts";
import { createLifecycle } from "./lifecycle.ts";
import { tlsOf } from "./listen-env.ts";
import { repeating } from "./repeating.ts";
import { declared, OutsideJurisdiction, requireResidency } from "./residency.ts";
import { untilSignal } from "./until-signal.ts";

const EDGE_NAME_CHARS = 12;

/**
 * An edge of a cell whose objects are another process's: it keeps nothing, writes nothing to a disk and can be replaced at
 * any time. What nobody waits for (alarms, runs without a caller, upkeep) is the objects' process's.
 */
async function start(env: EdgeEnv, variables: Record<string, string | undefined>): Promise<() => Promise<void>> {
  const own = ownOf(env);
  const collects = env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined;
  requireResidency(
    own,
    declared(own.jurisdiction, env.BAILIWICK_RESIDENCY, ["keys", ...(collects ? (["telemetry"] as const) : [])]),
  );
  const basis = await hostBasis(env, variables, "bailiwick-edge");
  const { cell, clock, config, directory, failed, ids, telemetry } = basis;
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
  const keyring = await secretKeyring([env.secrets.root], clock);
  const parts = hostParts(env, basis, { db, degradation, lifecycle, keyring, cellStore: ports.cell });
  const { handle } = composeCell({
    ...parts,
    tenants: ports.tenant,
    sessions: ports.session,
    tasks: ports.task,
    batches: ports.batch,
    policies: ports.policy,
    dependencies: [
      ...parts.dependencies,
      objectsDisk(ports.host),
      {
        name: "edge",
        required: true,
        probe: async () => ({ ready: !leaving, reason: leaving ? "this edge is leaving" : null }),
      },
    ],
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
    tls: tlsOf(env),
    handle,
    onError: failed("server"),
  });
  if (env.BAILIWICK_ENDPOINT === undefined) cell.endpoint = cell.endpoint.replace(/:\d+$/, `:${server.port}`);
  const looking = repeating(LIMITS.directoryRefreshMs, async () => directory?.refresh());
  process.stdout.write(`edge of ${own.id}: ${basis.scheme}://${env.HOST}:${server.port}\n`);

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

await untilSignal(
  async () => {
    const variables = host.variables();
    return start(readEdgeEnv(variables), variables);
  },
  { expected: [EnvUnusable, OutsideJurisdiction, ObjectsUnusable, ConfigUnusable, PortInUse] },
);
