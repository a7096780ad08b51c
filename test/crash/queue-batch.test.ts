import { toFile } from "openai";
import { describe, expect, it } from "vitest";
import { user } from "../support/lab.ts";
import { readLedger } from "../support/ledger.ts";
import { CHAT, queueTests } from "../support/queue-test.ts";
import { expectQuiet, QUEUE_CELLS, queueWorldBinaries } from "../support/queue-world.ts";
import { whileItMoves } from "../support/while-it-moves.ts";
import { observed } from "./faults/observed.ts";

const bin = queueWorldBinaries();
const LINES = Number(process.env.QUEUE_BATCH_LINES ?? 2_000);
/** Longer than the lease of the killed worker's lines and the return that is waited for. */
const STILL_MS_MAX = 120_000;
const progressOf = ({ status, request_counts }: { status: string; request_counts?: { completed: number } }) =>
  `${status} ${request_counts?.completed ?? 0}`;

describe.skipIf(bin === null).each(QUEUE_CELLS)(
  "a batch on the queue lane with two workers ($runtime, queue: $queue; skipped: no PostgreSQL on this machine)",
  ({ runtime }) => {
    const at = queueTests(bin, { runtime });

    it("of which one is killed halfway loses and doubles no line: each is answered and charged once", async () => {
      const doomed = await at.start({ concurrency: 16 });
      await at.start({ concurrency: 16 });
      const client = at.lab.openai(at.tenant.apiKey);
      const lines = Array.from({ length: LINES }, (_, line) =>
        JSON.stringify({
          custom_id: `c${line}`,
          method: "POST",
          url: CHAT,
          body: { model: "words", messages: [user(`line ${line}`)] },
        }),
      );
      const file = await client.files.create({
        file: await toFile(Buffer.from(lines.join("\n")), "in"),
        purpose: "batch",
      });
      const created = await client.batches.create({ input_file_id: file.id, endpoint: CHAT, completion_window: "24h" });
      const look = () => client.batches.retrieve(created.id);
      const moving = { count: progressOf, stillMsMax: STILL_MS_MAX };
      const half = await whileItMoves(look, {
        ...moving,
        done: ({ request_counts }) => (request_counts?.completed ?? 0) >= LINES / 2,
      });
      expect(half.status).toBe("in_progress");
      await doomed.kill9();
      const done = await whileItMoves(look, { ...moving, done: ({ status }) => status === "completed" });
      expect(done).toMatchObject({
        status: "completed",
        request_counts: { total: LINES, completed: LINES, failed: 0 },
      });
      expect(done.error_file_id ?? null).toBeNull();
      const output = (await (await client.files.content(done.output_file_id ?? "")).text())
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(output.map(({ custom_id }) => custom_id).sort()).toEqual(lines.map((_, line) => `c${line}`).sort());
      const tasks = new Set(output.map(({ response }) => response.request_id));
      const { entries } = await readLedger(at.lab, at.tenant.adminKey);
      expect(new Set(entries.flatMap(({ kind, task }) => (kind === "task.closed" ? [task] : [])))).toEqual(tasks);
      const found = await expectQuiet(at.world, at.tenant);
      expect(found).toHaveLength(LINES);
      // At the price of a batch, for what each answer says that it used.
      const tokens = output.reduce(
        (sum, { response: { body } }) => sum + body.usage.prompt_tokens + 2 * body.usage.completion_tokens,
        0,
      );
      expect(found.reduce((sum, { cost_nusd }) => sum + cost_nusd, 0)).toBe((tokens * 1_000) / 2);
      observed(
        "worker-killed-in-batch",
        runtime,
        `${found.length} of ${LINES} lines answered and charged once, none is an error`,
      );
    }, 1_800_000);
  },
);
