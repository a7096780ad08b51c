import { ledgerWriter } from "../../durable/tenant/core/ledger.ts";
import { feedDelivered } from "../../durable/tenant/core.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { ObjectPutOptions, ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import { LogLab } from "../support/log-lab.ts";
import { MemoryObjectStore } from "../support/memory-object-store.ts";
import { attribution } from "../support/tenant-fixtures.ts";
import { closedDetail, openedDetail } from "./ledger-entries.ts";

const DAY_MS = 86_400_000;

interface Costs {
  puts: number;
  gets: number;
  lists: number;
  /** Bytes by the class of their lock. */
  retained: number;
  partial: number;
  unlocked: number;
}

function counting(store: ObjectStore, now: () => number): { store: ObjectStore; costs: Costs } {
  const costs: Costs = { puts: 0, gets: 0, lists: 0, retained: 0, partial: 0, unlocked: 0 };
  const lockClass = (options?: ObjectPutOptions): "retained" | "partial" | "unlocked" => {
    if (!options?.lock) return "unlocked";
    return options.lock.until_ms - now() > LIMITS.logPartialLockMs ? "retained" : "partial";
  };
  const wrapped: ObjectStore = {
    placement: store.placement,
    check: () => store.check(),
    putStream: (...args) => store.putStream(...args),
    getStream: (...args) => store.getStream(...args),
    head: (...args) => store.head(...args),
    delete: (...args) => store.delete(...args),
    put(key, bytes, options) {
      costs.puts++;
      costs[lockClass(options)] += bytes.length;
      return store.put(key, bytes, options);
    },
    get(...args) {
      costs.gets++;
      return store.get(...args);
    },
    list(...args) {
      costs.lists++;
      return store.list(...args);
    },
  };
  return { store: wrapped, costs };
}

/** One cadence: so many entries between two publications. */
async function publications(everyEntries: number, count: number): Promise<string> {
  let counted: Costs | undefined;
  const lab = new LogLab(
    (now) => {
      const { store, costs } = counting(new MemoryObjectStore(now), now);
      counted = costs;
      return store;
    },
    { rows_kept: LIMITS.logRowsKept, turn_entries_max: LIMITS.logTurnEntriesMax, step_rows_max: LIMITS.logStepRowsMax },
  );
  const by = attribution();
  await lab.settle();
  const before: Costs = { ...(counted ?? failed()) };
  const entries = everyEntries * count;
  for (let at = 0; at < count; at++) {
    lab.sql.enter();
    for (let n = 0; n < everyEntries; n++) {
      const opening = n % 2 === 0;
      ledgerWriter(lab.sql, lab.env.now).append({
        kind: opening ? "task.opened" : "task.closed",
        outcome: opening ? "pending" : "success",
        action: "inference:create",
        task: `task_${String(n).padStart(26, "0")}`,
        by,
        detail: opening ? openedDetail : closedDetail,
      });
    }
    feedDelivered(lab.sql, lab.size);
    lab.sql.leave();
    await lab.settle();
  }
  const after = counted ?? failed();
  const million = 1_000_000 / entries;
  const per = (name: keyof Costs) => (after[name] - before[name]) * million;
  const whole = (value: number) => Math.round(value).toLocaleString("en");
  const mega = (value: number) => `${whole(value / 1_000_000)} MB`;
  lab.close();
  return `| ${whole(everyEntries)} | ${whole(1_000_000 / everyEntries)} | ${whole(per("puts"))} | ${whole(per("gets"))} | ${whole(per("lists"))} | ${mega(per("retained"))} | ${mega(per("partial"))} |`;
}

function failed(): never {
  throw new Error("nothing was counted");
}

/** Prints what a million entries cost an archive, measured on fewer, at cadences from a busy tenant's to a quiet one's. */
export async function archiveCosts(): Promise<void> {
  console.log(
    `| entries a publication | publications | writes | reads | lists | locked for the retention | locked ${LIMITS.logPartialLockMs / DAY_MS} days |`,
  );
  console.log("|---|---|---|---|---|---|---|");
  for (const [every, count] of [
    [10_000, 8],
    [1_000, 32],
    [100, 128],
    [10, 256],
  ] as const)
    console.log(await publications(every, count));
}
