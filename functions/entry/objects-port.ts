import { PROTOCOL } from "../../durable/remote/http-protocol.ts";
import { objectsServer } from "../../durable/remote/http-server.ts";
import type { RemotePorts } from "../../durable/remote/remote-ports.ts";
import { serveCalls } from "../../durable/remote/serve-calls.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { publicKeyOf } from "../../shared/crypto/ed25519-jwk.ts";
import { edgeVerifier, objectsUri, readEdgeKey } from "../../shared/crypto/edge-token.ts";
import { signerService } from "../adapters/signer/signer-service.ts";
import type { Dependency, Deps } from "../context.ts";
import { EnvUnusable } from "./env-unusable.ts";
import { host } from "./host.ts";
import { LOOPBACK_HOSTS } from "./listen-env.ts";

type Parts = Pick<
  Deps,
  | "archive"
  | "batches"
  | "cell"
  | "cellStore"
  | "clock"
  | "controlDb"
  | "jobQueue"
  | "ledgerOrigin"
  | "moves"
  | "policies"
  | "sessions"
  | "signer"
  | "stores"
  | "tasks"
  | "telemetry"
  | "tenants"
>;

/** `x` of the JWK of a seed in base64url. */
export const edgePublicKey = (seed: string): string => publicKeyOf(readEdgeKey(seed) ?? new Uint8Array()).x;

export interface ObjectsPortOptions {
  listen: { host: string; port: number };
  /** Public keys of edges (`x` of their JWK). */
  keys: readonly string[];
  tls: { cert: string; key: string } | null;
  /** The newest version of the protocol that it speaks; the product's own where nothing is said. */
  versionMax: number | undefined;
  /** The disk that the objects lie on. */
  disk: Dependency;
}

/**
 * Opens the port on which edges reach this cell's objects, apart from the one that callers have: it knows words of edges
 * and no tenant's credential. Beyond this machine it serves TLS only. Throws `EnvUnusable`, `PortInUse`.
 */
export async function openObjectsPort(
  parts: Parts,
  { listen, keys, tls, disk, versionMax = PROTOCOL.max }: ObjectsPortOptions,
): Promise<{ port: number; stop(): Promise<void> }> {
  const { archive, jobQueue, moves, signer, cell, clock, telemetry } = parts;
  if (tls === null && !LOOPBACK_HOSTS.includes(listen.host))
    throw new EnvUnusable("BAILIWICK_OBJECTS_LISTEN beyond loopback goes with TLS_CERT and TLS_KEY");
  if (archive === null || jobQueue === null || moves === null || signer === null)
    throw new Error("a cell without archive, queue, moves or signer has no objects to serve");
  const ports: RemotePorts = {
    tenant: parts.tenants,
    session: parts.sessions,
    task: parts.tasks,
    batch: parts.batches,
    cell: parts.cellStore,
    policy: parts.policies,
    control: parts.controlDb,
    archive,
    queue: jobQueue,
    signer: signerService(signer),
    moves,
    host: {
      facts: async () => ({
        cell: cell.id,
        jurisdiction: cell.jurisdiction,
        release: cell.release,
        ledger_origin: parts.ledgerOrigin,
        archive: archive.placement,
        queue: jobQueue.placement,
        stores: parts.stores,
        disk: await disk.probe(),
      }),
    },
  };
  const onFailure = (cause: unknown, { of, method }: { of: string; method: string }) =>
    telemetry.log.error("objects.failed", cause, { call: `${of}.${method}` });
  const server = objectsServer({
    calls: serveCalls(ports, onFailure),
    verify: edgeVerifier(keys, objectsUri(cell.id)),
    nowMs: () => clock.now(),
    onRefused: (why) => telemetry.metrics.count("bailiwick_edge_refusals_total", { why }),
    onFailure,
    versions: { ...PROTOCOL, max: Math.min(PROTOCOL.max, versionMax) },
  });
  const listening = await host.serve({
    ...listen,
    tls,
    handle: (request) => server.handle(request),
    onError: (cause) => telemetry.log.error("objects.connection", cause),
  });
  return {
    port: listening.port,
    async stop() {
      await server.close();
      await listening.stop(LIMITS.serverCloseMsMax);
    },
  };
}
