import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { toFile } from "openai";
import { describe, expect, it } from "vitest";
import { QUEUE_FILE } from "../../functions/entry/home.ts";
import { eventually, marker, user } from "../support/lab.ts";
import { CHAT, queueTests, TEST_MS } from "../support/queue-test.ts";
import { expectQuiet, QUEUE_CELLS, queueWorldBinaries } from "../support/queue-world.ts";
import { observed } from "./faults/observed.ts";

const bin = queueWorldBinaries();

describe.skipIf(bin === null).each(QUEUE_CELLS)(
  "the queue lane without one of its stores ($runtime, queue: $queue; skipped: no PostgreSQL on this machine)",
  ({ runtime }) => {
    const at = queueTests(bin, { runtime });
    const chat = (prompt: string) =>
      at.lab.json(CHAT, { key: at.tenant.apiKey, body: { model: "words", messages: [user(prompt)] } });

    // SQS has no file to lock: what it does behind a bad network is in `network.test.ts`.
    it.skipIf(runtime === "workerd")(
      "keeps calls that come while the queue's file is locked, and the cell answers others meanwhile",
      async () => {
        await at.start();
        await chat(marker());
        const lock = new DatabaseSync(join(at.world.cell.home, QUEUE_FILE));
        lock.exec("BEGIN IMMEDIATE");
        const prompt = marker();
        const asked = chat(prompt);
        // A call of the direct lane, and a bound of the locked one that is over: sending failed and is tried again.
        await at.lab.json(CHAT, { key: at.tenant.apiKey, body: { model: "synthetic", messages: [user(prompt)] } });
        const failed = () =>
          at.world.cell.logs().includes("JobQueueUnavailable") || at.world.cell.logs().includes("object.failed");
        expect(await eventually(async () => failed(), Boolean, 30_000)).toBe(true);
        lock.exec("ROLLBACK");
        lock.close();
        expect((await asked).choices[0].message.content).toBe(await at.inPeace(prompt));
        expect((await expectQuiet(at.world, at.tenant)).map(({ status }) => status)).toEqual(["OK", "OK", "OK", "OK"]);
        observed(
          "queue-locked",
          runtime,
          "the call of the queue lane waited and was answered as in peace, the direct one at once; OK, once each",
        );
      },
      TEST_MS,
    );

    // The bucket of a workerd cell lies inside the same process: nothing can be taken from under it.
    it.skipIf(runtime === "workerd")(
      "goes on without the object store, and a batch ends with every line once it is back",
      async () => {
        await at.start();
        const client = at.lab.openai(at.tenant.apiKey);
        const lines = Array.from({ length: 60 }, (_, line) =>
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
        const created = await client.batches.create({
          input_file_id: file.id,
          endpoint: CHAT,
          completion_window: "24h",
        });
        const look = () => client.batches.retrieve(created.id);
        await eventually(look, ({ status }) => status === "in_progress");
        const folder = join(at.world.cell.home, "object-store");
        renameSync(folder, `${folder}-away`);
        writeFileSync(folder, "not a folder");
        await chat(marker());
        const failed = async () => at.world.cell.logs().includes("batch.turn");
        expect(await eventually(failed, Boolean, 30_000)).toBe(true);
        renameSync(folder, `${folder}-was`);
        renameSync(`${folder}-away`, folder);
        const done = await eventually(look, ({ status }) => status === "completed", 120_000);
        expect(done).toMatchObject({ status: "completed", request_counts: { total: 60, completed: 60, failed: 0 } });
        const output = (await (await client.files.content(done.output_file_id ?? "")).text()).trim().split("\n");
        expect(new Set(output.map((line) => JSON.parse(line).custom_id)).size).toBe(60);
        expect(await expectQuiet(at.world, at.tenant)).toHaveLength(61);
        observed("store-away-batch", runtime, `60 of 60 lines answered once the store was back; a call meanwhile 200`);
      },
      TEST_MS,
    );

    it(
      "goes on without Postgres, whose sums are the ledger's once it is back",
      async () => {
        await at.start();
        await at.world.postgres.crash();
        const prompts = Array.from({ length: 5 }, marker);
        await Promise.all(prompts.map(chat));
        const streamed = await (await at.stream(marker())).read();
        expect([streamed.end, streamed.complete]).toEqual(["clean", true]);
        await at.world.postgres.start();
        expect((await expectQuiet(at.world, at.tenant)).map(({ status }) => status)).toEqual(
          Array.from({ length: 6 }, () => "OK"),
        );
        observed(
          "postgres-away-queue",
          runtime,
          "6 calls OK while it was away; its sums are the ledger's once it is back",
        );
      },
      TEST_MS,
    );
  },
);
