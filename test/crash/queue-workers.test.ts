import { describe, expect, it } from "vitest";
import type { FromWorker, ToWorker } from "../../shared/contracts/worker-protocol.ts";
import { eventually, marker, user } from "../support/lab.ts";
import { CHAT, COMPLETIONS, expectBroken, queueTests, TEST_MS } from "../support/queue-test.ts";
import { expectQuiet, QUEUE_CELLS, queueWorldBinaries } from "../support/queue-world.ts";
import { observed } from "./faults/observed.ts";

const bin = queueWorldBinaries();

type Frame = FromWorker | ToWorker;
const holds = (text: string) => (frame: Frame) =>
  frame.t === "chunk" && "data" in frame && Buffer.from(frame.data, "base64").toString().includes(text);
/** Events of an answer that the caller has when something happens to its worker: fewer than any answer has. */
const PART = 6;
/** An engine without a pace sends one event in each chunk. */
const behindPart = (frame: Frame) => frame.t === "chunk" && "seq" in frame && frame.seq > PART;

describe.skipIf(bin === null).each(QUEUE_CELLS)(
  "a worker process that fails ($runtime, queue: $queue; skipped: no PostgreSQL on this machine)",
  ({ runtime }) => {
    const at = queueTests(bin, { runtime });

    it(
      "by SIGKILL before the first token is replaced by another one, and its caller never notices",
      async () => {
        const { gate, worker } = await at.gated(0);
        const held = gate.hold("to_cell", ({ t }) => t === "head");
        const prompt = marker();
        const asked = at.stream(prompt, COMPLETIONS);
        await held.first;
        await worker.kill9();
        gate.cut();
        await at.start();
        const answer = await (await asked).read();
        expect([answer.end, answer.complete]).toEqual(["clean", true]);
        expect(answer.text).toBe(await at.inPeace(prompt, COMPLETIONS));
        expect((await expectQuiet(at.world, at.tenant)).map(({ status }) => status)).toEqual(["OK", "OK"]);
        observed("worker-killed-early", runtime, `${answer.data.length} events, whole and as in peace; OK, once`);
      },
      TEST_MS,
    );

    it(
      "by SIGKILL in the middle of its answer leaves an error behind what was delivered, which is charged",
      async () => {
        const { gate, worker } = await at.gated(0);
        const held = gate.hold("to_cell", behindPart);
        const prompt = marker();
        const cut = await (await at.stream(prompt)).read(PART);
        await held.first;
        await worker.kill9();
        gate.cut();
        await at.start();
        await cut.read();
        expectBroken(cut, await at.inPeace(prompt));
        const [lost, whole] = await expectQuiet(at.world, at.tenant);
        expect([lost?.status, whole?.status]).toEqual(["ERROR", "OK"]);
        // Tokens were made and delivered: they are not free, and not dearer than the whole answer's bound.
        expect(lost?.cost_nusd).toBeGreaterThan(0);
        const task = await at.lab.task(at.tenant, cut.task);
        expect(task.usage).toMatchObject({ estimated: true });
        expect(task.usage.tokens.out).toBeGreaterThanOrEqual(cut.text.split(" ").length);
        observed(
          "worker-killed-midway",
          runtime,
          `${cut.data.length} events, the last an error (${cut.error}); ERROR, ${lost?.cost_nusd} nusd charged as an estimate`,
        );
      },
      TEST_MS,
    );

    it(
      "by SIGKILL after its last token and before the end is no whole answer, however much it looks like one",
      async () => {
        const { gate, worker } = await at.gated(0);
        const held = gate.hold("to_cell", holds("[DONE]"));
        const prompt = marker();
        const asked = await at.stream(prompt);
        await held.first;
        await at.start();
        await worker.kill9();
        gate.cut();
        await asked.read();
        expect([asked.end, asked.complete, asked.error]).toEqual(["cut", false, expect.any(String)]);
        expect(await at.inPeace(prompt)).toBe(asked.text);
        const [lost] = await expectQuiet(at.world, at.tenant);
        expect(lost).toMatchObject({ status: "ERROR", cost_nusd: expect.any(Number) });
        expect(lost?.cost_nusd).toBeGreaterThan(0);
        observed(
          "worker-killed-late",
          runtime,
          `every word was seen, then an error (${asked.error}); ERROR, ${lost?.cost_nusd} nusd`,
        );
      },
      TEST_MS,
    );

    it(
      "by SIGKILL with a whole answer that it could not end is replaced, and its caller is told one answer",
      async () => {
        const { gate, worker } = await at.gated(0);
        const held = gate.hold("to_cell", ({ t }) => t === "end");
        const prompt = marker();
        const asked = at.lab.json(CHAT, { key: at.tenant.apiKey, body: { model: "words", messages: [user(prompt)] } });
        await held.first;
        await at.start();
        await worker.kill9();
        gate.cut();
        expect((await asked).choices[0].message.content).toBe(await at.inPeace(prompt));
        expect((await expectQuiet(at.world, at.tenant)).map(({ status }) => status)).toEqual(["OK", "OK"]);
        observed("worker-killed-whole", runtime, "one answer, as in peace, from another worker; OK, once");
      },
      TEST_MS,
    );

    it(
      "by SIGKILL before it hears that its task is settled leaves a message that starts nothing again",
      async () => {
        const { gate, worker } = await at.gated(0);
        const held = gate.hold("to_worker", ({ t }) => t === "settled");
        const answer = await (await at.stream(marker())).read();
        expect([answer.end, answer.complete]).toEqual(["clean", true]);
        await held.first;
        await worker.kill9();
        gate.cut();
        await at.start();
        expect((await expectQuiet(at.world, at.tenant)).map(({ status }) => status)).toEqual(["OK"]);
        observed("worker-killed-unheard", runtime, "the message came again, started nothing and was removed; OK, once");
      },
      TEST_MS,
    );

    it(
      "by a broken connection goes on where it was, and its caller sees every token once",
      async () => {
        const { gate } = await at.gated(0);
        const held = gate.hold("to_cell", behindPart);
        const prompt = marker();
        const asked = await (await at.stream(prompt)).read(PART);
        await held.first;
        gate.cut();
        // What was kept back is lost with its connection: the worker has to say it again.
        held.release();
        await asked.read();
        expect([asked.end, asked.complete]).toEqual(["clean", true]);
        expect(asked.text).toBe(await at.inPeace(prompt));
        expect((await expectQuiet(at.world, at.tenant)).map(({ status }) => status)).toEqual(["OK", "OK"]);
        observed("worker-cut", runtime, `${asked.data.length} events, byte for byte as in peace; OK, once`);
      },
      TEST_MS,
    );

    it(
      "by standing still past its lease loses its task before the first token, and what it says later is nobody's",
      async () => {
        const { gate, worker: frozen } = await at.gated(0);
        const held = gate.hold("to_cell", ({ t }) => t === "head");
        const prompt = marker();
        const asked = at.stream(prompt, COMPLETIONS);
        await held.first;
        frozen.freeze();
        await at.start();
        const answer = await (await asked).read();
        expect([answer.end, answer.complete]).toEqual(["clean", true]);
        held.release();
        frozen.thaw();
        await frozen.ready();
        expect(
          await eventually(
            () => frozen.metric("bailiwick_worker_jobs_active"),
            (jobs) => jobs === 0,
            60_000,
          ),
        ).toBe(0);
        expect(answer.text).toBe(await at.inPeace(prompt, COMPLETIONS));
        expect((await expectQuiet(at.world, at.tenant)).map(({ status }) => status)).toEqual(["OK", "OK"]);
        observed(
          "worker-frozen-early",
          runtime,
          "another worker's answer, as in peace; what came late is in none; OK, once",
        );
      },
      TEST_MS,
    );

    it(
      "by standing still past its lease in the middle of an answer changes nothing when it wakes",
      async () => {
        const { gate, worker: frozen } = await at.gated(0);
        const held = gate.hold("to_cell", behindPart);
        const prompt = marker();
        const asked = await (await at.stream(prompt)).read(PART);
        await held.first;
        frozen.freeze();
        await at.start();
        await asked.read();
        const before = await at.lab.task(at.tenant, asked.task);
        held.release();
        frozen.thaw();
        await frozen.ready();
        expect(
          await eventually(
            () => frozen.metric("bailiwick_worker_jobs_active"),
            (jobs) => jobs === 0,
            60_000,
          ),
        ).toBe(0);
        expect(await at.lab.task(at.tenant, asked.task)).toEqual(before);
        expectBroken(asked, await at.inPeace(prompt));
        const [lost] = await expectQuiet(at.world, at.tenant);
        expect(lost?.cost_nusd).toBeGreaterThan(0);
        observed(
          "worker-frozen-midway",
          runtime,
          `${asked.data.length} events, the last an error; ERROR, ${lost?.cost_nusd} nusd, the same before its waking and behind it`,
        );
      },
      TEST_MS,
    );
  },
);
