import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { QUEUE_FILE } from "../../functions/entry/home.ts";
import { eventually, marker } from "../support/lab.ts";
import { COMPLETIONS, queueTests, TEST_MS } from "../support/queue-test.ts";
import { expectQuiet, queued, queueWorldBinaries } from "../support/queue-world.ts";
import { nextJob, queueOf, ScriptedWorker } from "../support/scripted-worker.ts";

const bin = queueWorldBinaries();
const COLUMNS = "queue, tenant, traceparent, sent_ms, body";

describe.skipIf(bin === null)("messages of the queue lane (skipped: no PostgreSQL on this machine)", () => {
  const at = queueTests(bin);
  /** Changes the queue behind everybody's back, in one transaction. */
  const tamper = (work: (db: DatabaseSync) => void) => {
    const db = new DatabaseSync(join(at.world.cell.home, QUEUE_FILE));
    db.exec("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE");
    work(db);
    db.exec("COMMIT");
    db.close();
  };
  /** Tasks that wait behind a busy worker, and how many messages are there to meddle with. */
  const waiting = async (count: number) => {
    const busy = await at.start({ tokensPerS: 20, concurrency: 1 });
    const prompts = Array.from({ length: count }, marker);
    const tasks: string[] = [];
    for (const prompt of prompts) tasks.push(await at.task(prompt));
    expect(
      await eventually(
        async () => queued(at.world).jobs,
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
      tamper((db) => {
        for (const _ of ["twice", "three times"])
          db.exec(`INSERT INTO job (${COLUMNS}) SELECT ${COLUMNS} FROM job GROUP BY body`);
      });
      await at.start({ concurrency: 8 });
      await expectAnswered(all);
    },
    TEST_MS,
  );

  it(
    "that come in the opposite order end the same tasks the same way",
    async () => {
      const all = await waiting(10);
      tamper((db) => {
        const last = Number(db.prepare("SELECT MAX(seq) AS n FROM job").get()?.n);
        db.exec(
          `INSERT INTO job (${COLUMNS}) SELECT ${COLUMNS} FROM job WHERE hidden_until_ms IS NULL ORDER BY seq DESC`,
        );
        db.exec(`DELETE FROM job WHERE hidden_until_ms IS NULL AND seq <= ${last}`);
      });
      await at.start({ concurrency: 8 });
      await expectAnswered(all);
    },
    TEST_MS,
  );

  it(
    "that come once more when their task has long ended start nothing, and are removed",
    async () => {
      const all = await waiting(4);
      const kept: Record<string, string | number>[] = [];
      tamper((db) => {
        for (const row of db.prepare(`SELECT ${COLUMNS} FROM job`).all())
          kept.push(row as Record<string, string | number>); // safe because: texts and integers
      });
      expect(kept.length).toBeGreaterThan(0);
      await at.start({ concurrency: 8 });
      const before = await expectQuiet(at.world, at.tenant);
      tamper((db) => {
        const insert = db.prepare(`INSERT INTO job (${COLUMNS}) VALUES (?, ?, ?, ?, ?)`);
        for (const row of kept) insert.run(...Object.values(row));
        db.exec(
          "INSERT OR IGNORE INTO turn (queue, tenant, place) SELECT DISTINCT queue, tenant, 1000000 + rowid FROM job",
        );
      });
      expect(await expectQuiet(at.world, at.tenant)).toEqual(before);
      await expectAnswered(all);
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
    },
    TEST_MS,
  );
});
