import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TaskId } from "../shared/contracts/ids.ts";
import { LEASE_REFUSALS } from "../shared/contracts/worker-protocol.ts";
import { isOver, type Job, type JobEffect, type JobEvent, newJob, step } from "./job.ts";

const TASK = "task_00000000000000000000000001" as TaskId; // safe because: it has the form
const failure = { reason: "failed", status: null, message: "", code: null, param: null, retry_after_ms: null } as const;
const small = fc.integer({ min: 1, max: 4 });

/** Any event in any order: what a network, a queue and an engine can do to a job, and more. */
const event: fc.Arbitrary<JobEvent> = fc.oneof(
  fc.constantFrom<JobEvent>(
    ...([{ type: "connected" }, { type: "connected" }, { type: "disconnected" }, { type: "retry" }] as const),
    ...([{ type: "head" }, { type: "chunk" }, { type: "chunk" }, { type: "end" }, { type: "overflow" }] as const),
    ...([{ type: "fail", failure }, { type: "give_up" }] as const),
  ),
  fc.record({ type: fc.constant("leased"), asked: small, fence: small, credit: small }),
  fc.record({ type: fc.constant("leased"), asked: small, fence: small, credit: small }),
  fc.record({
    ...{ type: fc.constant("refused"), asked: small, reason: fc.constantFrom(...LEASE_REFUSALS) },
    retry_after_ms: fc.option(fc.nat(60_000)),
  }),
  fc.record({ type: fc.constant("credit"), fence: small, seq: fc.nat(6), credit: small }),
  fc.record({ type: fc.constantFrom("cancel", "settled", "lost"), fence: small }),
);

interface Seen {
  event: JobEvent;
  before: Job;
  after: Job;
  effects: JobEffect[];
}
function run(events: readonly JobEvent[]): Seen[] {
  let job = newJob(TASK);
  return events.map((each) => {
    const before = job;
    const next = step(job, each);
    job = next.job;
    return { event: each, before, after: job, effects: next.effects };
  });
}
const holds = (check: (seen: Seen[]) => void) =>
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => check(run(events))),
    { numRuns: 500 },
  );
const isSend = (effect: JobEffect): effect is Extract<JobEffect, { fence: number }> => effect.do.startsWith("send_");

describe("a job under any order of events", () => {
  it("is removed or buried only by settlement under its fence or a final refusal, so that no message is lost", () => {
    holds((seen) => {
      for (const { event: cause, before, effects } of seen)
        if (effects.some((effect) => effect.do === "remove" || effect.do === "bury")) {
          if (cause.type === "settled") expect(cause.fence).toBe(before.fence);
          else expect(cause).toMatchObject({ type: "refused", asked: before.asked });
          if (cause.type === "refused") expect(["leased", "later"]).not.toContain(cause.reason);
        }
    });
  });

  it("sends only under the fence in force, and nothing once it is over", () => {
    holds((seen) => {
      for (const { before, after, effects } of seen) {
        if (isOver(before)) expect(effects).toEqual([]);
        for (const effect of effects.filter(isSend)) expect(effect.fence).toBe(after.fence ?? before.fence);
        if (isOver(after)) expect(effects.filter(isSend)).toEqual([]);
      }
    });
  });

  it("sends chunks of one lease from 1 without gaps or repeats, never past its credit, and an end behind all of them", () => {
    holds((seen) => {
      let sent = 0;
      let allowed = 0;
      let ended = false;
      for (const { event: cause, before, after, effects } of seen) {
        if (cause.type === "leased" && before.phase === "leasing" && cause.asked === before.asked)
          [sent, allowed, ended] = [0, cause.credit, false];
        if (cause.type === "credit" && cause.fence === before.fence)
          allowed = Math.max(allowed, cause.seq + cause.credit);
        for (const effect of effects) {
          if (effect.do === "send_chunk") {
            expect(ended).toBe(false);
            expect(effect.seq).toBe(++sent);
            expect(sent).toBeLessThanOrEqual(Math.min(allowed, after.generation.chunks));
          }
          if (effect.do === "send_end") expect([effect.seq, after.generation.chunks]).toEqual([sent, sent]);
          if (effect.do === "send_end" || effect.do === "send_fail") {
            expect(ended).toBe(false);
            ended = true;
          }
        }
      }
    });
  });

  it("starts the engine at most once, and stops it when it is over", () => {
    holds((seen) => {
      const effects = seen.flatMap((each) => each.effects);
      const started = effects.filter((effect) => effect.do === "start").length;
      expect(started).toBeLessThanOrEqual(1);
      const last = seen.at(-1)?.after;
      const open = seen.some(({ before, after }) => isOver(after) && before.generation.state === "open");
      if (last && isOver(last) && open) expect(effects.filter((effect) => effect.do === "stop")).toHaveLength(1);
    });
  });

  it("does exactly one thing with its message when it is over, so that none is kept from everybody", () => {
    holds((seen) => {
      const endings = seen.flatMap(({ effects }) =>
        effects.filter((effect) => effect.do === "remove" || effect.do === "bury" || effect.do === "hide"),
      );
      const last = seen.at(-1)?.after;
      expect(endings).toHaveLength(last && isOver(last) ? 1 : 0);
    });
  });
});
