import { BatchObject as Batch } from "../../durable/batch/object.ts";
import { CellObject as Cell } from "../../durable/cell/object.ts";
import { remoteCellStore } from "../../durable/cell/remote.ts";
import type { DurableState } from "../../durable/runtime/durable-object.ts";
import { TaskObject as Task } from "../../durable/task/object.ts";
import { TenantObject as Tenant } from "../../durable/tenant/object.ts";
import { laterBatchRunner } from "../../shared/contracts/ports/batch-store.ts";
import type { EventSink } from "../../shared/contracts/ports/event-sink.ts";
import type { JobQueue } from "../../shared/contracts/ports/job-queue.ts";
import { laterRunner } from "../../shared/contracts/ports/runner.ts";
import { type StatementSigner, statementKey, statementSigner } from "../../shared/crypto/policy-statement.ts";
import { describeError } from "../../shared/telemetry/log-line.ts";
import { systemClock } from "../adapters/clock/system.ts";
import { controlDbEventSink } from "../adapters/event-sink/control-db.ts";
import type { Runtime, Socket, SocketHandler } from "../context.ts";
import { asksForSocket } from "../pipeline/authenticate/offered-credential.ts";
import { bindSocket, type PlatformSocket } from "./web-socket.ts";
import { composeIsolate, controlDbOf, type IsolateCell } from "./workerd-compose.ts";
import { placed, queueOf, readWorkerdEnv } from "./workerd-env.ts";
import { logPartsOf } from "./workerd-ledger.ts";
import type { Execution } from "./workerd-upkeep.ts";

export { SessionObject } from "../../durable/session/object.ts";

type Bindings = Readonly<Record<string, unknown>>;

/** A tenant whose events go to the control database; without one they wait in its ledger. */
export class TenantObject extends Tenant {
  constructor(ctx: DurableState, env: Bindings) {
    const read = readWorkerdEnv(env);
    const { BAILIWICK_CELL: cell, BAILIWICK_JURISDICTION: region, BAILIWICK_RELEASE: release } = read;
    const ledger = remoteCellStore(placed(read, read.CELL), { cell, region, release });
    super(ctx, env, { sink: eventSinkOf(env), sign: signerOf(env), log: logPartsOf(read, ledger) });
  }
}

export class CellObject extends Cell {
  constructor(ctx: DurableState, env: Bindings) {
    super(ctx, env, signerOf(env), logPartsOf(readWorkerdEnv(env), null));
  }
}

/** A task whose waiting work is run in its own isolate, through the seam of the whole cell. */
export class TaskObject extends Task {
  constructor(ctx: DurableState, env: Bindings) {
    const runner = laterRunner(async () => (await isolateOf(env).cell).runner);
    super(ctx, env, { runner, queue: jobsOf(env) });
  }
}

/**
 * Where the jobs of all tasks of an isolate go: a queue of each task's own would ask SQS for its address before it sends.
 * Null in a cell without pools.
 */
const jobQueues = new WeakMap<Bindings, JobQueue | null>();
function jobsOf(env: Bindings): JobQueue | null {
  let queue = jobQueues.get(env);
  if (queue === undefined) {
    queue = queueOf(readWorkerdEnv(env));
    jobQueues.set(env, queue);
  }
  return queue;
}

/** Files and batches of a tenant, driven in its own isolate, through the seam of the whole cell. */
export class BatchObject extends Batch {
  constructor(ctx: DurableState, env: Bindings) {
    super(
      ctx,
      env,
      laterBatchRunner(async () => (await isolateOf(env).cell).batches),
    );
  }
}

/** Objects state which policy is in force under the key that the edge's keyring verifies with. */
function signerOf(bindings: Bindings): StatementSigner {
  const env = readWorkerdEnv(bindings);
  return statementSigner(env.BAILIWICK_CELL, statementKey(env.BAILIWICK_ROOT_SECRET));
}

function eventSinkOf(bindings: Bindings): EventSink | null {
  const env = readWorkerdEnv(bindings);
  const db = controlDbOf(env);
  return db ? controlDbEventSink({ db, cell: env.BAILIWICK_CELL, clock: systemClock }) : null;
}

/** After a failed bootstrap, calls go on without it for this long: what it provisions may well be there. */
const BOOTSTRAP_RETRY_MS = 1_000;

interface Isolate {
  cell: Promise<IsolateCell>;
  bootstrapped: boolean;
  retryAtMs: number;
}
const isolates = new WeakMap<Bindings, Isolate>();

function isolateOf(bindings: Bindings): Isolate {
  let isolate = isolates.get(bindings);
  if (!isolate) {
    const cell = (async () => composeIsolate(readWorkerdEnv(bindings)))();
    isolate = { cell, bootstrapped: false, retryAtMs: 0 };
    isolates.set(bindings, isolate);
    cell.catch((cause: unknown) =>
      console.error(JSON.stringify({ level: "error", event: "cell.unusable", errors: describeError(cause) })),
    );
  }
  return isolate;
}

/**
 * Every request that comes before one of them succeeded does it by itself: a shared promise would hang with the request
 * that began it, should that one be cut off.
 */
async function bootstrap(isolate: Isolate, cell: IsolateCell): Promise<void> {
  if (isolate.bootstrapped || systemClock.now() < isolate.retryAtMs) return;
  try {
    await cell.bootstrap();
    isolate.bootstrapped = true;
  } catch (cause) {
    isolate.retryAtMs = systemClock.now() + BOOTSTRAP_RETRY_MS;
    cell.failed("cell.bootstrap")(cause);
  }
}

declare const WebSocketPair: new () => { 0: unknown; 1: PlatformSocket & { accept(): void } };

function upgradeHere(protocol: string, accept: (socket: Socket) => SocketHandler): Response {
  const pair = new WebSocketPair();
  pair[1].accept();
  bindSocket(pair[1], accept);
  const init = { status: 101, webSocket: pair[0], headers: { "sec-websocket-protocol": protocol } };
  return new Response(null, init);
}

export default {
  async fetch(request: Request, bindings: Bindings, context: Execution): Promise<Response> {
    const isolate = isolateOf(bindings);
    let cell: IsolateCell;
    try {
      cell = await isolate.cell;
    } catch {
      // Logged once, with the names of what is wrong; nobody outside learns them.
      return new Response(null, { status: 503 });
    }
    if (!isolate.bootstrapped) await bootstrap(isolate, cell);
    const runtime: Runtime = {
      source: cell.addressed ? request.headers.get("cf-connecting-ip") : null,
      get disconnected() {
        return request.signal;
      },
      ...(asksForSocket(request.headers) ? { upgrade: upgradeHere } : {}),
      // A stream's spans end after its answer has begun: what it left to send is sent once it is over.
      defer: (work) => context.waitUntil(work.catch(cell.failed("deferred")).then(() => cell.upkeep(context))),
    };
    const answered = Promise.resolve(cell.handle(request, runtime));
    context.waitUntil(answered);
    const response = await answered;
    cell.upkeep(context);
    return response;
  },
};
