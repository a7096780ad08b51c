import { describe, expect, it } from "vitest";
import { eventually, marker } from "../support/lab.ts";
import { CHAT, COMPLETIONS, queueTests, TEST_MS } from "../support/queue-test.ts";
import { expectQuiet, QUEUE_CELLS, queueWorldBinaries } from "../support/queue-world.ts";
import { RawStream } from "../support/raw-stream.ts";
import { observed } from "./faults/observed.ts";

const bin = queueWorldBinaries();
/** Chunks of an answer, which an engine without a pace sends one event each: fewer than any answer has. */
const PART = 12;

describe.skipIf(bin === null).each(QUEUE_CELLS)(
  "a cell that is killed at the queue lane ($runtime, queue: $queue; skipped: no PostgreSQL on this machine)",
  ({ runtime }) => {
    const at = queueTests(bin, { runtime });
    /** A worker of whose answers a part reaches the cell: whatever is killed, is killed in the middle of them. */
    const midway = async () => {
      const { gate, worker } = await at.gated(0);
      const held = gate.hold("to_cell", (frame) => frame.t === "chunk" && "seq" in frame && frame.seq > PART);
      return { worker, held };
    };
    const follow = (task: string, after: number) =>
      RawStream.open(at.lab, `/v1/tasks/${task}/events?starting_after=${after}`, { key: at.tenant.apiKey });

    it(
      "in the middle of a task shows whoever follows it every event once, across the restart",
      async () => {
        const { held } = await midway();
        const prompt = marker();
        const task = await at.task(prompt, { stream: true });
        const before = await (await follow(task, 0)).read(8);
        await held.first;
        await at.world.cell.kill9();
        await before.read();
        expect(before.end).toBe("cut");
        held.release();
        await at.world.cell.start();
        const last = before.ids.at(-1) ?? 0;
        const after = await (await follow(task, last)).read();
        expect(after.end).toBe("clean");
        const seen = [...before.ids, ...after.ids];
        const whole = await (await follow(task, 0)).read();
        expect(seen).toEqual(whole.ids);
        expect([...before.data, ...after.data]).toEqual(whole.data);
        expect(before.text + after.text).toBe(await at.inPeace(prompt));
        // Where one process keeps the objects and carries the tasks out, the next one knows that it is dead, and waits for
        // no lease of it.
        if (runtime !== "workerd") expect(at.world.cell.logs()).toContain('"event":"tasks.taken_over"');
        expect((await expectQuiet(at.world, at.tenant)).map(({ status }) => status)).toEqual(["OK", "OK"]);
        observed(
          "task-killed",
          runtime,
          `${before.ids.length} events before the kill, ${after.ids.length} behind the restart: ${whole.ids.length} in all, each once, as in peace`,
        );
      },
      TEST_MS,
    );

    it(
      "in the middle of a background response lets its reader go on behind the last sequence number",
      async () => {
        const { held } = await midway();
        const prompt = marker();
        const body = { model: "words", input: prompt, background: true, stream: true };
        const before = await (await RawStream.open(at.lab, "/v1/responses", { key: at.tenant.apiKey, body })).read(8);
        await held.first;
        await at.world.cell.kill9();
        await before.read();
        held.release();
        await at.world.cell.start();
        const told = before.data.map((text) => JSON.parse(text));
        const id = told[0].response.id;
        const path = (after: number) => `/v1/responses/${id}?stream=true&starting_after=${after}`;
        const after = await (
          await RawStream.open(at.lab, path(told.at(-1).sequence_number), { key: at.tenant.apiKey })
        ).read();
        expect(after.end).toBe("clean");
        const all = [...told, ...after.data.map((text) => JSON.parse(text))];
        expect(all.map(({ sequence_number }) => sequence_number)).toEqual(
          all.map((_, index) => index + told[0].sequence_number),
        );
        const text = all.filter(({ type }) => type === "response.output_text.delta").map(({ delta }) => delta);
        expect(all.at(-1)).toMatchObject({ type: "response.completed" });
        expect(all.at(-1).response.output[0].content[0].text).toBe(text.join(""));
        const peace = await at.lab.json("/v1/responses", {
          key: at.tenant.apiKey,
          body: { model: "words", input: prompt },
        });
        expect(text.join("")).toBe(peace.output[0].content[0].text);
        expect((await expectQuiet(at.world, at.tenant)).map(({ status }) => status)).toEqual(["OK", "OK"]);
        observed(
          "background-killed",
          runtime,
          `${told.length} events before, ${after.data.length} behind: sequence numbers without a gap, the text as in peace`,
        );
      },
      TEST_MS,
    );

    it(
      "with its worker ends the task in an error behind what was delivered, which is charged",
      async () => {
        const { worker, held } = await midway();
        const prompt = marker();
        // Of completions the first frame, which is durable before anybody sees it, has text.
        const asked = await (await at.stream(prompt, COMPLETIONS)).read(8);
        await held.first;
        await Promise.all([at.world.cell.kill9(), worker.kill9()]);
        await asked.read();
        expect([asked.end, asked.complete]).toEqual(["cut", false]);
        await at.world.cell.start();
        await at.start();
        const replay = await (await follow(asked.task, 0)).read();
        const ended = await eventually(
          () => at.lab.task(at.tenant, asked.task),
          ({ status }) => status !== null,
          60_000,
        );
        expect(ended).toMatchObject({ status: "ERROR", usage: { estimated: true } });
        // The last frames may have been shown and not yet have been durable: those within a quarter of a second.
        expect(asked.text.startsWith(replay.text)).toBe(true);
        expect(replay.text.length).toBeGreaterThan(0);
        const [lost] = await expectQuiet(at.world, at.tenant);
        expect(lost?.cost_nusd).toBeGreaterThan(0);
        expect(await at.inPeace(prompt, COMPLETIONS)).toContain(asked.text);
        observed(
          "cell-and-worker-killed",
          runtime,
          `${replay.data.length} events are kept, the last an error; ${ended.status}, ${lost?.cost_nusd} nusd, estimated`,
        );
      },
      TEST_MS,
    );

    it(
      "while tasks wait in the queue loses none of them, runs none twice and answers each",
      async () => {
        await at.start({ tokensPerS: 100, concurrency: 1 });
        const prompts = Array.from({ length: 12 }, marker);
        const tasks = await Promise.all(prompts.map((prompt) => at.task(prompt)));
        await eventually(
          async () => Promise.all(tasks.map((task) => at.lab.task(at.tenant, task))),
          (all) => all.filter(({ status }) => status === "OK").length >= 3,
        );
        await at.world.cell.kill9();
        await at.world.cell.start();
        const found = await expectQuiet(at.world, at.tenant);
        expect(found.map(({ id }) => id).sort()).toEqual([...tasks].sort());
        expect(found.map(({ status }) => status)).toEqual(tasks.map(() => "OK"));
        for (const [index, task] of tasks.entries()) {
          const { result } = await at.lab.json(`/v1/tasks/${task}`, { key: at.tenant.apiKey });
          expect(result.choices[0].message.content).toBe(await at.inPeace(prompts[index] ?? ""));
        }
        observed(
          "waiting-killed",
          runtime,
          `${found.length} of ${tasks.length} tasks ended OK, each answered as in peace`,
        );
      },
      TEST_MS,
    );

    it(
      "by its caller's key answers one outcome for it, before the crash and after",
      async () => {
        const { held } = await midway();
        const prompt = marker();
        const ask = () =>
          RawStream.open(at.lab, CHAT, {
            key: at.tenant.apiKey,
            headers: { "idempotency-key": prompt },
            body: { model: "words", stream: true, messages: [{ role: "user", content: prompt }] },
          });
        const first = await (await ask()).read(6);
        await held.first;
        await at.world.cell.kill9();
        await first.read();
        held.release();
        await at.world.cell.start();
        const again = await eventually(
          async () => (await ask()).read(),
          ({ status }) => status !== 409,
          90_000,
        );
        expect([again.status, again.end, again.complete]).toEqual([200, "clean", true]);
        expect(again.text.startsWith(first.text)).toBe(true);
        expect(again.task).toBe(first.task);
        expect([first.end, first.complete]).toEqual(["cut", false]);
        expect(await expectQuiet(at.world, at.tenant)).toHaveLength(1);
        observed(
          "queued-key-killed",
          runtime,
          `${first.data.length} events before; the repeat has the whole answer from its first byte under the same task; one task`,
        );
      },
      TEST_MS,
    );
  },
);
