import type { LogParts } from "../../../durable/runtime/log/parts.ts";
import { secretKeyring } from "../../../functions/adapters/keyring/secret.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { BatchRunner } from "../../../shared/contracts/ports/batch-store.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { EventSink } from "../../../shared/contracts/ports/event-sink.ts";
import type { Keyring } from "../../../shared/contracts/ports/keyring.ts";
import type { Runner } from "../../../shared/contracts/ports/runner.ts";
import { MemoryObjectStore } from "../../support/memory-object-store.ts";
import type { Facts } from "../facts.ts";
import { remotePort, Unreachable } from "../world/network.ts";
import { Process, type World } from "../world/world.ts";
import { archiveFor } from "./archive.ts";
import { CELL, type CellPlace, configuration } from "./config.ts";
import { type Edge, type EdgeSurroundings, startEdge } from "./edge.ts";
import { Effects } from "./effects.ts";
import { Engines } from "./engines.ts";
import type { Directory } from "./moves.ts";
import { Disk, type OnCommit } from "./objects.ts";
import { type ObjectsProcess, objectsProcess } from "./objects-process.ts";
import { queuePath, SimulatedQueue } from "./queue.ts";
import { ReadModels } from "./read-models.ts";
import { Receiver } from "./receiver.ts";
import { cellSigner, LOG_ORIGIN } from "./signer.ts";
import { startWorker, type WorkerProcess } from "./worker.ts";

export interface CellShape {
  edges: number;
  workers: number;
  /** Jobs that one worker has in hand at most. */
  slots: number;
  /** Whether ledgers are published; it is the dearest part of a run. */
  publishes: boolean;
  /** Whether a tenant sets out for another cell; only what is published does. */
  moves: boolean;
  /** Whether tenants have policies of their own: approvals are asked for then, and denials come and go. */
  governed: boolean;
  /** Whether tasks are told of by callbacks. */
  tells: boolean;
  awaited: boolean;
  /** Whether answers are kept, read, and destroyed. */
  keeps: boolean;
  /** Whether a pool of few slots takes no more than what it can do soon, and is asked for more. */
  crowded: boolean;
  /** Whether answers take seconds, so that processes stop, die and lose their leases in the middle of them. */
  slow: boolean;
}

/** Share of the writes behind which their edge dies. */
const CUTS = { usual: 0.005, slow: 0.02 } as const;
/** Share of the writes to and for a tenant on its way behind which all objects of their cell die. */
const MOVE_CUTS = 0.015;
const WRITES: ReadonlySet<string> = new Set(["put", "delete"]);

/** What cells that a tenant moves between have in common. */
export interface CellsShare {
  directory: Directory;
  engines: Engines;
  receiver: Receiver;
}

/** A whole cell, spread over processes that live and die by themselves, over stores that outlive them. */
export class SimulatedCell {
  readonly world: World;
  readonly place: CellPlace;
  readonly shape: CellShape;
  readonly disk = new Disk();
  readonly queue: SimulatedQueue;
  readonly archive: MemoryObjectStore;
  readonly models = new ReadModels();
  readonly effects: Effects;
  readonly engines: Engines;
  readonly receiver: Receiver;
  readonly clock: Clock;
  /** Stores: they answer late or not at all, and forget nothing. */
  readonly keeper = new Process("stores");
  readonly root: Uint8Array;
  readonly edges: (Edge | null)[] = [];
  readonly workers: (WorkerProcess | null)[] = [];
  objects: ObjectsProcess | null = null;
  /** Told of an edge that is to die where it is: behind a write, and before it hears of it. */
  onCut: (edge: Process, behind: string) => void = () => {};
  /** Told that all objects are to die where they are. */
  onObjectsCut: (behind: string) => void = () => {};
  /** When a tenant's move was over here last. */
  movedMs = 0;
  /** Who is on its way from or to here. */
  moving: string | null = null;
  readonly #around: EdgeSurroundings;
  readonly #onCommit: OnCommit;
  readonly #facts: Facts;
  readonly #directory: Directory | null;
  readonly #prefix: string;
  #keyring: Keyring | null = null;

  constructor(
    world: World,
    shape: CellShape,
    facts: Facts,
    onCommit: (cell: SimulatedCell, ...of: Parameters<OnCommit>) => void,
    place: CellPlace = CELL,
    share: CellsShare | null = null,
  ) {
    this.world = world;
    this.shape = shape;
    this.place = place;
    this.#facts = facts;
    this.#directory = share?.directory ?? null;
    this.#prefix = place === CELL ? "" : `${place.id} `;
    this.#onCommit = (of, name, sql) => {
      onCommit(this, of, name, sql);
      if (name.split(":")[0] === this.moving) this.#cutObjects(`a commit of ${of.name}/${name}`);
    };
    this.queue = new SimulatedQueue(world, shape.slow);
    this.effects = new Effects(world);
    this.engines = share?.engines ?? new Engines(world, shape.slow);
    this.receiver = share?.receiver ?? new Receiver(world);
    // safe because: the world's time is Unix milliseconds
    this.clock = { now: () => Math.floor(world.now()) as UnixMs };
    this.archive = new MemoryObjectStore(() => world.now());
    this.root = new Uint8Array(32);
    world.fill(this.root);
    this.#around = {
      ...{ world, clock: this.clock, root: this.root, engines: this.engines, awaited: shape.awaited, cell: place },
      config: configuration(place, shape.crowded),
      directory: share && (() => share.directory.reader()),
      // Elsewhere the queues' depths are not looked at: admission knows the workers' load alone.
      queue: shape.crowded ? this.queue : null,
      keeper: this.keeper,
      cuts: shape.slow ? CUTS.slow : CUTS.usual,
      onCut: (edge, behind) => this.onCut(edge, behind),
      objects: () => this.objects,
      receiver: this.receiver,
      archive: () => archiveFor(world, this.archive, this.keeper),
      signer: shape.publishes ? cellSigner(this.clock, place.id) : null,
    };
  }

  async start(): Promise<void> {
    this.#keyring = await secretKeyring([this.root], this.clock);
    this.startObjects();
    for (let at = 0; at < this.shape.edges; at++) await this.startEdge(at);
    for (let at = 0; at < this.shape.workers; at++) this.startWorker(at);
  }

  /** A living edge, any of them; null while none lives. */
  readonly anyEdge = (): Edge | null => {
    const living = this.edges.filter((edge) => edge?.process.alive === true);
    return living.length === 0 ? null : this.world.random.pick(living);
  };

  /** Until when the last of its processes stands still. */
  get stoppedUntilMs(): number {
    return Math.max(0, ...this.edges.map((edge) => edge?.process.stoppedUntilMs ?? 0));
  }

  startObjects(): void {
    const { world } = this;
    const keyring = this.#keyring;
    if (keyring === null) throw new Error("a cell has its keyring before its objects");
    const sink = remotePort<EventSink>(
      world,
      { name: "read models", lost: 0.03, slow: 0.03, failure: (why) => new Unreachable(why) },
      () => ({ process: this.keeper, port: this.models }),
    );
    const remoteQueue = remotePort<SimulatedQueue>(world, queuePath, () => ({
      process: this.keeper,
      port: this.queue,
    }));
    const path = (name: string) => ({ name, lost: 0.02, slow: 0.02, failure: (why: string) => new Unreachable(why) });
    /** Whichever edge gets it. */
    const inEdge = <T extends object>(name: string, port: (edge: Edge) => T) =>
      remotePort<T>(world, path(name), () => {
        const edge = this.anyEdge();
        return edge && { process: edge.process, port: port(edge) };
      });
    const { effects } = this;
    effects.begin();
    this.objects = objectsProcess({
      ...{ world, disk: this.disk, clock: this.clock, root: this.root, sink, onCommit: this.#onCommit },
      ...{ facts: this.#facts, cell: this.place, prefix: this.#prefix, directory: this.#directory },
      runner: effects.watched(inEdge<Runner>("runner", ({ runner }) => runner)),
      onAlarmFailed: (key) => effects.failed(key),
      batches: inEdge<BatchRunner>("batches", ({ batches }) => batches),
      queue: { send: (job) => effects.during(job.body, () => remoteQueue.send(job)) },
      ...{ log: this.#log(), keyring },
    });
    world.note(`${this.#prefix}objects started`);
  }

  #log(): LogParts | null {
    const { signer } = this.#around;
    if (signer === null) return null;
    return {
      archive: archiveFor(this.world, this.archive, this.keeper, (method) => {
        if (this.moving !== null && WRITES.has(method)) this.#cutObjects(`a ${method} of the store`);
      }),
      signer,
      prefix: (name) => `ledger/${name}/`,
      origin: (name) => `${LOG_ORIGIN}/${name}`,
      retention_days: () => 1,
      onHalted: (name, fault) => {
        if (fault !== null) this.world.violated("a published log is never found wrong", `${name}: ${fault}`);
      },
      onUnpublished: () => {},
    };
  }

  #cutObjects(behind: string): void {
    const { world } = this;
    if (world.faults && world.random.chance(MOVE_CUTS)) world.after(0, world.outside, () => this.onObjectsCut(behind));
  }

  async startEdge(at: number): Promise<void> {
    const process = new Process(`${this.#prefix}edge-${at + 1}`);
    const { promise, resolve, reject } = Promise.withResolvers<Edge>();
    const { world } = this;
    const asking = world.current;
    world.after(0, process, () => {
      // Whoever waits goes on as itself, not as what it started.
      startEdge(process, this.#around).then(
        (edge) => world.after(0, asking, () => resolve(edge)),
        (cause: unknown) => world.after(0, asking, () => reject(cause)),
      );
    });
    const edge = await promise;
    this.edges[at] = edge;
    this.world.note(`${process.name} started`);
  }

  startWorker(at: number): void {
    const name = `${this.#prefix}worker-${at + 1}`;
    this.workers[at] = startWorker(name, {
      ...{ world: this.world, clock: this.clock, queue: this.queue, keeper: this.keeper, engines: this.engines },
      ...{ slots: this.shape.slots, cell: this.place },
      edge: this.anyEdge,
    });
    this.world.note(`${name} started`);
  }

  close(): void {
    this.disk.close();
  }
}
