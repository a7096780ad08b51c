import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TaskId } from "../../../shared/contracts/ids.ts";
import { nanoUsd } from "../../../shared/contracts/money.ts";
import type { AdmitOutcome, AdmitRequest, SettleRequest } from "../../../shared/contracts/ports/tenant-store.ts";
import { chargesOf, expectInvariants, openTenant, type TestTenant } from "../../../test/support/tenant-core.ts";
import {
  admitRequest,
  bucket,
  budget,
  budgetId,
  settleRequest,
  taskId,
} from "../../../test/support/tenant-fixtures.ts";
import { sweep } from "../core.ts";
import { TASK } from "./task-state.ts";

const LIMIT = 6_000_000;

type Step =
  | { kind: "admit"; task: number; key: number | null; hold: number }
  | { kind: "settle"; task: number; cost: number; result: SettleRequest["result"] }
  | { kind: "wait"; ms: number }
  /** The alarm, after a time: 95 s abandon whatever runs. */
  | { kind: "alarm"; ms: number };

/** What happens around the step: `lost` rolls back all of it, as a crash before the commit does; `unanswered` keeps it. */
type Fate = "answered" | "lost" | "unanswered";

const tasks = fc.integer({ min: 0, max: 7 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("admit" as const),
      task: tasks,
      key: fc.option(fc.integer({ min: 1, max: 2 })),
      hold: fc.integer({ min: 0, max: 4_000_000 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("settle" as const),
      task: tasks,
      cost: fc.integer({ min: 0, max: 5_000_000 }),
      result: fc.constantFrom("stored", "stored", "none", "too_large", "not_run"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1, 9_999, 95_000, 90_000_000) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("alarm" as const), ms: fc.constantFrom(0, 95_000) }) },
);
const fate: fc.Arbitrary<Fate> = fc.constantFrom("answered", "answered", "answered", "lost", "unanswered");
const history = fc.array(fc.tuple(step, fate), { minLength: 1, maxLength: 80, size: "max" });

const admitOf = (t: TestTenant, { task, key, hold }: Extract<Step, { kind: "admit" }>): AdmitRequest =>
  admitRequest(taskId(task), t.env.now, {
    hold_nusd: nanoUsd(hold),
    tokens: 500,
    rates: [bucket({ limit: 600, burst: 40 }), bucket({ unit: "tokens", limit: 60_000, burst: 20_000 })],
    idempotency: key === null ? null : { key_hash: String(key).repeat(32), fingerprint: "f".repeat(32) },
  });

/** Runs one step as a host does, and answers the outcome if its caller heard it. */
function perform(t: TestTenant, what: Step, happens: Fate): AdmitOutcome | null {
  if (what.kind === "wait") {
    t.env.now += what.ms;
    return null;
  }
  t.sql.enter();
  let outcome: AdmitOutcome | null = null;
  if (what.kind === "alarm") {
    t.env.now += what.ms;
    while (sweep(t.sql, t.env));
  } else if (what.kind === "admit") outcome = t.admit(admitOf(t, what));
  else {
    const { task, cost, result } = what;
    t.settle(settleRequest(taskId(task), { cost_nusd: nanoUsd(cost), result }));
  }
  if (happens === "lost") {
    t.sql.abandon();
    return null;
  }
  t.sql.leave();
  return outcome;
}

const spans = (t: TestTenant) =>
  t.sql.all<{ budget: string; spent: number; held: number }>(
    "SELECT budget, spent_nusd AS spent, held_nusd AS held FROM budget_span",
  );

describe("whatever happens to a tenant", () => {
  it("charges equal settled usage, holds are released, the chain verifies and a key has one effect", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(history, (steps) => {
        const t = openTenant({
          budgets: [
            budget({ id: budgetId(1), period: "total", limit_nusd: nanoUsd(LIMIT) }),
            budget({ id: budgetId(2), period: "day", hard: false, limit_nusd: nanoUsd(1_000) }),
          ],
        });
        const ran = new Map<string, TaskId>();
        for (const [what, happens] of steps) {
          const before = spans(t).find(({ budget: id }) => id === budgetId(1));
          const outcome = perform(t, what, happens);
          const after = spans(t).find(({ budget: id }) => id === budgetId(1));
          // A hold never takes a hard budget past its limit; only an overrun of what was admitted may.
          if (after && after.held > (before?.held ?? 0)) expect(after.spent + after.held).toBeLessThanOrEqual(LIMIT);
          if (what.kind !== "admit" || what.key === null || !outcome?.ok) continue;
          const holder = t.sql.get<{ id: TaskId; state: number }>(
            "SELECT id, state FROM task WHERE key_hash = unhex(?)",
            String(what.key).repeat(32),
          );
          // Only what ended by its own settlement is replayed, never what the alarm had to close.
          if (outcome.value.kind === "replay") expect(holder).toEqual({ id: outcome.value.task, state: TASK.settled });
          else if (holder) ran.set(`${what.key}:${holder.id}`, holder.id);
        }
        expectInvariants(t);

        // Once nothing runs any more, nothing is held, and the budget was charged what the ledger says.
        t.env.now += 90_000_000_000;
        t.env.now -= t.env.now % 86_400_000;
        while (sweep(t.sql, t.env));
        expectInvariants(t);
        const charged = chargesOf(t.entries()).reduce((sum, { cost }) => sum + cost, 0);
        for (const { held } of spans(t)) expect(held).toBe(0);
        expect(spans(t).find(({ budget: id }) => id === budgetId(1))?.spent ?? 0).toBe(charged);

        // One opening and at most one closing per task; a key that was never freed opened one task only.
        const entries = t.entries();
        const opened = entries.filter(({ kind }) => kind === "task.opened").map(({ task }) => task);
        const closed = entries.filter(({ kind }) => kind === "task.closed" || kind === "task.abandoned");
        const corrected = entries.filter(({ kind }) => kind === "task.corrected").map(({ task }) => task);
        for (const { kind } of entries) seen.set(kind, (seen.get(kind) ?? 0) + 1);
        expect(new Set(opened).size).toBe(opened.length);
        expect(closed.map(({ task }) => task).sort()).toEqual(opened.sort());
        expect(new Set(corrected).size).toBe(corrected.length);
        const freed = new Set(entries.filter(({ detail }) => detail.result === "not_run").map(({ task }) => task));
        for (const key of [1, 2, 3]) {
          const effects = [...ran].filter(([name, id]) => name.startsWith(`${key}:`) && !freed.has(id));
          expect(effects.length, `effects of key ${key}`).toBeLessThanOrEqual(1 + agedKeys(steps));
        }
      }),
      { numRuns: 60, seed: 20_261_121 },
    );
    // The histories must reach what they are about.
    for (const kind of ["task.closed", "task.abandoned", "task.corrected", "call.refused", "data.read"])
      expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(5);
  });
});

/** How often time may have passed the 72 h after which a key is free again. */
const agedKeys = (steps: readonly (readonly [Step, Fate])[]): number =>
  Math.floor(
    steps.reduce((sum, [what]) => sum + (what.kind === "wait" || what.kind === "alarm" ? what.ms : 0), 0) /
      (72 * 3_600_000),
  );
