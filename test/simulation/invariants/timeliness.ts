import { isProvisioned } from "../../../durable/runtime/migrate.ts";
import { NodeSql } from "../../../durable/runtime/node-sql.ts";
import type { ObjectClass } from "../../../durable/runtime/object-class.ts";
import type { Sql } from "../../../durable/runtime/sql.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Facts } from "../facts.ts";
import type { SimulatedCell } from "../parts/cell.ts";
import type { World } from "../world/world.ts";
import { type Due, dueOfBatches, dueOfTask, dueOfTenant } from "./due.ts";
import { notHere } from "./quiet.ts";

/** Behind every bound: an alarm, some calls and syncs, and a turn of the log or of a runner. */
const SLACK_MS = 10_000;
const WATCHED: ReadonlySet<string> = new Set(["tenant", "task", "batch"]);
/** What failed is tried again behind this wait at most. */
const AFTER_FAILURE_MS = LIMITS.outboxRetryMsMax;

/**
 * Whether what is due is done in time: judged from what is durable, from when it became so, and from what reached the
 * queue and the runners. What an object does by itself is judged while things fail too, from its last failure on and
 * while it waits for nobody; everything else once nothing fails any more.
 */
export class Timeliness {
  readonly #world: World;
  readonly #facts: Facts;
  /** What was seen of each part of an object last, and since when it is so. */
  readonly #seen = new Map<string, { text: string; sinceMs: number }>();
  readonly #dues = new Map<string, readonly Due[]>();
  #calmMs = Number.POSITIVE_INFINITY;

  constructor(world: World, facts: Facts) {
    [this.#world, this.#facts] = [world, facts];
  }

  /** Nothing fails, stands still or is under way late from this instant on. */
  calmFrom(atMs: number): void {
    this.#calmMs = atMs;
  }

  /** Something became durable: what was due until now was done in time, and what is due from now on is noted. */
  watch(cell: SimulatedCell, of: ObjectClass, name: string, sql: Sql): void {
    if (of.name === "task" || (Number.isFinite(this.#calmMs) && WATCHED.has(of.name)))
      this.#note(cell, `${of.name}/${name}`, sql);
  }

  /** What is still due now. */
  look(cells: readonly SimulatedCell[]): void {
    for (const cell of cells)
      for (const [key, db] of cell.disk.databases) {
        if (!WATCHED.has(key.slice(0, key.indexOf("/"))) || db.isTransaction) continue;
        const sql = new NodeSql(db);
        if (isProvisioned(sql)) this.#note(cell, key, sql);
      }
  }

  #note(cell: SimulatedCell, key: string, sql: Sql): void {
    const name = `${cell.place.id} ${key}`;
    const before = this.#dues.get(name) ?? [];
    if (before.length > 0 && !notHere(cell).has(key.slice(key.indexOf("/") + 1).split(":")[0] ?? ""))
      for (const due of before) this.#judge(cell, key, due);
    this.#dues.set(name, this.#found(cell, key, sql));
  }

  #judge(cell: SimulatedCell, key: string, { invariant, detail, byMs, doneMs, alone, againMs = 0 }: Due): void {
    const { effects, shape } = cell;
    const failedMs = effects.failedMs(key) + AFTER_FAILURE_MS;
    const freeMs = Math.max(effects.freeSinceMs(key), effects.freeSinceMs(alone ?? ""));
    // What a tenant takes along is nobody's while it is on its way.
    const fromMs = alone !== undefined && !shape.moves ? freeMs : this.#calmMs + againMs;
    const lateMs = (doneMs?.() ?? this.#world.now()) - Math.max(byMs, fromMs, failedMs) - SLACK_MS;
    if (lateMs > 0)
      this.#world.violated(invariant, `${cell.place.id} ${key}: ${detail}, late by ${Math.round(lateMs)} ms`);
  }

  #found(cell: SimulatedCell, key: string, sql: Sql): Due[] {
    const since = (part: string, text: string): number => {
      const name = `${cell.place.id} ${key} ${part}`;
      const known = this.#seen.get(name);
      if (known?.text === text) return known.sinceMs;
      const sinceMs = this.#world.now();
      this.#seen.set(name, { text, sinceMs });
      return sinceMs;
    };
    if (key.startsWith("tenant/")) return dueOfTenant(sql, cell.shape.publishes);
    if (key.startsWith("batch/")) return dueOfBatches(sql, since);
    if (!key.startsWith("task/")) return [];
    return dueOfTask(sql, {
      since,
      sentMs: (body) => cell.queue.sentMs.get(body) ?? [],
      toldMs: () => this.#facts.lookedMs.get(key.slice(key.indexOf(":") + 1)) ?? [],
      givenBackMs: cell.shape.moves ? LIMITS.elsewhereRetryMs : 0,
    });
  }
}
