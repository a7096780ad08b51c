import { beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { leafHash } from "../../../shared/crypto/log/tree.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { SmallLog } from "../../../test/support/small-log.ts";
import { attempt, type Bundles, InArchive, leavesOf, textsOf } from "./bundles.ts";
import { duePartials, forgetPartials, keepPartials, notePartials } from "./partials.ts";
import { logPeriod } from "./period.ts";
import { pruneStep } from "./prune.ts";
import { sealedHead, sealStep } from "./seal.ts";
import { logRow } from "./state.ts";

const BORN = 1_800_000_000_000;
const BOUNDS = { rows_kept: 10, turn_entries_max: 1_024, step_rows_max: 256 };
let log: SmallLog;
beforeEach(() => {
  log = new SmallLog();
});
const prune = (bounds = {}) => pruneStep(log.sql, log.owner, { ...BOUNDS, ...bounds });
const first = () => log.seqs()[0];

describe("rows are deleted", () => {
  it("in whole bundles, once published, passed, and older than the newest that stay: whichever is least", () => {
    log.append(800, BORN);
    const pruned = (published: number, passed: number, rows_kept: number) => {
      log.sql.enter();
      log.publish(published, BORN);
      log.passed = passed;
      while (prune({ rows_kept }));
      const left = [logRow(log.sql).pruned, first()];
      log.sql.abandon();
      return left;
    };
    expect(pruned(800, 800, 10)).toEqual([768, 768]);
    expect(pruned(767, 800, 10)).toEqual([512, 512]);
    expect(pruned(800, 767, 10)).toEqual([512, 512]);
    expect(pruned(800, 800, 33)).toEqual([512, 512]);
    expect(pruned(800, 800, 32)).toEqual([768, 768]);
    expect(pruned(255, 800, 10)).toEqual([0, 0]);
    expect(pruned(800, 800, 900)).toEqual([0, 0]);
  });

  it("a bounded step at a time, each of which says whether more is left", () => {
    log.append(1_100, BORN);
    log.publish(1_100, BORN);
    expect([prune(), first()]).toEqual([true, 256]);
    expect([prune({ step_rows_max: 600 }), first()]).toEqual([true, 768]);
    // Less than a bundle is a bundle.
    expect([prune({ step_rows_max: 10 }), first()]).toEqual([false, 1_024]);
    expect([prune(), first()]).toEqual([false, 1_024]);
  });

  it("but for those that are still needed, which go once they are not, and no row above with them", () => {
    log.append(300, BORN);
    log.publish(300, BORN);
    log.sql.run("UPDATE ledger SET needed = 1 WHERE seq IN (7, 255)");
    prune();
    expect(log.seqs().slice(0, 3)).toEqual([7, 255, 256]);
    log.sql.run("UPDATE ledger SET needed = 0 WHERE seq = 7");
    prune();
    expect(log.seqs().slice(0, 2)).toEqual([255, 256]);
    log.sql.run("UPDATE ledger SET needed = 0");
    prune();
    expect([first(), log.seqs().length]).toEqual([256, 44]);
  });
});

describe("partial tiles in the archive", () => {
  const tile = (level: number, n: number, width: number) => ({ level, n, width });
  const due = (nowMs: number, published: number, max = 10) =>
    duePartials(log.sql, nowMs, published, max).map(({ level, n }) => `${level}/${n}`);

  it("are noted with their bundles, and full ones are not, so that none is forgotten and none taken for one", () => {
    notePartials(log.sql, [tile(0, 0, 256), tile(0, 1, 40), tile(1, 0, 1)], BORN);
    expect(due(BORN, 2 ** 40)).toEqual(["-1/1", "0/1", "1/0"]);
  });

  it("are due when their lock is over and the full tile that replaces them is published, at every level by its own size", () => {
    notePartials(log.sql, [tile(0, 1, 40), tile(1, 0, 1)], BORN);
    expect(due(BORN - 1, 2 ** 40)).toEqual([]);
    expect(due(BORN, 511)).toEqual([]);
    expect(due(BORN, 512)).toEqual(["-1/1", "0/1"]);
    expect(due(BORN, 65_535)).toEqual(["-1/1", "0/1"]);
    expect(due(BORN, 65_536)).toEqual(["-1/1", "0/1", "1/0"]);
  });

  it("stay noted for as long as the longest lock of them, and are forgotten one by one", () => {
    notePartials(log.sql, [tile(0, 1, 40)], BORN + 10);
    notePartials(log.sql, [tile(0, 1, 41)], BORN);
    expect(due(BORN + 9, 512)).toEqual([]);
    keepPartials(log.sql, { level: 0, n: 1 }, BORN + 20);
    expect([due(BORN + 10, 512), due(BORN + 20, 512)]).toEqual([["-1/1"], ["-1/1", "0/1"]]);
    forgetPartials(log.sql, { level: 0, n: 1 });
    expect(due(BORN + 20, 512)).toEqual(["-1/1"]);
  });

  it("are taken so many at a time, and those that are not full yet hold none of the others up", () => {
    notePartials(log.sql, [tile(0, 1, 1), tile(0, 2, 1), tile(0, 3, 1), tile(1, 0, 1)], BORN);
    expect(due(BORN, 1_024, 2)).toEqual(["-1/1", "-1/2"]);
    for (const n of [1, 2, 3]) forgetPartials(log.sql, { level: -1, n });
    expect(due(BORN, 512, 1)).toEqual(["0/1"]);
    for (const n of [1, 2, 3]) forgetPartials(log.sql, { level: 0, n });
    expect(due(BORN, 65_536, 1)).toEqual(["1/0"]);
  });
});

describe("entries that are read", () => {
  const bundle = (from: number) => {
    const texts = Array.from({ length: 256 }, (_, at) => SmallLog.text(from + at, BORN + from + at));
    return { texts, leaves: texts.map((text) => leafHash(utf8(text))) };
  };
  const pruned = (): void => {
    for (let seq = 0; seq < 600; seq++) log.append(1, BORN + seq);
    while (sealStep(log.sql, 600, 100));
    log.publish(600, BORN + 600);
    log.sql.run("UPDATE ledger SET needed = 1 WHERE seq IN (300, 505)");
    while (prune());
    expect(log.seqs().slice(0, 3)).toEqual([300, 505, 512]);
  };
  const ARCHIVE: Bundles = new Map([0, 1].map((n) => [n, bundle(256 * n)]));

  it("are the same from the archive as from the object, across every border, texts and leaves alike", () => {
    pruned();
    const all = Array.from({ length: 600 }, (_, seq) => SmallLog.text(seq, BORN + seq));
    for (const [from, count] of [
      [0, 600],
      [255, 2],
      [200, 100],
      [511, 2],
      [512, 88],
      [599, 1],
      [0, 1],
      [300, 0],
    ] as const) {
      const expected = all.slice(from, from + count);
      expect(textsOf(log.sql, from, count, ARCHIVE)).toEqual(expected);
      expect(leavesOf(log.sql, from, count, ARCHIVE)).toEqual(expected.map((text) => leafHash(utf8(text))));
    }
  });

  it("name the bundle that they lie in when it was not read yet, one after the other, and nothing is made up", () => {
    pruned();
    for (const read of [textsOf, leavesOf]) {
      const missing = (from: number, bundles: Bundles) => {
        const found = attempt(() => read(log.sql, from, 1, bundles));
        return found instanceof InArchive ? found.bundle : "here";
      };
      expect([
        missing(255, new Map()),
        missing(256, new Map()),
        missing(511, new Map()),
        missing(512, new Map()),
      ]).toEqual([0, 1, 1, "here"]);
      expect(missing(256, new Map([...ARCHIVE].slice(0, 1)))).toBe(1);
    }
    expect(() =>
      attempt(() => {
        throw new Error("another");
      }),
    ).toThrow("another");
  });

  it("are an error where rows are gone that should be here, and never fewer entries than were asked for", () => {
    log.append(10, BORN);
    log.sql.run("DELETE FROM ledger WHERE seq = 4");
    expect(() => textsOf(log.sql, 3, 3)).toThrow("entries from 3 on are missing");
    expect(() => leavesOf(log.sql, 3, 3)).toThrow("entries from 3 on are missing");
    log.sql.run("UPDATE ledger SET hash = 'ab' WHERE seq = 1");
    expect(() => leavesOf(log.sql, 0, 2)).toThrow("hash is unreadable");
  });

  it("are sealed no further than they are written, and an altered frontier is an error", () => {
    log.append(10, BORN);
    expect([sealStep(log.sql, 10, 4), sealStep(log.sql, 10, 6), sealStep(log.sql, 10, 6)]).toEqual([
      true,
      false,
      false,
    ]);
    // What was sealed further than a turn needs stays as it is.
    expect(sealStep(log.sql, 5, 10)).toBe(false);
    expect([logRow(log.sql).sealed, sealedHead(log.sql).size]).toEqual([10, 10]);
    log.sql.run("UPDATE log SET sealed = 9");
    expect(() => sealedHead(log.sql)).toThrow("frontier is unreadable");
  });
});

describe("a period of entries that were deleted", () => {
  /** Runs of eight entries have one moment; all but the newest `left` are in the archive alone. */
  const atMs = (seq: number) => BORN + 10 * Math.floor(seq / 8);
  const archive: Bundles = new Map(
    [0, 1].map((n) => {
      const texts = Array.from({ length: 256 }, (_, at) => SmallLog.text(256 * n + at, atMs(256 * n + at)));
      return [n, { texts, leaves: texts.map((text) => leafHash(utf8(text))) }];
    }),
  );
  const pruned = (size: number) => {
    for (let seq = 0; seq < size; seq += 8) log.append(Math.min(8, size - seq), atMs(seq));
    while (sealStep(log.sql, size, 100));
    log.publish(size, BORN);
    while (prune({ rows_kept: 0 }));
    expect(logRow(log.sql).pruned).toBe(512);
  };
  const run = (from_ms: number, to_ms: number, bundles = archive) =>
    logPeriod(log.sql, { size: log.size, origin: "o", publishes: true, now_ms: BORN }, { from_ms, to_ms }, bundles);

  it.each([600, 512])(
    "is the very same run of %i entries, found in the archive's bundles and across their borders",
    (size) => {
      pruned(size);
      const times = Array.from({ length: size }, (_, seq) => atMs(seq));
      const borders = [0, 1, 7, 8, 100, 255, 256, 257, 264, 504, 511, 512, 599]
        .filter((seq) => seq < size)
        .flatMap((seq) => [atMs(seq), atMs(seq) + 1]);
      for (const from of borders)
        for (const to of borders) {
          const first = times.filter((ms) => ms < from).length;
          const count = times.filter((ms) => ms >= from && ms < to).length;
          const { first: start, count: found } = run(from, to);
          if (start !== first || found !== count)
            expect({ from: from - BORN, to: to - BORN, start, found }).toEqual({ start: first, found: count });
        }
    },
  );

  it("names the bundle that has to be read, and is an error where an entry there has no time", () => {
    pruned(600);
    const named = (ms: number) => {
      const found = attempt(() => run(ms, ms + 1, new Map()));
      return found instanceof InArchive ? found.bundle : "none";
    };
    expect([named(BORN + 5), named(atMs(256) + 1), named(atMs(520))]).toEqual([0, 1, "none"]);
    for (const text of ['{"at":"soon"}', '{"at":7}', "{}", "null", "5"]) {
      const texts = Array.from({ length: 256 }, () => text);
      expect(() => run(BORN + 5, BORN + 6, new Map([[0, { texts, leaves: [] }]])), text).toThrow("has no time");
    }
  });
});

describe("a period", () => {
  const asked = (from_ms: number, to_ms: number, publishes = true, now_ms = BORN) =>
    logPeriod(
      log.sql,
      { size: log.size, origin: "o", publishes, now_ms },
      { from_ms: BORN + from_ms, to_ms: BORN + to_ms },
    );
  beforeEach(() => {
    for (const ms of [0, 0, 10, 10, 20, 30]) log.append(1, BORN + ms);
  });

  it("is the run of entries from its first moment up to, but not at, its end", () => {
    log.publish(6, BORN);
    const run = (from: number, to: number) => {
      const { first: start, count, pending } = asked(from, to);
      return [start, count, pending];
    };
    expect(run(0, 31)).toEqual([0, 6, null]);
    expect(run(0, 30)).toEqual([0, 5, null]);
    expect(run(10, 20)).toEqual([2, 2, null]);
    expect(run(1, 10)).toEqual([2, 0, null]);
    expect(run(-5, 1)).toEqual([0, 2, null]);
    expect(run(31, 99)).toEqual([6, 0, null]);
    // Turned round, it is empty.
    expect(run(20, 10)).toEqual([4, 0, null]);
  });

  it("is pending as far as it is not published, which is asked for where there is an archive, and only then", () => {
    log.publish(3, BORN);
    expect(asked(0, 10)).toMatchObject({ first: 0, count: 2, pending: null });
    expect(logRow(log.sql).asked).toBe(0);
    expect(asked(10, 30, false)).toMatchObject({
      ...{ first: 2, count: 1 },
      pending: { reason: "pending", retry_after_ms: LIMITS.logNoArchiveRetryMs },
    });
    expect(logRow(log.sql).asked).toBe(0);
    expect(asked(10, 30).pending?.retry_after_ms).toBeLessThanOrEqual(LIMITS.logAskedMsMin + LIMITS.logTurnMs);
    expect(logRow(log.sql).asked).toBe(5);
    expect(asked(20, 40)).toMatchObject({ first: 3, count: 0, pending: { reason: "pending" } });
  });

  it("that nothing falls into asks for nothing, so that looking ahead costs no archive writes", () => {
    log.publish(3, BORN);
    expect(asked(100, 200)).toMatchObject({ first: 3, count: 0, pending: null });
    expect(logRow(log.sql).asked).toBe(0);
  });

  it("is an error where an entry is gone that should be here, and never a wrong run", () => {
    log.publish(6, BORN);
    log.sql.run("DELETE FROM ledger WHERE seq IN (0, 3)");
    expect(() => asked(10, 20)).toThrow(/entry \d is missing/);
  });

  it("names the log as it was first checked, and its newest checkpoint", () => {
    expect(asked(0, 1)).toMatchObject({ origin: "o", checkpoint: null });
    log.sql.run("UPDATE log SET origin = 'first'");
    log.publish(6, BORN + 5);
    expect(asked(0, 1)).toMatchObject({ origin: "first", checkpoint: { size: 6, published_ms: BORN + 5 } });
  });
});
