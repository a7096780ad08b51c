import { randomIds } from "../../../functions/adapters/ids/random.ts";
import { bindSocket } from "../../../functions/entry/web-socket.ts";
import { Worker } from "../../../gpu-workers/worker.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import { WorkerToken } from "../../../shared/contracts/worker-protocol.ts";
import { createTelemetry } from "../../../shared/telemetry/create-telemetry.ts";
import { hopMs } from "../world/network.ts";
import { Process, type World } from "../world/world.ts";
import { type CellPlace, POOL } from "./config.ts";
import { type Edge, ENROLMENT, logged } from "./edge.ts";
import type { Engines } from "./engines.ts";
import { ask } from "./http.ts";
import { queueFor, type SimulatedQueue } from "./queue.ts";
import { SocketEnd } from "./socket.ts";

export interface WorkerSurroundings {
  world: World;
  cell: CellPlace;
  clock: Clock;
  queue: SimulatedQueue;
  keeper: Process;
  /** Jobs that one worker has in hand at most. */
  slots: number;
  engines: Engines;
  /** One of the living edges, or null. */
  edge: () => Edge | null;
}

export interface WorkerProcess {
  process: Process;
  worker: Worker;
  /** Its connection, as far as there is one. */
  socket: () => SocketEnd | null;
}

/** Starts a worker of the pool: the real one, with its queue, its cell and its engine somewhere else. */
export function startWorker(name: string, around: WorkerSurroundings): WorkerProcess {
  const { world, clock } = around;
  const process = new Process(name);
  let socket: SocketEnd | null = null;
  const worker = new Worker({
    ...{ cell: new URL("http://cell.example.com"), pool: POOL, worker: name, concurrency: around.slots, clock },
    queue: queueFor(world, around.queue, around.keeper),
    engine: around.engines.local("openai", around.cell.id),
    async token() {
      const answer = await ask(world, around.edge(), {
        ...{ method: "POST", path: "/v1/workers/token", leavesAfter: null },
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ pool: POOL, worker: name, proof: { kind: "enrolment", secret: ENROLMENT } }),
      });
      if (answer.status !== 200 || answer.broken) throw new Error(`no token: ${answer.status}`);
      return WorkerToken.parse(JSON.parse(answer.text));
    },
    telemetry: createTelemetry({
      ...{ service: "worker", cell: around.cell.id, exporter: null, clock, ids: randomIds(clock) },
      sink: (line) => logged(world, name, line),
      sample: { ratio: 0, followParent: false },
    }),
    random: () => world.random.unit(),
    connect(url, protocols) {
      socket = connect(world, around.edge(), process, url, protocols);
      // safe because: a connection uses these members of a socket alone
      return socket as unknown as WebSocket;
    },
  });
  // As itself: what it sets going ends with it.
  world.after(0, process, () => void worker.run());
  return { process, worker, socket: () => socket };
}

/** The client's end of a new connection; it opens once the edge has accepted it. */
function connect(world: World, edge: Edge | null, process: Process, url: string, protocols: string[]): SocketEnd {
  const end = new SocketEnd(world, process);
  const refuse = () => world.after(hopMs(world, 0.1), process, () => end.close(1006));
  if (edge === null || !edge.process.alive) {
    refuse();
    return end;
  }
  world.after(hopMs(world, 0.02), world.wire, () => {
    if (!edge.process.alive) return refuse();
    const forget = edge.process.onEnd(refuse);
    world.after(0, edge.process, () => {
      const headers = { upgrade: "websocket", "sec-websocket-protocol": protocols.join(", ") };
      const request = new Request(url.replace(/^ws/, "http"), { headers });
      let taken = false;
      const served = Promise.resolve(
        edge.handle(request, {
          ...{ source: null, disconnected: new AbortController().signal, defer: (work) => void work },
          upgrade(_protocol, accept) {
            taken = true;
            const theirs = new SocketEnd(world, edge.process);
            bindSocket(theirs, accept);
            SocketEnd.join(world, end, theirs);
            return new Response(null);
          },
        }),
      );
      served.then(
        () => {
          forget();
          if (!taken) refuse();
        },
        () => refuse(),
      );
    });
  });
  return end;
}
