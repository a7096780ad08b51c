import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { textsOf } from "../../durable/runtime/log/bundles.ts";
import { rootAt } from "../../durable/runtime/log/nodes.ts";
import { EffectPostponed } from "../../durable/runtime/object-class.ts";
import { ObjectStoreUnavailable } from "../../shared/contracts/ports/object-store.ts";
import { checkArchive } from "../support/check-archive.ts";
import { LAB_SIGNER, LogLab, PREFIX, SMALL } from "../support/log-lab.ts";
import { MemoryObjectStore } from "../support/memory-object-store.ts";
import { observed } from "./faults/observed.ts";

const open = (): LogLab => new LogLab((now) => new MemoryObjectStore(now));

/** What is published before a scene: full and partial tiles of two levels, and rows that were pruned. */
const published = await (async () => {
  const store = new MemoryObjectStore(() => 0);
  const lab = new LogLab(() => store);
  lab.append(700);
  await lab.settle();
  return { store, lab };
})();
afterAll(() => published.lab.close());

/** A log of its own that begins there, with entries that wait. */
function begun(waiting: number): LogLab {
  const lab = new LogLab((now) => published.store.clone(now), SMALL, published.lab);
  lab.append(waiting);
  return lab;
}

/** The process is gone: whatever it would still have done is not done. */
class Crash extends Error {
  override readonly name = "Crash";
}

/** What happens at one step: it never takes place, or it does and nobody hears of it; then the process ends, or goes on. */
interface Fate {
  happens: "lost" | "persisted";
  ends: "crash" | "error";
}
const FATES: Fate[] = [
  { happens: "lost", ends: "crash" },
  { happens: "persisted", ends: "crash" },
  { happens: "lost", ends: "error" },
  { happens: "persisted", ends: "error" },
];

/** Lets the steps of a lab pass until the `at`th. Answers what they were. */
function strike(lab: LogLab, at: number, { happens, ends }: Fate): string[] {
  const steps: string[] = [];
  let dead = false;
  lab.around = async (what, call) => {
    if (dead) throw new Crash("the process has ended");
    if (steps.push(what) !== at) return call();
    if (happens === "persisted") await call();
    dead = ends === "crash";
    // An object's own failure is the host's to report; an error elsewhere is one that the log waits out.
    throw dead || what === "object" ? new Crash(what) : new ObjectStoreUnavailable(what);
  };
  return steps;
}

async function runStruck(lab: LogLab): Promise<void> {
  try {
    await lab.alarm();
  } catch (cause) {
    if (!(cause instanceof Crash) && !(cause instanceof EffectPostponed)) throw cause;
  }
}

/** The archive alone gives the log that the database has, and the database's own tree is the archive's. */
async function expectWhole(lab: LogLab): Promise<void> {
  const { texts, sizes } = await checkArchive(lab.archive, PREFIX, lab.state.origin, LAB_SIGNER);
  const { pruned, published, halted } = lab.state;
  expect([texts.length, published?.size, sizes.at(-1), halted]).toEqual([lab.size, lab.size, lab.size, null]);
  expect(texts.slice(pruned)).toEqual(textsOf(lab.sql, pruned, lab.size - pruned));
  expect(Buffer.from(rootAt(lab.sql, lab.size)).toString("base64")).toBe(published?.root);
}

describe("a turn that is cut off", () => {
  it.each(FATES)(
    "at any step ($happens, $ends) goes on afterwards and verifies, so that no crash forks a log or halts it",
    async (fate) => {
      const counting = begun(450);
      const steps = strike(counting, Number.POSITIVE_INFINITY, fate);
      await counting.alarm();
      counting.close();
      // The matrix is worth something only while the turn has what it is about.
      for (const needed of [
        /^list /,
        /^get .*history/,
        /^put .*tile\/1/,
        /^put .*dsse/,
        /^put .*\/checkpoint$/,
        /^sign$/,
        /^object$/,
      ])
        expect(
          steps.some((step) => needed.test(step)),
          String(needed),
        ).toBe(true);

      for (let at = 1; at <= steps.length; at++) {
        const lab = begun(450);
        strike(lab, at, fate);
        await runStruck(lab);
        if (fate.ends === "crash") lab.restart();
        // Entries that came meanwhile must not change what the cut off turn had begun.
        lab.append(3);
        await lab.settle();
        await expectWhole(lab).catch((cause: unknown) => {
          throw new Error(`step ${at} (${steps[at - 1]})`, { cause });
        });
        lab.close();
      }
      observed(
        fate.ends === "crash" ? "seal-killed" : "seal-store-errors",
        `each step, ${fate.happens}`,
        `${steps.length} steps of one turn struck one by one: the archive alone gave the whole log each time`,
      );
    },
  );

  it("twice, at any two steps, goes on as well", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(...FATES),
        fc.constantFrom(...FATES),
        async (first, second, one, other) => {
          const lab = begun(0);
          for (const [at, fate] of [
            [first, one],
            [second, other],
          ] as const) {
            lab.append(200);
            strike(lab, at, fate);
            await runStruck(lab);
            lab.restart();
          }
          await lab.settle();
          await expectWhole(lab);
          lab.close();
        },
      ),
      { numRuns: 40, seed: 20_261_121 },
    );
  });
});

describe("whatever happens to a log", () => {
  it("the archive is the tree, through appends, turns, prunings, restarts and outages", async () => {
    let prunings = 0;
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant("append" as const), count: fc.integer({ min: 1, max: 400 }) }),
      },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant("turn" as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("struck" as const),
          at: fc.integer({ min: 1, max: 60 }),
          fate: fc.constantFrom(...FATES),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const lab = open();
        for (const one of steps) {
          if (one.kind === "append") lab.append(one.count, 1);
          else if (one.kind === "turn") await lab.alarm();
          else if (one.kind === "restart") lab.restart();
          else {
            strike(lab, one.at, one.fate);
            await runStruck(lab);
            lab.restart();
          }
        }
        await lab.settle();
        await expectWhole(lab);
        if (lab.state.pruned > 0) prunings++;
        lab.close();
      }),
      { numRuns: 40, seed: 20_261_122 },
    );
    expect(prunings).toBeGreaterThan(5);
  });
});
