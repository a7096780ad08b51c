import { describe, expect, it } from "vitest";
import type { TaskId } from "../shared/contracts/ids.ts";
import { LIMITS } from "../shared/contracts/limits.ts";
import type { WorkerFailure } from "../shared/contracts/worker-protocol.ts";
import { isOver, type Job, type JobEffect, type JobEvent, newJob, step } from "./job.ts";

const TASK = "task_00000000000000000000000001" as TaskId; // safe because: it has the form
const FAILURE: WorkerFailure = {
  ...{ reason: "failed", status: 500, message: "no", code: null, param: null },
  retry_after_ms: null,
};

/** The job after events, and the effects of each. */
function history(events: readonly JobEvent[], from: Job = newJob(TASK)): { job: Job; effects: JobEffect[][] } {
  let job = from;
  const effects = events.map((event) => {
    const next = step(job, event);
    job = next.job;
    return next.effects;
  });
  return { job, effects };
}
const CONNECTED: JobEvent = { type: "connected" };
const leased = (fence: number, credit: number, asked = 1): JobEvent => ({ type: "leased", asked, fence, credit });
const RUNNING: readonly JobEvent[] = [CONNECTED, leased(7, 2), { type: "head" }];
const CHUNK: JobEvent = { type: "chunk" };

describe("a job that goes well", () => {
  it("removes its message only when the cell says that it is settled, so that no crash loses it", () => {
    const { job, effects } = history([...RUNNING, CHUNK, { type: "end" }, { type: "settled", fence: 7 }]);
    expect(effects).toEqual([
      [{ do: "lease", asked: 1, held: false }],
      [{ do: "start" }],
      [{ do: "send_head", fence: 7 }],
      [{ do: "send_chunk", fence: 7, seq: 1 }],
      [{ do: "send_end", fence: 7, seq: 1 }],
      [{ do: "remove" }, { do: "forget" }],
    ]);
    expect(job.phase).toBe("settled");
  });

  it("sends no chunk without credit, and none twice", () => {
    const { effects } = history([
      ...RUNNING,
      ...[CHUNK, CHUNK, CHUNK, CHUNK],
      { type: "end" },
      { type: "credit", fence: 7, seq: 1, credit: 2 },
      { type: "credit", fence: 7, seq: 2, credit: 2 },
    ]);
    expect(effects.slice(3)).toEqual([
      ...[[{ do: "send_chunk", fence: 7, seq: 1 }], [{ do: "send_chunk", fence: 7, seq: 2 }], [], [], []],
      [{ do: "send_chunk", fence: 7, seq: 3 }],
      [
        { do: "send_chunk", fence: 7, seq: 4 },
        { do: "send_end", fence: 7, seq: 4 },
      ],
    ]);
  });

  it("tells an engine's failure behind the chunks that came before it", () => {
    const { effects, job } = history([...RUNNING, CHUNK, { type: "fail", failure: FAILURE }]);
    expect(effects.at(-1)).toEqual([{ do: "send_fail", fence: 7, failure: FAILURE }]);
    expect(job.phase).toBe("ending");
  });
});

describe("a lease that is refused", () => {
  it.each(["finished", "canceled", "unknown"] as const)("%s: the message is done with", (reason) => {
    const { effects, job } = history([CONNECTED, { type: "refused", asked: 1, reason, retry_after_ms: null }]);
    expect(effects[1]).toEqual([{ do: "remove" }, { do: "forget" }]);
    expect(job.phase).toBe("refused");
  });

  it.each([
    ["exhausted", "begun too often without an end"],
    ["forbidden", "the cell refused it: forbidden"],
    ["invalid", "the cell refused it: invalid"],
  ] as const)("%s: it goes to the dead letters with its reason, so that poison blocks nobody", (reason, words) => {
    const { effects, job } = history([CONNECTED, { type: "refused", asked: 1, reason, retry_after_ms: null }]);
    expect(effects[1]).toEqual([{ do: "bury", reason: words }, { do: "forget" }]);
    expect(isOver(job)).toBe(true);
  });

  it.each(["leased", "later"] as const)(
    "%s: it is hidden for as long as the cell said and never removed, so that the task outlives its other worker",
    (reason) => {
      const { effects, job } = history([CONNECTED, { type: "refused", asked: 1, reason, retry_after_ms: 12_345 }]);
      expect(effects[1]).toEqual([{ do: "hide", ms: 12_345 }]);
      expect(job.phase).toBe("refused");
    },
  );

  it("takes an answer to an older question for nothing", () => {
    const events: JobEvent[] = [CONNECTED, { type: "disconnected" }, CONNECTED];
    const { job } = history([...events, leased(7, 2, 1)]);
    expect([job.phase, job.fence]).toEqual(["leasing", null]);
    expect(history([leased(8, 2, 2)], job).job.fence).toBe(8);
  });
});

describe("a connection that breaks", () => {
  const broken: JobEvent[] = [...RUNNING, CHUNK, { type: "disconnected" }];

  it("goes on with the generation and offers all of its chunks again, under the new fence", () => {
    const { effects, job } = history([...broken, CHUNK, { type: "end" }, CONNECTED, leased(9, 10, 2)]);
    expect(effects.slice(5)).toEqual([
      ...[[], []],
      [{ do: "lease", asked: 2, held: true }],
      [
        { do: "send_head", fence: 9 },
        { do: "send_chunk", fence: 9, seq: 1 },
        { do: "send_chunk", fence: 9, seq: 2 },
        { do: "send_end", fence: 9, seq: 2 },
      ],
    ]);
    expect(job.phase).toBe("ending");
  });

  it("asks again while its own old lease is in force, because nobody else has the chunks", () => {
    const { effects, job } = history([
      ...[...broken, CONNECTED],
      { type: "refused", asked: 2, reason: "leased", retry_after_ms: 4_000 },
      { type: "retry" },
    ]);
    expect(effects.slice(-2)).toEqual([[{ do: "retry", after_ms: 4_000 }], [{ do: "lease", asked: 3, held: true }]]);
    expect(job.phase).toBe("leasing");
  });

  it("asks again on the next connection what it asked on none, so that it does not hide its message from everybody for ever", () => {
    const { job, effects } = history([
      ...RUNNING,
      { type: "disconnected" },
      CONNECTED,
      { type: "refused", asked: 2, reason: "leased", retry_after_ms: 20_000 },
      { type: "disconnected" },
      // Its time comes while nothing can be sent.
      { type: "retry" },
      CONNECTED,
    ]);
    expect(effects.slice(4)).toEqual([
      [{ do: "lease", asked: 2, held: true }],
      [{ do: "retry", after_ms: 20_000 }],
      [],
      [{ do: "lease", asked: 3, held: true }],
      [{ do: "lease", asked: 4, held: true }],
    ]);
    expect(history([leased(8, 2, 4)], job).job.phase).toBe("running");
  });

  it("gives the message back when chunks were let go, so that no stream is continued with a hole", () => {
    const { effects, job } = history([...RUNNING, CHUNK, { type: "overflow" }, { type: "disconnected" }]);
    expect(effects.at(-1)).toEqual([{ do: "stop" }, { do: "hide", ms: LIMITS.workerLostRetryMs }, { do: "forget" }]);
    expect(job.phase).toBe("lost");
  });
});

describe("a run that is taken away", () => {
  it("stops the engine and shows the message again", () => {
    const { effects, job } = history([...RUNNING, CHUNK, { type: "lost", fence: 7 }, CHUNK, { type: "end" }]);
    expect(effects.slice(-3)).toEqual([
      [{ do: "stop" }, { do: "hide", ms: LIMITS.workerLostRetryMs }, { do: "forget" }],
      ...[[], []],
    ]);
    expect(job.phase).toBe("lost");
  });

  it("keeps a whole answer for its message's return", () => {
    const { effects } = history([...RUNNING, CHUNK, { type: "end" }, { type: "lost", fence: 7 }]);
    expect(effects.at(-1)).toEqual([{ do: "hide", ms: LIMITS.workerLostRetryMs }, { do: "shelve" }]);
  });

  it("cancels at once, whatever was not sent yet, and waits for the settlement", () => {
    const { effects, job } = history([...RUNNING, CHUNK, CHUNK, CHUNK, { type: "cancel", fence: 7 }]);
    expect(effects.at(-1)).toMatchObject([{ do: "stop" }, { do: "send_fail", failure: { reason: "canceled" } }]);
    expect([job.phase, isOver(job)]).toEqual(["ending", false]);
  });

  it.each(["lost", "cancel", "settled"] as const)("%s under an older fence changes nothing", (type) => {
    const { job } = history([...RUNNING]);
    expect(step(job, { type, fence: 6 })).toEqual({ job, effects: [] });
  });
});
