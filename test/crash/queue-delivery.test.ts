import { describe, expect, it } from "vitest";
import type { QueueName, ReceivedJob } from "../../shared/contracts/ports/job-queue.ts";
import { eventually, marker } from "../support/lab.ts";
import { COMPLETIONS, queueTests, TEST_MS } from "../support/queue-test.ts";
import { expectQuiet, QUEUE_CELLS, queued, queueWorldBinaries } from "../support/queue-world.ts";
import { nextJob, queueOf, ScriptedWorker } from "../support/scripted-worker.ts";
import { observed } from "./faults/observed.ts";

const bin = queueWorldBinaries();
const INTERACTIVE: QueueName = { pool: "local", class: "interactive" };

describe.skipIf(bin === null).each(QUEUE_CELLS)(
  "messages of the queue lane ($runtime, queue: $queue; skipped: no PostgreSQL on this machine)",
  ({ runtime }) => {
    const at = queueTests(bin, { runtime });
    /** Every message that waits, hidden from everybody else until it is given back or removed. */
    const takeAll = async (): Promise<ReceivedJob[]> => {
      const taken: ReceivedJob[] = [];
      for (;;) {
        const more = await at.world.queue.receive(INTERACTIVE, { max: 10, wait_ms: 0, visibility_ms: 60_000 });
        if (more.length === 0) return taken;
        taken.push(...more);
      }
    };
    const giveBack = (jobs: readonly ReceivedJob[]) => Promise.all(jobs.map((job) => at.world.queue.extend(job, 0)));
    const sendAgain = async (jobs: readonly ReceivedJob[]) => {
      for (const { body, traceparent } of jobs)
        await at.world.queue.send({ queue: INTERACTIVE, body, tenant: at.tenant.id, traceparent });
    };
    /** Tasks that wait behind a busy worker, and how many messages are there to meddle with. */
    const waiting = async (count: number) => {
      const busy = await at.start({ tokensPerS: 20, concurrency: 1 });
      const prompts = Array.from({ length: count }, marker);
      const tasks: string[] = [];
      for (const prompt of prompts) tasks.push(await at.task(prompt));
      expect(
        await eventually(
          async () => (await queued(at.world)).jobs,
          (jobs) => jobs >= count - 1,
        ),
      ).toBeGreaterThanOrEqual(count - 1);
      return { busy, tasks, prompts };
    };
    const expectAnswered = async ({ tasks, prompts }: { tasks: string[]; prompts: string[] }) => {
      const found = await expectQuiet(at.world, at.tenant);
      expect(found.map(({ id }) => id).sort()).toEqual([...tasks].sort());
      expect(found.map(({ status }) => status)).toEqual(tasks.map(() => "OK"));
      for (const [index, task] of tasks.entries()) {
        const { result } = await at.lab.json(`/v1/tasks/${task}`, { key: at.tenant.apiKey });
        expect(result.choices[0].message.content).toBe(await at.inPeace(prompts[index] ?? ""));
      }
    };

    it(
      "that come three times to two workers run their task once, and are gone afterwards",
      async () => {
        const all = await waiting(10);
        const jobs = await takeAll();
        expect(jobs.length).toBeGreaterThan(0);
        for (const _ of ["twice", "three times"]) await sendAgain(jobs);
        await giveBack(jobs);
        await at.start({ concurrency: 8 });
        await expectAnswered(all);
        observed(
          "messages-doubled",
          runtime,
          `${jobs.length} waiting messages came three times: ${all.tasks.length} tasks OK, once each, no message left`,
        );
      },
      TEST_MS,
    );

    it(
      "that come in the opposite order end the same tasks the same way",
      async () => {
        const all = await waiting(10);
        const jobs = await takeAll();
        expect(jobs.length).toBeGreaterThan(1);
        await sendAgain(jobs.toReversed());
        for (const job of jobs) await at.world.queue.remove(job);
        await at.start({ concurrency: 8 });
        await expectAnswered(all);
        observed(
          "messages-reversed",
          runtime,
          `${jobs.length} messages reversed: ${all.tasks.length} tasks OK, answers as in peace`,
        );
      },
      TEST_MS,
    );

    it(
      "that come once more when their task has long ended start nothing, and are removed",
      async () => {
        const all = await waiting(4);
        const kept = await takeAll();
        expect(kept.length).toBeGreaterThan(0);
        await giveBack(kept);
        await at.start({ concurrency: 8 });
        const before = await expectQuiet(at.world, at.tenant);
        await sendAgain(kept);
        expect(await expectQuiet(at.world, at.tenant)).toEqual(before);
        await expectAnswered(all);
        observed(
          "messages-late",
          runtime,
          `${kept.length} messages came again behind the end: nothing changed, none is left`,
        );
      },
      TEST_MS,
    );

    it(
      "of an older lease are nobody's: what its holder says late is in no answer",
      async () => {
        const queue = await queueOf(at.world.cell);
        try {
          const [late, next] = [
            await ScriptedWorker.connect(at.world.cell, { serves: "words" }),
            await ScriptedWorker.connect(at.world.cell, { serves: "words" }),
          ];
          const asked = at.stream(marker(), COMPLETIONS);
          const first = await late.lease((await nextJob(queue)).body);
          late.close();
          const job = await nextJob(queue);
          const second = await next.lease(job.body);
          expect(second.fence).toBeGreaterThan(first.fence);
          const again = await ScriptedWorker.connect(at.world.cell, { serves: "words" });
          again.head(first);
          again.chunks(first, ["data: late\n\n"]);
          again.end(first, 1);
          again.ask(job.body);
          expect((await again.frame("refused")).reason).toBe("leased");
          const frame = (text: string, finish: string | null) =>
            `data: ${JSON.stringify({ id: "c", object: "text_completion", created: 1, model: "words", choices: [{ index: 0, text, logprobs: null, finish_reason: finish }] })}\n\n`;
          const usage = `data: ${JSON.stringify({ id: "c", object: "text_completion", created: 1, model: "words", choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } })}\n\n`;
          const frames = [frame("one", null), frame("", "stop"), usage, "data: [DONE]\n\n"];
          next.head(second);
          next.chunks(second, frames);
          next.end(second, frames.length);
          const answer = await (await asked).read();
          expect([answer.end, answer.complete, answer.text]).toEqual(["clean", true, "one"]);
          await next.frame("settled");
          await queue.remove(job);
          for (const worker of [next, again]) worker.close();
          // The message of the first lease is still hidden; whoever gets it next removes it.
          await at.start();
          expect(await expectQuiet(at.world, at.tenant)).toMatchObject([{ status: "OK" }]);
        } finally {
          await queue.close();
        }
        observed("lease-late", runtime, "frames of the older fence are in no answer; its holder was refused; OK, once");
      },
      TEST_MS,
    );
  },
);
