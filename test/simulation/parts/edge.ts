import { policyStore } from "../../../durable/runtime/policy-layers.ts";
import { absentControlDb } from "../../../functions/adapters/control-db/absent.ts";
import { controlRepository } from "../../../functions/adapters/control-db/repository.ts";
import { fetchedExchange } from "../../../functions/adapters/egress/fetched-exchange.ts";
import { randomIds } from "../../../functions/adapters/ids/random.ts";
import { secretKeyring } from "../../../functions/adapters/keyring/secret.ts";
import { memoryRateLimiter } from "../../../functions/adapters/rate-limit/memory.ts";
import type { Handler } from "../../../functions/app.ts";
import type { Deps } from "../../../functions/context.ts";
import { composeCell } from "../../../functions/entry/compose.ts";
import { createLifecycle, type ManagedLifecycle } from "../../../functions/entry/lifecycle.ts";
import type { DirectoryView } from "../../../functions/pipeline/locate/directory-view.ts";
import type { BatchRunner } from "../../../shared/contracts/ports/batch-store.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { ConfigSource } from "../../../shared/contracts/ports/config-source.ts";
import type { ObjectStore } from "../../../shared/contracts/ports/object-store.ts";
import type { Runner } from "../../../shared/contracts/ports/runner.ts";
import type { Signer } from "../../../shared/contracts/ports/signer.ts";
import { createTelemetry } from "../../../shared/telemetry/create-telemetry.ts";
import { BUNDLE_SECRET } from "../../support/policy-bundle.ts";
import { remotePort } from "../world/network.ts";
import type { Process, World } from "../world/world.ts";
import type { CellPlace } from "./config.ts";
import type { Engines } from "./engines.ts";
import { type ObjectsProcess, objectsPath } from "./objects-process.ts";
import { queueFor, type SimulatedQueue } from "./queue.ts";
import { RECEIVER, type Receiver } from "./receiver.ts";
import { LOG_ORIGIN } from "./signer.ts";

export const ENROLMENT = "enrolment-of-the-simulated-pool";

export interface EdgeSurroundings {
  world: World;
  cell: CellPlace;
  /** Where tenants live, as a process that starts now comes to know it; null in a cell alone. */
  directory: (() => () => DirectoryView) | null;
  clock: Clock;
  root: Uint8Array;
  objects: () => ObjectsProcess | null;
  engines: Engines;
  receiver: Receiver;
  archive: (process: Process) => ObjectStore;
  signer: Signer | null;
  awaited: boolean;
  config: ConfigSource;
  /** Where depths of queues are read; null: nowhere. */
  queue: SimulatedQueue | null;
  keeper: Process;
  /** Share of the writes behind which a process dies, and who sees to it. */
  cuts: number;
  onCut: (edge: Process, behind: string) => void;
}

/** What is written in several steps, whoever dies between two of them leaves the first one behind; and how often that is. */
const CUTS: Readonly<Record<string, number>> = {
  ...{ "tenants.admit": 1, "tenants.settle": 1, "tenants.requestApproval": 1 },
  ...{ "tenants.eraseSubject": 1, "tenants.noteErased": 1 },
  ...{ "tasks.detach": 1, "tasks.putPayload": 1, "tasks.closeLog": 1, "tasks.leaseTask": 1, "tasks.forgetTask": 1 },
  // The answer is kept, and nothing is settled.
  "tasks.putResult": 4,
  ...{ "sessions.create": 1, "sessions.putResponse": 1, "sessions.deleteResponse": 1 },
  ...{ "sessions.erase": 1, "sessions.destroy": 1 },
  ...{ "moves.leave": 20, "moves.stage": 5, "moves.import": 10, "moves.release": 20, "moves.activate": 20 },
};

/** One process that answers `/v1`: the real application, with everything it remembers and has under way. */
export interface Edge {
  process: Process;
  deps: Deps;
  handle: Handler;
  runner: Runner;
  batches: BatchRunner;
  lifecycle: ManagedLifecycle;
}

/** Composes the application over ports that reach the other processes. To be called as the new process. */
export async function startEdge(process: Process, around: EdgeSurroundings): Promise<Edge> {
  const { world, clock, objects } = around;
  const ids = randomIds(clock);
  const port = <N extends keyof ObjectsProcess>(name: N) =>
    remotePort<Extract<ObjectsProcess[N], object>>(world, { ...objectsPath(name), done: cut(name) }, () => {
      const found = objects();
      // safe because: the ports are the members that are asked for by name
      return found && { process: found.process, port: found[name] as Extract<ObjectsProcess[N], object> };
    });
  const cut = (name: string) => (method: string) => {
    const weight = CUTS[`${name}.${method}`] ?? 0;
    if (weight === 0 || !world.faults || !world.random.chance(weight * around.cuts)) return;
    world.after(0, world.outside, () => around.onCut(process, `${name}.${method}`));
  };
  const policies = policyStore({
    cell: port("cellPolicies"),
    tenant: (tenant) =>
      remotePort(world, objectsPath("tenantPolicies"), () => {
        const found = objects();
        return found && { process: found.process, port: found.tenantPolicies(tenant) };
      }),
  });
  const lifecycle = createLifecycle();
  const archive = around.archive(process);
  const composed = composeCell({
    cell: { ...around.cell, endpoint: "http://cell.example.com", release: "test", loopback: true },
    ...{ clock, ids, lifecycle, policies, archive, signer: around.signer },
    config: around.config,
    tenants: port("tenants"),
    sessions: port("sessions"),
    tasks: port("tasks"),
    batches: port("batches"),
    cellStore: port("cellStore"),
    moves: around.signer === null ? null : port("moves"),
    ...(around.directory === null ? {} : { directory: around.directory() }),
    defer: (work) =>
      void work.catch((cause: unknown) => world.note(`${process.name}: deferred work failed: ${String(cause)}`)),
    keyring: await secretKeyring([around.root], clock),
    control: controlRepository({ db: absentControlDb, clock }),
    controlDb: absentControlDb,
    preauth: memoryRateLimiter({ perMinute: () => 1_000_000, keysMax: 100 }, clock),
    telemetry: createTelemetry({
      ...{ service: "edge", cell: around.cell.id, exporter: null, clock, ids },
      sink: (line) => logged(world, process.name, line),
      sample: { ratio: 0, followParent: false },
    }),
    dependencies: [],
    degraded: () => [],
    pools: {
      enrolment: ENROLMENT,
      ...(around.queue === null ? {} : { queue: queueFor(world, around.queue, around.keeper) }),
    },
    runsAreAwaited: around.awaited,
    ledgerOrigin: LOG_ORIGIN,
    logPrefix: (name) => `ledger/${name}/`,
    egress: {
      tenantMayName: (url) => url.startsWith(RECEIVER),
      tenantGet: () => Promise.reject(new TypeError("nothing of tenants is asked here")),
      tenantPost: (url, message, { timeout_ms }) => around.receiver.take(url, message, timeout_ms, around.cell.id),
      operatorFetch: () => Promise.reject(new TypeError("nothing else is asked here")),
      exchange: fetchedExchange((url, init) => around.engines.fetch(url, init, around.cell.id)),
    },
    readSecret: () => BUNDLE_SECRET,
    version: "0.0.0",
  });
  const { deps, handle, runner, batches } = composed;
  return { process, deps, handle, runner, batches, lifecycle };
}

/** What is away now and then: the end of a chain of causes that is no defect. */
const AWAY: ReadonlySet<string> = new Set([
  ...["ObjectUnavailable", "ObjectStoreUnavailable", "JobQueueUnavailable", "PolicyUnavailable", "Unreachable"],
  ...["ControlDbUnavailable", "ProblemError", "Fenced", "NotBegun", "TimeoutError", "StaleAccess"],
]);
/** Events behind which a defect would hide. */
const HIDES: ReadonlySet<string> = new Set([
  "request.failed",
  "task.run",
  "stream.failed",
  "batch.turn",
  "approval.run",
  "task.callback",
  "worker.frame",
]);

/** Failures that a process reports belong into the history; one that nothing outside explains is a violation. */
export function logged(world: World, name: string, line: string): void {
  const { level, event, errors = [] } = JSON.parse(line);
  if (level !== "error" && level !== "warn") return;
  const told = errors
    .map(({ name: of, message }: { name: string; message: string }) => `${of}: ${message}`)
    .join(" ← ");
  world.note(`${name} logs ${event} ${told.slice(0, 300)}`);
  const cause = errors.at(-1);
  // Whoever did not hear that a task was left to its run settles it beside that run: one of them comes second.
  // And a run that was stopped until somebody else had ended its task finds nothing of it.
  const second = /settle refused: already_settled|^the call of \S+ is not kept any more$/.test(cause?.message ?? "");
  if (HIDES.has(event) && cause !== undefined && !second && !AWAY.has(cause.name))
    world.violated("no defect hides behind an outage", `${name}: ${event}: ${JSON.stringify(errors)}`);
}
