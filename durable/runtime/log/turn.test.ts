import { beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { SmallLog } from "../../../test/support/small-log.ts";
import { nextLogDue, publicationWaitMs } from "./due.ts";
import { askPublication, checkpointRow, faultOf, logRow, logState, publishedCheckpoint } from "./state.ts";
import { beginTurn, endTurn, haltLog, resumeLog, suspectBundle, turnFailed } from "./turn.ts";

const BORN = 1_800_000_000_000;
const BOUNDS = { rows_kept: 300, turn_entries_max: 1_024, step_rows_max: 256 };
let log: SmallLog;
beforeEach(() => {
  log = new SmallLog();
});
const due = () => {
  const ms = nextLogDue(log.sql, log.size);
  return ms === null ? null : ms - BORN;
};
const begin = (nowMs: number, origin = "example.com/log") => beginTurn(log.sql, nowMs, log.size, origin, BOUNDS);
const env = (now: number) => ({ now, mint: () => "0" });
/** Begins the turn that is due, publishes its target and ends it; answers the target. */
function turn(): number {
  const nowMs = nextLogDue(log.sql, log.size) ?? 0;
  const begun = begin(nowMs);
  if (!begun) throw new Error("no turn is due");
  if (begun.target > begun.published.size) log.publish(begun.target, nowMs);
  endTurn(log.sql, nowMs, 0);
  return begun.target;
}

describe("a log is due", () => {
  it("never while it has no entry", () => {
    expect(due()).toBeNull();
    expect(begin(BORN)).toBeNull();
  });

  it("a minute after the first entry that is not published, or ten seconds after it when a hundred are waiting behind it", () => {
    log.append(1, BORN);
    log.append(99, BORN + 5_000);
    expect(due()).toBe(LIMITS.logFewDelayMs);
    log.append(1, BORN + 5_000);
    expect(due()).toBe(LIMITS.logManyDelayMs);
    log.publish(1, BORN + 6_000);
    expect(due()).toBe(5_000 + LIMITS.logFewDelayMs);
  });

  it("for whoever asks, but once a second, and no longer once what they asked for is published", () => {
    log.append(2, BORN);
    askPublication(log.sql, 2);
    expect(nextLogDue(log.sql, log.size)).toBe(LIMITS.logAskedMsMin);
    log.publish(2, BORN + 10);
    log.append(1, BORN + 20);
    expect(due()).toBe(20 + LIMITS.logFewDelayMs);
    askPublication(log.sql, 1);
    expect(logRow(log.sql).asked).toBe(2);
    askPublication(log.sql, 3);
    expect(due()).toBe(10 + LIMITS.logAskedMsMin);
  });

  it("a day after its last check while nothing is waiting, and not before a failed try may be repeated", () => {
    log.append(1, BORN);
    turn();
    expect(due()).toBe(LIMITS.logFewDelayMs + LIMITS.logIdleCheckMs);
    const laterMs = BORN + 2 * LIMITS.logIdleCheckMs;
    turnFailed(log.sql, laterMs);
    expect(due()).toBe(2 * LIMITS.logIdleCheckMs + LIMITS.outboxRetryMsMin);
    log.append(1, BORN);
    expect(due()).toBe(2 * LIMITS.logIdleCheckMs + LIMITS.outboxRetryMsMin);
  });

  it("every minute while it is halted, whatever waits, and later only where the archive is away too", () => {
    log.append(200, BORN);
    askPublication(log.sql, 200);
    haltLog(log.sql, env(BORN), log.owner, "forked", "why");
    expect(due()).toBe(LIMITS.logRecheckMs);
    for (let failure = 0; failure < 8; failure++) turnFailed(log.sql, BORN + LIMITS.logRecheckMs);
    expect(due()).toBe(LIMITS.logRecheckMs + LIMITS.outboxRetryMsMax);
  });

  it("in no longer than a minute for whoever waits, and never in less than a turn takes", () => {
    const wait = (nowMs: number) => publicationWaitMs(log.sql, nowMs, log.size);
    expect(wait(BORN)).toBe(LIMITS.logTurnMs);
    log.append(1, BORN);
    expect(wait(BORN)).toBe(LIMITS.logFewDelayMs + LIMITS.logTurnMs);
    expect(wait(BORN + 50_000)).toBe(LIMITS.logFewDelayMs - 50_000 + LIMITS.logTurnMs);
    expect(wait(BORN + 2 * LIMITS.logFewDelayMs)).toBe(LIMITS.logTurnMs);
    expect(wait(BORN - LIMITS.logIdleCheckMs)).toBe(LIMITS.logRecheckMs + LIMITS.logTurnMs);
  });
});

describe("a turn", () => {
  it("begins when it is due and not a millisecond before", () => {
    log.append(3, BORN);
    const dueMs = BORN + LIMITS.logFewDelayMs;
    expect(begin(dueMs - 1)).toBeNull();
    expect(begin(dueMs)).toMatchObject({ now_ms: dueMs, size: 3, target: 3, halted: null, scrub: 0 });
  });

  it("keeps the name under which the log was first checked, so that a renamed cell does not break its evidence", () => {
    log.append(1, BORN);
    const nowMs = BORN + LIMITS.logFewDelayMs;
    expect(begin(nowMs, "example.com/old")?.origin).toBe("example.com/old");
    expect(begin(nowMs, "example.com/new")?.origin).toBe("example.com/old");
    expect(begin(nowMs, "example.com/new")?.origin).toBe("example.com/old");
    expect(logState(log.sql, log.size, "example.com/new").origin).toBe("example.com/old");
  });

  it("publishes what an earlier one had sealed and no more, so that the same objects are written again", () => {
    log.append(10, BORN);
    log.sql.run("UPDATE log SET sealed = 7");
    expect(turn()).toBe(7);
    expect(turn()).toBe(10);
  });

  it("takes a backlog in pieces that end with full tiles, wherever it began, and the rest at once", () => {
    log.append(100, BORN);
    expect(turn()).toBe(100);
    log.append(1_024, BORN);
    expect(turn()).toBe(1_124);
    log.append(1_025, BORN);
    expect([turn(), turn()]).toEqual([2_048, 2_149]);
  });

  it("goes on by one entry where its bound is smaller than a tile, so that no bound stops a log for good", () => {
    log.append(100, BORN);
    const begun = beginTurn(log.sql, BORN + LIMITS.logFewDelayMs, 100, "o", { ...BOUNDS, turn_entries_max: 50 });
    expect(begun?.target).toBe(1);
  });

  it("that ends forgets earlier failures; each that fails waits twice as long as the one before, up to a minute", () => {
    log.append(1, BORN);
    const waits = Array.from({ length: 8 }, () => {
      turnFailed(log.sql, BORN);
      return logRow(log.sql).retry_ms - BORN;
    });
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((s) => s * 1_000));
    endTurn(log.sql, BORN, 3);
    expect(logRow(log.sql)).toMatchObject({ failures: 0, retry_ms: 0, checked_ms: BORN, scrub: 3 });
  });

  it("looks at a suspected bundle first, and at once", () => {
    log.append(1, BORN);
    turn();
    suspectBundle(log.sql, 5);
    expect(logRow(log.sql)).toMatchObject({ scrub: 5, checked_ms: 0 });
    expect(begin(BORN + LIMITS.logIdleCheckMs)?.scrub).toBe(5);
  });
});

describe("a halt", () => {
  it("is told once for each fault, with the time of the first, and ends the count of failures", () => {
    log.append(1, BORN);
    turnFailed(log.sql, BORN);
    haltLog(log.sql, env(BORN + 1), log.owner, "forked", "why");
    haltLog(log.sql, env(BORN + 2), log.owner, "forked", "why again");
    expect(log.told).toEqual([{ kind: "ledger.halted", detail: { fault: "forked", detail: "why" } }]);
    expect(logRow(log.sql)).toMatchObject({ failures: 0, retry_ms: 0, checked_ms: BORN + 2 });
    haltLog(log.sql, env(BORN + 3), log.owner, "tile_missing", "x".repeat(300));
    expect(log.told[1]).toEqual({ kind: "ledger.halted", detail: { fault: "tile_missing", detail: "x".repeat(256) } });
    expect(logState(log.sql, 1, "o").halted).toEqual({
      fault: "tile_missing",
      detail: "x".repeat(256),
      since_ms: BORN + 1,
    });
  });

  it("ends once, with the fault and its time in the ledger, and nothing is told of a log that was not halted", () => {
    log.append(1, BORN);
    resumeLog(log.sql, env(BORN), log.owner);
    expect(log.told).toEqual([]);
    haltLog(log.sql, env(BORN + 1), log.owner, "forked", "why");
    resumeLog(log.sql, env(BORN + 2), log.owner);
    resumeLog(log.sql, env(BORN + 3), log.owner);
    expect(log.told.slice(1)).toEqual([{ kind: "ledger.resumed", detail: { fault: "forked", halted_ms: BORN + 1 } }]);
    expect(logState(log.sql, 1, "o").halted).toBeNull();
    expect(logRow(log.sql)).toMatchObject({ fault: null, fault_detail: "", fault_ms: 0 });
  });

  it("of a kind that this code does not know is an error and never health", () => {
    expect(() => faultOf({ fault: "eaten" })).toThrow("unreadable");
    expect([faultOf({ fault: null }), faultOf({ fault: "forked" })]).toEqual([null, "forked"]);
  });
});

describe("what is published", () => {
  it("never shrinks, and is nothing before the first checkpoint", () => {
    expect(publishedCheckpoint(log.sql)).toBeNull();
    log.publish(5, BORN, { root: "root", note: "note", dsse: "dsse", version: "v1" });
    expect(publishedCheckpoint(log.sql)).toEqual({
      ...{ size: 5, root: "root", note: "note", dsse: "dsse", published_ms: BORN },
    });
    expect(() => log.publish(4, BORN)).toThrow("does not shrink");
    log.publish(5, BORN + 1, { note: "again" });
    expect(checkpointRow(log.sql)).toMatchObject({ size: 5, note: "again", version: null });
  });
});
