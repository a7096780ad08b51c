import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket as PlainSocket } from "ws";
import type { JobQueue } from "../../../shared/contracts/ports/job-queue.ts";
import { WORKER_CLOSE, WORKER_PROTOCOL, WORKER_TOKEN_PROTOCOL } from "../../../shared/contracts/worker-protocol.ts";
import { collect, eventually, type Lab, user } from "../../support/lab.ts";
import { nextJob, queueOf, ScriptedWorker, workerToken } from "../../support/scripted-worker.ts";

const chunk = (choices: object[], more: object = {}) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "echo", choices, ...more })}\n\n`;
const WORDS = ["one ", "two ", "three "].map((content) =>
  chunk([{ index: 0, delta: { content }, finish_reason: null }]),
);
const TAIL = [
  chunk([{ index: 0, delta: {}, finish_reason: "stop" }]),
  chunk([], { usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 } }),
  "data: [DONE]\n\n",
];
const STREAM = [...WORDS, ...TAIL];
const WHOLE = JSON.stringify({
  ...{ id: "c", object: "chat.completion", created: 1, model: "echo" },
  choices: [{ index: 0, message: { role: "assistant", content: "one two" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});

export function queueLaneSuite(lab: Lab): void {
  describe("the queue lane", () => {
    let queue: JobQueue;
    const workers: ScriptedWorker[] = [];
    const connect = async (options: Parameters<typeof ScriptedWorker.connect>[1] = {}) => {
      const worker = await ScriptedWorker.connect(lab.cell, options);
      workers.push(worker);
      return worker;
    };
    beforeAll(async () => {
      queue = await queueOf(lab.cell);
    });
    afterEach(() => {
      for (const worker of workers.splice(0)) worker.close();
    });
    afterAll(() => queue?.close());

    const ask = { model: "queued", messages: [user("hi")] };
    const said = async (stream: AsyncIterable<{ choices: { delta: { content?: string | null } }[] }>) =>
      (await collect(stream)).map(({ choices: [choice] }) => choice?.delta.content ?? "").join("");

    it("streams a worker's answer to a stock client, settled before the message is removed", async () => {
      const tenant = await lab.newTenant();
      const worker = await connect();
      const asked = lab
        .openai(tenant.apiKey)
        .chat.completions.create({ ...ask, stream: true })
        .withResponse();
      const job = await nextJob(queue);
      expect(job.body).not.toContain('"hi"');
      const leased = await worker.lease(job.body);
      expect(leased.request).toMatchObject({ dialect: "openai.chat", model: "echo", stream: true });
      worker.head(leased);
      worker.chunks(leased, STREAM);
      worker.end(leased, STREAM.length);
      const { data, response } = await asked;
      expect(await said(data)).toBe("one two three ");
      await worker.frame("settled");
      await queue.remove(job);
      const id = response.headers.get("x-bailiwick-task") ?? "";
      const task = await lab.task(tenant, id);
      expect(task).toMatchObject({ status: "OK", phase: "done", usage: { tokens: { in: 3, out: 3 } } });
      expect(task.engine).toMatchObject({ lane: "queue" });
    });

    it("answers a unary call, and says when a worker's engine invents its answers", async () => {
      const tenant = await lab.newTenant();
      const worker = await connect({ kind: "synthetic" });
      const asked = lab.openai(tenant.apiKey).chat.completions.create(ask).withResponse();
      const leased = await worker.lease((await nextJob(queue)).body);
      worker.head(leased);
      worker.chunks(leased, [WHOLE.slice(0, 20), WHOLE.slice(20)]);
      worker.end(leased, 2);
      const { data, response } = await asked;
      expect(data.choices[0]?.message.content).toBe("one two");
      expect(response.headers.get("x-bailiwick-synthetic")).toBe("true");
      await worker.frame("settled");
    });

    it("gives a task whose worker dies before its first frame to another one, and nobody sees that", async () => {
      const tenant = await lab.newTenant();
      const [first, second] = [await connect(), await connect()];
      const asked = lab.openai(tenant.apiKey).chat.completions.create({ ...ask, stream: true });
      const { body } = await nextJob(queue);
      const lost = await first.lease(body);
      first.close();
      const again = await nextJob(queue);
      const leased = await second.lease(again.body);
      expect(leased.task).toBe(lost.task);
      expect(leased.fence).toBeGreaterThan(lost.fence);
      second.head(leased);
      second.chunks(leased, STREAM);
      second.end(leased, STREAM.length);
      expect(await said(await asked)).toBe("one two three ");
    });

    it("goes on where a broken connection ended when its worker comes back with what it has", async () => {
      const tenant = await lab.newTenant();
      const first = await connect();
      const asked = lab.openai(tenant.apiKey).chat.completions.create({ ...ask, stream: true });
      const { body } = await nextJob(queue);
      const begun = await first.lease(body);
      first.head(begun);
      first.chunks(begun, WORDS.slice(0, 2));
      const stream = (await asked)[Symbol.asyncIterator]();
      const seen = [(await stream.next()).value, (await stream.next()).value];
      first.close();
      const second = await connect();
      const leased = await eventually(
        () => second.lease(body, true).catch(() => null),
        (answer) => answer !== null,
      );
      if (!leased) throw new Error("never leased again");
      second.head(leased);
      second.chunks(leased, STREAM);
      second.end(leased, STREAM.length);
      for (let next = await stream.next(); !next.done; next = await stream.next()) seen.push(next.value);
      expect(seen.map((part) => part?.choices[0]?.delta.content ?? "").join("")).toBe("one two three ");
      await second.frame("settled");
    });

    it("ends in an error, never as if complete, where nobody has what was delivered", async () => {
      const tenant = await lab.newTenant();
      const [first, second] = [await connect(), await connect()];
      const asked = lab.openai(tenant.apiKey).chat.completions.create({ ...ask, stream: true });
      const { body } = await nextJob(queue);
      const begun = await first.lease(body);
      first.head(begun);
      first.chunks(begun, WORDS.slice(0, 1));
      const stream = (await asked)[Symbol.asyncIterator]();
      await stream.next();
      first.close();
      await eventually(
        async () => {
          second.ask(body);
          return (await second.frame("refused")).reason;
        },
        (reason) => reason === "finished",
      );
      await expect(
        (async () => {
          while (!(await stream.next()).done);
        })(),
      ).rejects.toThrow();
    });

    it("tells the worker that its caller left", async () => {
      const tenant = await lab.newTenant();
      const worker = await connect();
      const stream = lab.openai(tenant.apiKey).chat.completions.create({ ...ask, stream: true });
      const leased = await worker.lease((await nextJob(queue)).body);
      worker.head(leased);
      worker.chunks(leased, WORDS);
      const iterator = (await stream)[Symbol.asyncIterator]();
      await iterator.next();
      (await stream).controller.abort();
      // Stock workerd looks at a connection only when it writes: there the worker goes on talking.
      let sent = WORDS.length;
      const talks = () => worker.chunks(leased, WORDS.slice(0, 1), ++sent);
      const talking = lab.cell.runtime === "workerd" ? setInterval(talks, 200) : undefined;
      try {
        await worker.frame("cancel");
      } finally {
        clearInterval(talking);
      }
      const ended = await eventually(
        () => lab.task(tenant, leased.task),
        ({ status }) => status !== null,
      );
      expect(ended).toMatchObject({ status: "CANCELED" });
      expect((await worker.frame("settled")).task).toBe(leased.task);
    });

    it("closes the connection of a worker that sends without credit, and gives its task on", async () => {
      const tenant = await lab.newTenant();
      const worker = await connect();
      const gone = new AbortController();
      const asked = lab.openai(tenant.apiKey).chat.completions.create(ask, { signal: gone.signal });
      asked.catch(() => {});
      const { body } = await nextJob(queue);
      const leased = await worker.lease(body);
      // Before the head nothing may come at all.
      worker.chunks(leased, WORDS);
      // Where bytes still wait, Deno destroys the connection in place of closing it.
      expect([WORKER_CLOSE.protocol, 1006]).toContain(await worker.closed);
      expect((await nextJob(queue)).body).toBe(body);
      gone.abort();
    });

    it("leases nothing for a message that this cell did not make, or that was changed", async () => {
      const tenant = await lab.newTenant();
      const worker = await connect();
      const gone = new AbortController();
      const asked = lab.openai(tenant.apiKey).chat.completions.create(ask, { signal: gone.signal });
      asked.catch(() => {});
      const message = JSON.parse((await nextJob(queue)).body);
      const context = JSON.parse(message.context);
      const altered = { ...message, context: JSON.stringify({ ...context, deadline: context.deadline + 1 }) };
      for (const text of ["{}", "no JSON", JSON.stringify({ ...message, ticket: "a.b.c" }), JSON.stringify(altered)]) {
        worker.ask(text);
        expect((await worker.frame("refused")).reason).toBe("invalid");
      }
      gone.abort();
    });

    it("connects nobody without a worker's token, and gives none without proof", async () => {
      const { apiKey } = await lab.newTenant();
      for (const token of [apiKey, "a.b.c"])
        await expect(ScriptedWorker.connect(lab.cell, { token })).rejects.toThrow("no connection");
      expect((await lab.ask("/v1/workers/connect")).status).toBe(401);
      const plain = await lab.ask("/v1/workers/connect", { key: await workerToken(lab.cell) });
      expect(plain.status).toBe(400);
      const wrong = [
        { pool: "local", worker: "w", proof: { kind: "enrolment", secret: "wrong" } },
        { pool: "nowhere", worker: "w", proof: { kind: "enrolment", secret: "wrong" } },
        { pool: "local", worker: "w", proof: { kind: "service_account", token: "a.b.c" } },
      ];
      const answers = await Promise.all(wrong.map((body) => lab.ask("/v1/workers/token", { body })));
      expect(answers.map(({ status }) => status)).toEqual([401, 401, 401]);
    });

    it("connects a client that lists its protocols without spaces, as many libraries do", async () => {
      const offered = [WORKER_PROTOCOL, `${WORKER_TOKEN_PROTOCOL}${await workerToken(lab.cell)}`];
      // Of the package `ws`, which joins them by a bare comma.
      const socket = new PlainSocket(`${lab.cell.url.replace("http", "ws")}/v1/workers/connect`, offered);
      await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
      expect(socket.protocol).toBe(WORKER_PROTOCOL);
      socket.terminate();
    });

    it("publishes the keys of tickets and worker tokens, and those of callbacks, which are others", async () => {
      const { keys } = await lab.json("/.well-known/jwks.json");
      const key = expect.objectContaining({ kty: "OKP", crv: "Ed25519", alg: "EdDSA" });
      expect(keys).toEqual([key, key]);
      expect(keys[0].kid).not.toBe(keys[1].kid);
      expect(JSON.stringify(keys)).not.toContain('"d"');
    });
  });
}
