import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { useHashing } from "../../shared/crypto/hashing.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { systemClock } from "../adapters/clock/system.ts";
import { randomIds } from "../adapters/ids/random.ts";
import { globalHandler } from "../cells/global-handler.ts";
import { hostSockets } from "./cell-socket.ts";
import { directoryOf } from "./cells-env.ts";
import { EnvUnusable } from "./env-unusable.ts";
import { type GlobalEnv, keysById, readGlobalEnv } from "./global-env.ts";
import { host, PortInUse } from "./host.ts";
import { logSink } from "./log-sink.ts";
import { nativeHashing } from "./native-hashing.ts";
import { repeating } from "./repeating.ts";

/** The global entry as a process. It writes nothing anywhere but its log, which has no call in it. */
async function start(env: GlobalEnv): Promise<() => Promise<void>> {
  useHashing(nativeHashing);
  const clock = systemClock;
  const ids = randomIds(clock);
  const { log } = createTelemetry({
    service: "bailiwick-entry",
    cell: "global",
    sink: logSink(env.BAILIWICK_LOG, (line) => void process.stderr.write(`${line}\n`)),
    exporter: null,
    clock,
    ids,
    sample: { ratio: 0, followParent: false },
  });
  const reach = { readFile: (path: string) => readFile(path, "utf8"), fetch };
  const directory = await directoryOf(env, reach, {
    clock,
    onFault: (fault) =>
      fault === null ? log.info("directory.good", {}) : log.error("directory.refused", new Error(fault)),
  });
  if (directory === null) throw new EnvUnusable("BAILIWICK_DIRECTORY: an entry knows no cell without it");
  const looking = repeating(LIMITS.directoryRefreshMs, () => directory.refresh());
  const server = await host.serve({
    host: env.HOST,
    port: env.PORT,
    tls:
      env.TLS_CERT && env.TLS_KEY
        ? { cert: readFileSync(env.TLS_CERT, "utf8"), key: readFileSync(env.TLS_KEY, "utf8") }
        : null,
    handle: globalHandler({
      directory,
      keys: keysById(env.BAILIWICK_FORWARDING_KEYS),
      clock,
      ids,
      fetch,
      sockets: hostSockets({ clock }),
      unreachable: (cell, kind) => log.warn("cell.unreachable", { cell, kind }),
    }),
    // Errors of connections have URLs in them.
    onError: () => log.warn("connection.broken", {}),
  });
  process.stdout.write(`global entry: ${env.TLS_CERT ? "https" : "http"}://${env.HOST}:${server.port}\n`);
  return async () => {
    await looking.stop();
    await server.stop(LIMITS.serverCloseMsMax);
  };
}

try {
  const stop = await start(readGlobalEnv(host.variables()));
  let stopping = false;
  host.onSignal(() => {
    if (stopping) host.exit(130);
    stopping = true;
    stop().then(
      () => host.exit(0),
      () => host.exit(1),
    );
  });
} catch (cause) {
  if (!(cause instanceof EnvUnusable || cause instanceof PortInUse)) throw cause;
  process.stderr.write(`bailiwick: ${cause.message}\n`);
  host.exit(1);
}
