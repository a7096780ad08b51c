import type { SimulatedCell } from "../parts/cell.ts";
import type { Edge } from "../parts/edge.ts";
import type { Caller } from "./caller.ts";

const standsStill = (edge: Edge | null, nowMs: number): boolean =>
  edge?.process.alive === true && edge.process.stoppedUntilMs > nowMs;

/** Share of the power cuts that take workers along, which stood beside the edge: one of them, and all. */
const WITH = { one: 0.3, all: 0.4 } as const;

/** What goes wrong with processes and connections, as long as it may. */
export async function chaos(caller: Caller, cell: SimulatedCell): Promise<void> {
  const { world } = cell;
  const { random } = world;
  const restarts = new Set<Promise<void>>();
  /** Edges that somebody starts again already. */
  const down = new Set<number>();
  const edgeDies = async (at: number, why: string): Promise<void> => {
    if (down.has(at)) return;
    down.add(at);
    cell.edges[at]?.process.end();
    world.note(`edge-${at + 1} ${why}`);
    await caller.pause(5, 6_000);
    await cell.startEdge(at);
    down.delete(at);
  };
  const workerDies = async (at: number): Promise<void> => {
    if (cell.workers[at]?.process.alive !== true) return;
    cell.workers[at]?.process.end();
    world.note(`worker-${at + 1} died`);
    await caller.pause(5, 20_000);
    cell.startWorker(at);
  };
  const objectsDie = async (why: string): Promise<void> => {
    if (cell.objects === null) return;
    cell.objects.die();
    cell.objects = null;
    world.note(`objects of ${cell.place.id} ${why}`);
    await caller.pause(5, 6_000);
    cell.startObjects();
  };
  const beside = (work: Promise<void>): void => {
    restarts.add(work);
    void work.finally(() => restarts.delete(work));
  };
  cell.onCut = (edge, behind) => {
    const at = cell.edges.findIndex((one) => one?.process === edge);
    if (!world.faults || at < 0 || !edge.alive) return;
    beside(edgeDies(at, `died behind ${behind}`));
    const share = random.unit();
    if (share < WITH.all) for (const one of cell.workers.keys()) beside(workerDies(one));
    else if (share < WITH.all + WITH.one) beside(workerDies(random.below(cell.shape.workers)));
  };
  cell.onObjectsCut = (behind) => {
    if (world.faults) beside(objectsDie(`died behind ${behind}`));
  };
  while (world.faults) {
    await caller.pause(200, 15_000);
    if (!world.faults) break;
    const what = random.below(cell.shape.slow ? 18 : 14);
    if (what < 4) {
      const name = cell.objects?.host.crashOne(random.chance(0.3));
      if (name) world.note(`${name} crashed`);
    } else if (what < 6) {
      // Whoever reads a stream loses it with them: seldom, where that stream takes long to be worth something.
      if (cell.shape.slow && random.chance(0.7)) continue;
      await objectsDie("died");
    } else if (what < 8) await edgeDies(random.below(cell.shape.edges), "died");
    else if (what >= 12) {
      // Longer than a lease, at times: when it goes on, it does not know that somebody else has its work.
      const edge = cell.edges[random.below(cell.shape.edges)];
      const ms = random.between(cell.shape.slow ? 25_000 : 5_000, 70_000);
      // Somebody has to go on meanwhile, and take over what it has.
      if (cell.shape.slow && cell.edges.some((one) => standsStill(one, world.now()))) continue;
      // Never shorter than it stops already: what waits for its end would come behind what came later.
      if (edge) edge.process.stoppedUntilMs = Math.max(edge.process.stoppedUntilMs, world.now() + ms);
      world.note(`${edge?.process.name} stops for ${Math.round(ms)} ms`);
    } else if (cell.shape.workers > 0) {
      const at = random.below(cell.shape.workers);
      if (what < 10) await workerDies(at);
      else {
        cell.workers[at]?.socket()?.drop();
        world.note(`worker-${at + 1} lost its connection`);
      }
    }
  }
  await Promise.all(restarts);
}
