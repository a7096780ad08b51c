import type { Runner } from "../../../shared/contracts/ports/runner.ts";
import type { World } from "../world/world.ts";

/** What objects have asked of others and wait for, by object or message: until it is answered they cannot do better. */
export class Effects {
  readonly #world: World;
  #underWay = new Map<string, number>();
  readonly #answeredMs = new Map<string, number>();
  readonly #failedMs = new Map<string, number>();
  #beganMs = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** A process begins to keep the objects: what another one waited for is nobody's. */
  begin(): void {
    this.#underWay = new Map();
    this.#beganMs = this.#world.now();
  }

  failed(key: string): void {
    this.#failedMs.set(key, this.#world.now());
  }

  async during<T>(key: string, work: () => Promise<T>): Promise<T> {
    const counts = this.#underWay;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    try {
      return await work();
    } finally {
      counts.set(key, (counts.get(key) ?? 1) - 1);
      this.#answeredMs.set(key, this.#world.now());
    }
  }

  /** The same for everything that a task asks its runner for. */
  watched(runner: Runner): Runner {
    const during = (work: keyof Runner): Runner[keyof Runner] => {
      return (tenant, task) => this.during(`task/${tenant}:${task}`, () => runner[work](tenant, task));
    };
    return { run: during("run"), notify: during("notify"), carry: during("carry"), callback: during("callback") };
  }

  /** Since when it waits for nobody; infinity while it does. */
  freeSinceMs(key: string): number {
    if ((this.#underWay.get(key) ?? 0) > 0) return Number.POSITIVE_INFINITY;
    return Math.max(this.#beganMs, this.#answeredMs.get(key) ?? 0);
  }

  /** When its alarm's work failed last. */
  failedMs(key: string): number {
    return this.#failedMs.get(key) ?? Number.NEGATIVE_INFINITY;
  }
}
