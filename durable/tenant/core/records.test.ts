import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Recorded } from "../../../shared/contracts/ports/tenant-store.ts";
import { expectInvariants, NOON, openTenant, type TestTenant } from "../../../test/support/tenant-core.ts";
import { attribution } from "../../../test/support/tenant-fixtures.ts";
import { nextDue, record, sweep } from "../core.ts";

const change = (n: number, members: Partial<Recorded> = {}): Recorded => ({
  ...{ kind: "data.changed", outcome: "pending", action: "file:write", by: attribution({ request: `req_${n}` }) },
  ...{ detail: { deleted: `file-${n}`, resource: `file-${n}` }, dedupe: `file:write:req_${n}` },
  ended_by: `file:write:req_${n}:end`,
  ...members,
});
/** Answers the place of its entry. */
function begin(t: TestTenant, n = 1): number {
  const begun = record(t.sql, t.env, change(n));
  if (!begun.ok) throw new Error("refused");
  return begun.value.seq;
}
function end(t: TestTenant, opened: number, n = 1, outcome: "success" | "failure" = "success") {
  const { ended_by, detail, ...begun } = change(n);
  record(t.sql, t.env, { ...begun, outcome, detail: { ...detail, opened }, dedupe: ended_by ?? "" });
}
const told = (t: TestTenant, from: number) =>
  t
    .entries()
    .slice(from)
    .map(({ outcome }) => outcome);
const wait = (t: TestTenant, ms: number) => {
  t.env.now += ms;
  sweep(t.sql, t.env);
};

describe("a change that begins", () => {
  it("and whose end nobody told is closed with an unknown outcome, so that no reader waits for ever", () => {
    const t = openTenant();
    const opened = begin(t);
    wait(t, LIMITS.recordEndMsMax - 1);
    expect(told(t, opened)).toEqual(["pending"]);
    wait(t, 1);
    expect(t.entries().slice(opened + 1)).toMatchObject([
      {
        ...{ kind: "data.changed", outcome: "failure", action: "file:write", request: "req_1" },
        subject: attribution().subject,
        detail: { resource: "file-1", deleted: "file-1", opened, error: "outcome_unknown" },
      },
    ]);
    wait(t, LIMITS.recordEndMsMax);
    expect(told(t, opened)).toEqual(["pending", "failure"]);
    expectInvariants(t);
  });

  it("and has ended is closed by nobody, however it ended", () => {
    const t = openTenant();
    const [first, second] = [begin(t, 1), begin(t, 2)];
    end(t, first, 1);
    end(t, second, 2, "failure");
    wait(t, LIMITS.recordEndMsMax);
    expect(told(t, first)).toEqual(["pending", "pending", "success", "failure"]);
  });

  it("is known by its own end, so that another change of the same resource leaves it open", () => {
    const t = openTenant();
    const [first, second] = [begin(t, 1), begin(t, 2)];
    end(t, second, 2);
    wait(t, LIMITS.recordEndMsMax);
    expect(t.entries().at(-1)?.detail).toMatchObject({ opened: first, error: "outcome_unknown" });
    expect(told(t, first)).toEqual(["pending", "pending", "success", "failure"]);
  });

  it("takes an end that comes late as the last word: what was done is never told as unknown for good", () => {
    const t = openTenant();
    const opened = begin(t);
    wait(t, LIMITS.recordEndMsMax);
    end(t, opened);
    wait(t, LIMITS.recordEndMsMax);
    expect(told(t, opened)).toEqual(["pending", "failure", "success"]);
    expect(t.entries().at(-1)?.detail).toMatchObject({ opened });
    expect(t.entries().at(-1)?.detail).not.toHaveProperty("error");
  });

  it("and is told again behind its end, as a lost answer has it, is not open again", () => {
    const t = openTenant();
    const opened = begin(t);
    end(t, opened);
    expect(begin(t)).toBe(opened);
    wait(t, LIMITS.recordEndMsMax);
    expect(told(t, opened)).toEqual(["pending", "success"]);
  });

  it("wakes the object at its bound and not before, and all that are due are closed in steps", () => {
    const t = openTenant();
    const from = t.entries().length;
    for (let n = 0; n < 100; n++) begin(t, n);
    expect(nextDue(t.sql, false)).toBe(NOON + LIMITS.recordEndMsMax);
    t.env.now += LIMITS.recordEndMsMax;
    const steps = [sweep(t.sql, t.env), sweep(t.sql, t.env)];
    expect(steps).toEqual([true, false]);
    expect(told(t, from).filter((outcome) => outcome === "failure")).toHaveLength(100);
    expect(nextDue(t.sql, false)).toBeGreaterThan(t.env.now);
  });

  it("is closed although its own entry is in the archive alone by then", () => {
    const t = openTenant();
    const opened = begin(t);
    t.sql.run("DELETE FROM ledger WHERE seq = ?", opened);
    wait(t, LIMITS.recordEndMsMax);
    expect(t.entries().at(-1)?.detail).toMatchObject({ opened, error: "outcome_unknown" });
  });

  it("without the name of its end stays as it is, as edges of an earlier release tell it", () => {
    const t = openTenant();
    const { ended_by: _, ...entry } = change(1);
    const from = t.entries().length;
    record(t.sql, t.env, entry);
    wait(t, LIMITS.recordEndMsMax);
    expect(told(t, from)).toEqual(["pending"]);
  });
});
