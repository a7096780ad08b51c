import { readFileSync } from "node:fs";
import { z } from "zod";
import type { UnixMs } from "../shared/contracts/ids.ts";
import type { Clock } from "../shared/contracts/ports/clock.ts";
import type { JobQueue } from "../shared/contracts/ports/job-queue.ts";
import { sqliteJobQueue } from "../shared/job-queue/sqlite.ts";
import { sqsJobQueue } from "../shared/job-queue/sqs.ts";
import { createTelemetry } from "../shared/telemetry/create-telemetry.ts";
import { hostTimer } from "../shared/telemetry/export-timer.ts";
import { otlpExporter } from "../shared/telemetry/otlp.ts";
import { otlpMetricExporter } from "../shared/telemetry/otlp-metrics.ts";
import { awsCredentials } from "./aws-credentials.ts";
import type { LocalEngine } from "./engines/engine.ts";
import { oipEngine } from "./engines/oip.ts";
import { openaiEngine } from "./engines/openai.ts";
import { syntheticEngine } from "./engines/synthetic.ts";
import { startHealth } from "./health.ts";
import { readSettings, type Settings, SettingsRefused } from "./settings.ts";
import { tokenSource } from "./token-source.ts";
import { Worker } from "./worker.ts";

const FLUSH_MS = 2_000;
const clock: Clock = { now: () => Date.now() as UnixMs }; // safe because: it is what the clock says
const ids = { bytes: (count: number) => crypto.getRandomValues(new Uint8Array(count)) };
const { version } = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")));

function engineOf({ engine: { kind, url, models, dialects, tokensPerS } }: Settings): LocalEngine {
  if (kind === "synthetic") return syntheticEngine({ models, tokensPerS });
  return kind === "oip" ? oipEngine({ url, models }) : openaiEngine({ url, models, dialects });
}

async function queueOf({ queue, cell }: Settings): Promise<JobQueue> {
  const { jurisdiction } = cell;
  if (queue.kind === "sqlite") return sqliteJobQueue({ path: queue.file, clock, jurisdiction });
  const { prefix, region, endpoint, aws } = queue;
  return sqsJobQueue({
    ...{ clock, jurisdiction, prefix, region, cell: cell.id, fetch },
    ...(endpoint === null ? {} : { endpoint: endpoint.href }),
    credentials: awsCredentials(aws, fetch),
    // It groups what is sent by tenant, and a worker sends nothing.
    groupKey: ids.bytes(32),
  });
}

function telemetryOf({ cell, pool, worker, otlp }: Settings) {
  const options = otlp && {
    ...{ endpoint: otlp.endpoint, headers: {}, fetch, timer: hostTimer },
    resource: {
      ...{ "service.name": "bailiwick-worker", "service.version": version, "service.instance.id": worker },
      ...{ "bailiwick.cell": cell.id, "bailiwick.pool": pool },
    },
    scope: { name: "bailiwick", version },
  };
  return createTelemetry({
    ...{ service: "worker", cell: cell.id, clock, ids },
    sink: (line) => void process.stdout.write(`${line}\n`),
    exporter: options && otlpExporter(options),
    metricExporter:
      options && otlp.everyMs > 0 ? otlpMetricExporter({ ...options, clock, everyMs: otlp.everyMs }) : null,
    // The edge decided for the whole trace.
    sample: { ratio: 1, followParent: true },
  });
}

/** Runs one worker until it is told to leave; answers the exit status. */
async function main(): Promise<number> {
  const settings = readSettings(process.env);
  const telemetry = telemetryOf(settings);
  const queue = await queueOf(settings);
  const { cell, pool, worker: name, proof, concurrency } = settings;
  const worker = new Worker({
    ...{ cell: cell.url, worker: name, pool, concurrency, queue, telemetry, clock },
    engine: engineOf(settings),
    token: tokenSource({ cell: cell.url, pool, worker: name, proof, fetch }),
    random: Math.random,
  });
  const health = await startHealth({
    port: settings.port,
    unready: () => worker.unready(),
    exposition: () => telemetry.exposition(),
  });
  telemetry.log.info("worker.started", { pool, worker: name, port: health.port, engine: settings.engine.kind });
  const hurry = new AbortController();
  let draining: Promise<{ gaveUp: number }> | null = null;
  const leave = () => {
    // Asked twice, it does not wait for what runs.
    if (draining !== null) hurry.abort();
    draining ??= worker.drain(settings.drainMs, hurry.signal);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, leave);
  await worker.run();
  const { gaveUp } = (await draining) ?? { gaveUp: 0 };
  telemetry.log.info("worker.ended", { gave_up: gaveUp });
  await Promise.all([telemetry.flush(FLUSH_MS), health.close(), queue.close()]);
  // Nothing is left to do; whatever would still keep the process is not waited for.
  setTimeout(() => process.exit(), FLUSH_MS).unref();
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof SettingsRefused)) throw error;
  process.stderr.write(`bailiwick worker: ${error.message}\n`);
  process.exitCode = 64;
}
