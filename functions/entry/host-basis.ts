import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { useHashing } from "../../shared/crypto/hashing.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { hostTimer } from "../../shared/telemetry/export-timer.ts";
import { sharedTimers } from "../../shared/timing/shared-timers.ts";
import { useTimers } from "../../shared/timing/timers.ts";
import { systemClock } from "../adapters/clock/system.ts";
import { hostEgress } from "../adapters/egress/deno.ts";
import { LOOPBACK_ONLY } from "../adapters/egress/target.ts";
import { randomIds } from "../adapters/ids/random.ts";
import { memoryRateLimiter } from "../adapters/rate-limit/memory.ts";
import { type CellHost, cellParts } from "./cell-parts.ts";
import type { EdgeEnv } from "./edge-env.ts";
import type { EmbeddedEnv } from "./embedded-env.ts";
import { hostSecret } from "./host.ts";
import { hostSources } from "./host-sources.ts";
import { LOOPBACK_HOSTS } from "./listen-env.ts";
import { logSink } from "./log-sink.ts";
import { nativeHashing } from "./native-hashing.ts";
import { otlpExporters } from "./otlp.ts";
import { releaseOf } from "./release.ts";

/** Root of the project, whose code runs here. */
const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
type Env = EdgeEnv | EmbeddedEnv;

/** The cell that a process is, or is an edge of. */
export const ownOf = (env: Env) => ({
  id: env.BAILIWICK_CELL,
  jurisdiction: env.BAILIWICK_JURISDICTION,
  region: env.BAILIWICK_JURISDICTION,
});

/**
 * What a host process has whether its objects are its own or another's: itself, the outside, what it is told and follows.
 * Throws what `hostSources` finds unusable. Residency is to be held before: collector and engines are reached from here on.
 */
export async function hostBasis(env: Env, variables: Record<string, string | undefined>, service: string) {
  useHashing(nativeHashing);
  useTimers(sharedTimers());
  const own = ownOf(env);
  const { version, release } = releaseOf(PROJECT);
  const clock = systemClock;
  const ids = randomIds(clock);
  const egress = hostEgress(env.BAILIWICK_TENANT_EGRESS === "loopback" ? { rules: LOOPBACK_ONLY } : {});
  const telemetry = createTelemetry({
    service,
    cell: own.id,
    sink: logSink(env.BAILIWICK_LOG, (line) => void process.stderr.write(`${line}\n`)),
    ...otlpExporters(env, { version, cell: own.id, clock, ids, egress, timer: hostTimer }),
    clock,
    ids,
    sample: { ratio: 1, followParent: true },
  });
  const sources = { project: PROJECT, cell: own, variables, egress, clock, telemetry };
  const { directory, config } = await hostSources(env, sources);
  const scheme = env.TLS_CERT ? "https" : "http";
  const named = env.HOST.includes(":") ? `[${env.HOST}]` : env.HOST;
  return {
    ...{ own, version, release, clock, ids, egress, telemetry, directory, config },
    readSecret: (ref: { source: "env" | "file"; name: string }) => hostSecret(variables, ref),
    failed: (where: string) => (cause: unknown) => telemetry.log.error(where, cause),
    /** Its endpoint is known for good once it listens. */
    cell: {
      ...own,
      endpoint: env.BAILIWICK_ENDPOINT ?? `${scheme}://${named}:${env.PORT}`,
      release,
      loopback: LOOPBACK_HOSTS.includes(env.HOST),
    },
    scheme,
  };
}
export type HostBasis = Awaited<ReturnType<typeof hostBasis>>;

/** What every host process gives the cell that it composes, beside its objects. */
export function hostParts(
  env: Env,
  { cell, version, clock, ids, egress, telemetry, directory, config, readSecret, failed }: HostBasis,
  own: Pick<CellHost, "db" | "degradation" | "lifecycle" | "cellStore" | "keyring">,
) {
  return cellParts({
    ...{ cell, version, clock, ids, egress, telemetry, directory, config, readSecret, ...own },
    defer: (work: Promise<unknown>) => void work.catch(failed("deferred")),
    preauth: memoryRateLimiter(
      { perMinute: () => config.current().rates.preauth_per_minute, keysMax: LIMITS.preauthAddressesMax },
      clock,
    ),
    forwardingKeys: env.BAILIWICK_FORWARDING_KEYS,
  });
}
