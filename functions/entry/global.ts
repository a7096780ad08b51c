import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { constantTimeEqual } from "../../shared/crypto/constant-time-equal.ts";
import { useHashing } from "../../shared/crypto/hashing.ts";
import { sha256 } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { hostTimer } from "../../shared/telemetry/export-timer.ts";
import { EXPOSITION_CONTENT_TYPE } from "../../shared/telemetry/exposition.ts";
import { systemClock } from "../adapters/clock/system.ts";
import { randomIds } from "../adapters/ids/random.ts";
import { globalHandler } from "../cells/global-handler.ts";
import type { MetricsPage } from "../cells/own-answer.ts";
import { hostSockets } from "./cell-socket.ts";
import { directoryOf } from "./cells-env.ts";
import { EnvUnusable } from "./env-unusable.ts";
import { type GlobalEnv, keysById, readGlobalEnv } from "./global-env.ts";
import { globalTelemetry, showDirectory } from "./global-telemetry.ts";
import { host, PortInUse } from "./host.ts";
import { LOOPBACK_HOSTS, tlsOf } from "./listen-env.ts";
import { nativeHashing } from "./native-hashing.ts";
import { releaseOf } from "./release.ts";
import { repeating } from "./repeating.ts";
import { untilSignal } from "./until-signal.ts";

const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** The global entry as a process. It writes nothing anywhere but its log, which has no call in it. */
async function start(env: GlobalEnv): Promise<() => Promise<void>> {
  useHashing(nativeHashing);
  const clock = systemClock;
  const ids = randomIds(clock);
  const { telemetry, watch, onFault, unreachable } = globalTelemetry(env, {
    ...{ release: releaseOf(PROJECT).release, clock, ids, timer: hostTimer, fetch },
    write: (line) => void process.stderr.write(`${line}\n`),
  });
  const reach = { readFile: (path: string) => readFile(path, "utf8"), fetch };
  const directory = await directoryOf(env, reach, { clock, onFault });
  if (directory === null) throw new EnvUnusable("BAILIWICK_DIRECTORY: an entry knows no cell without it");
  showDirectory(telemetry, directory, clock);
  const looking = repeating(LIMITS.directoryRefreshMs, () => directory.refresh());
  const server = await host.serve({
    host: env.HOST,
    port: env.PORT,
    tls: tlsOf(env),
    handle: globalHandler({
      ...{ directory, clock, ids, fetch, unreachable, watch },
      keys: keysById(env.BAILIWICK_FORWARDING_KEYS),
      sockets: hostSockets({ clock }),
      metrics: metricsPage(env, () => telemetry.exposition()),
    }),
    // Errors of connections have URLs in them.
    onError: () => telemetry.log.warn("connection.broken", {}),
  });
  process.stdout.write(`global entry: ${env.TLS_CERT ? "https" : "http"}://${env.HOST}:${server.port}\n`);
  return async () => {
    await looking.stop();
    await server.stop(LIMITS.serverCloseMsMax);
    await telemetry.flush(2_000);
  };
}

/** An entry verifies nobody's credential: beyond this machine, what it counts is for whoever has its own token. */
function metricsPage(
  { HOST, BAILIWICK_METRICS_TOKEN: token }: GlobalEnv,
  exposition: () => string,
): MetricsPage | null {
  const page = { contentType: EXPOSITION_CONTENT_TYPE, exposition };
  if (token === undefined) return LOOPBACK_HOSTS.includes(HOST) ? { ...page, mayRead: () => true } : null;
  const wanted = sha256(utf8(`Bearer ${token.reveal()}`));
  return {
    ...page,
    mayRead: (headers) => constantTimeEqual(sha256(utf8(headers.get("authorization") ?? "")), wanted),
  };
}

await untilSignal(async () => start(readGlobalEnv(host.variables())), { expected: [EnvUnusable, PortInUse] });
