import { type ControlDb, ControlDbUnavailable } from "../../shared/contracts/ports/control-db.ts";
import type { Telemetry } from "../../shared/contracts/ports/telemetry.ts";
import { awayFor } from "./away-for.ts";

/** The part of a request's context that outlives its answer. */
export interface Execution {
  waitUntil(work: Promise<unknown>): void;
}

/** What waits for `waitUntil` is cut off after 30 s: whoever began a run longer ago than this has gone. */
const RUN_MS_MAX = 30_000;

/**
 * Work of the isolate that no call waits for and no clock starts: a request that finds it due runs it after its own
 * answer, `delayMs` later, so that one run serves all that came before it. One at a time; what is asked for during a run
 * is done by the next.
 */
export function afterwards(now: () => number, delayMs: number, work: () => Promise<unknown>) {
  let pendingSinceMs: number | null = null;
  return (context: Execution): void => {
    if (pendingSinceMs !== null && now() - pendingSinceMs < RUN_MS_MAX) return;
    pendingSinceMs = now();
    context.waitUntil(
      (async () => {
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        pendingSinceMs = null;
        await work();
      })(),
    );
  };
}

/** The database, telling of each use: who used it may have left rows in its outbox. */
export const watchedControlDb = (db: ControlDb, used: () => void): ControlDb => ({
  ...db,
  withTenant(tenant, statements) {
    used();
    return db.withTenant(tenant, statements);
  },
});

interface ControlDbUpkeep {
  telemetry: Telemetry;
  migrate(): Promise<unknown>;
  drain(): Promise<unknown>;
  /** Deletes some of what has had its day; whether nothing is left. */
  prune(): Promise<boolean>;
}

/**
 * Brings the schema up to date, once per isolate, drains the outbox and deletes some old rows. Answers whether it got to
 * the end; never rejects.
 */
export function controlDbUpkeep({ telemetry, migrate, drain, prune }: ControlDbUpkeep): () => Promise<boolean> {
  let migrated = false;
  return async () => {
    let step = "migrate";
    try {
      if (!migrated) await migrate();
      migrated = true;
      step = "drain";
      await drain();
      step = "prune";
      return await prune();
    } catch (cause) {
      if (cause instanceof ControlDbUnavailable)
        telemetry.log.warn("control-db.unavailable", { step, ...awayFor(cause) });
      else telemetry.log.error(`control-db.${step}`, cause);
      return false;
    }
  };
}
