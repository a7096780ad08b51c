import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PoolWorker } from "../support/pool-worker.ts";
import type { QueueWorld } from "../support/queue-world.ts";

/** What can be broken, and what its hands are on. */
export interface Breakable {
  world: QueueWorld;
  /** Worker processes; a fault may put another one into a place. */
  workers: PoolWorker[];
  newWorker(): Promise<PoolWorker>;
  /** Resolves early when the run is to end. */
  wait(ms: number): Promise<void>;
}

export interface SoakFault {
  name: string;
  /** Until everything is there again. */
  run(at: Breakable): Promise<void>;
}

const AWAY_MS = 10_000;
/** Longer than a lease and the silence after which a worker is given up. */
const FROZEN_MS = 35_000;

/** In this order, over and over. Two of them end the cell's process, so that its lives are long enough to see a leak. */
export const SOAK_FAULTS: readonly SoakFault[] = [
  {
    name: "worker killed (SIGKILL) and replaced",
    async run({ workers, newWorker }) {
      await workers[0]?.kill9();
      workers[0] = await newWorker();
    },
  },
  {
    name: "PostgreSQL ended for 10 s",
    async run({ world, wait }) {
      await world.postgres.crash();
      await wait(AWAY_MS);
      await world.postgres.start();
    },
  },
  {
    name: "cell killed (SIGKILL) and started",
    async run({ world }) {
      await world.cell.kill9();
      await world.cell.start();
    },
  },
  {
    name: "worker stopped (SIGSTOP) for 35 s",
    async run({ workers, wait }) {
      const [, frozen] = workers;
      frozen?.freeze();
      await wait(FROZEN_MS);
      frozen?.thaw();
    },
  },
  {
    name: "object store away for 10 s",
    async run({ world, wait }) {
      const folder = join(world.cell.home, "object-store");
      if (!existsSync(folder)) return;
      renameSync(folder, `${folder}-away`);
      writeFileSync(folder, "not a folder");
      try {
        await wait(AWAY_MS);
      } finally {
        rmSync(folder);
        renameSync(`${folder}-away`, folder);
      }
    },
  },
  {
    name: "engine ended for 10 s",
    async run({ world, wait }) {
      await world.upstream.stop();
      await wait(AWAY_MS);
      await world.upstream.startAgain();
    },
  },
  {
    name: "cell stopped (SIGSTOP) for 5 s",
    async run({ world, wait }) {
      const { pid } = world.cell;
      process.kill(pid, "SIGSTOP");
      try {
        await wait(AWAY_MS / 2);
      } finally {
        process.kill(pid, "SIGCONT");
      }
    },
  },
  {
    name: "cell drained (SIGTERM) and started",
    async run({ world }) {
      const code = await world.cell.restart();
      if (code !== 0) throw new Error(`the cell drained with ${code}`);
    },
  },
];
