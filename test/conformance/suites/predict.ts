import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { JobQueue } from "../../../shared/contracts/ports/job-queue.ts";
import { textTensor } from "../../../shared/oip/tensor.ts";
import { decodeInfer, encodeInfer, HEADER_LENGTH } from "../../../shared/oip/wire.ts";
import { jobOfTenant } from "../../support/dead-letters.ts";
import { eventually, type Lab } from "../../support/lab.ts";
import { queueOf, ScriptedWorker } from "../../support/scripted-worker.ts";

const NUMBERS = { name: "x", datatype: "FP32", shape: [2, 2], data: [1, 2.5, -3, 0] };
const TEXTS = { name: "t", datatype: "BYTES", shape: [2], data: ["ab", "ä€"] };
/** Clients of the Open Inference Protocol read `error` as a text. */
const UNKNOWN = { error: "There is no such model for this caller", code: "model_not_found" };
/** A call costs 10,000 nano-dollars here, an element 1. */
const COST = (elements: number) => 10_000 + elements;

export function predictSuite(lab: Lab): void {
  describe("tensors", () => {
    const ask = (key: string, body: object, path = "/v1/predict") => lab.ask(path, { key, body });
    const taskOf = (response: Response) => response.headers.get("x-bailiwick-task") ?? "";

    it("are answered, charged by call and element, and recorded as any call", async () => {
      const tenant = await lab.newTenant();
      const response = await ask(tenant.apiKey, { model: "tensors", id: "mine", inputs: [NUMBERS, TEXTS] });
      expect([response.status, await response.json()]).toMatchObject([
        200,
        { model_name: "identity", id: "mine", outputs: [NUMBERS, TEXTS], synthetic: true },
      ]);
      expect(response.headers.get("x-bailiwick-synthetic")).toBe("true");
      const record = await lab.task(tenant, taskOf(response));
      expect(record).toMatchObject({ status: "OK", operation: "predict.create", usage: { estimated: false } });
      expect(record.usage).toMatchObject({ cost_nusd: COST(6), meters: { steps: 1, points: 6 } });
      const usage = await lab.json("/v1/usage", { key: tenant.adminKey });
      expect(JSON.stringify(usage)).toContain(String(COST(6)));
    });

    it("come as bytes where they were asked for so, and where JSON has no value for them", async () => {
      const { apiKey } = await lab.newTenant();
      const half = { name: "h", datatype: "FP16", shape: [2], data_base64: "ADwAwA==" };
      const nothing = { name: "n", datatype: "FP32", shape: [1], data_base64: "AADAfw==" };
      const all = await (await ask(apiKey, { model: "tensors", inputs: [half, nothing, NUMBERS] })).json();
      expect(all).toMatchObject({ outputs: [half, nothing, NUMBERS] });
    });

    it("travel behind the JSON for clients of the Open Inference Protocol, in both directions", async () => {
      const { apiKey } = await lab.newTenant();
      const bytes = new Uint8Array(new Float32Array([1, 2, 3]).buffer);
      const inputs = [{ name: "a", datatype: "FP32" as const, shape: [3], bytes }, textTensor("b", [1], ["ü"])];
      const { headers, body } = encodeInfer({ id: "7", inputs, outputs: ["x", "y"] }, true);
      const response = await lab.ask("/v2/models/tensors/infer", { key: apiKey, body, headers });
      expect(response.headers.get("content-type")).toBe("application/octet-stream");
      const length = response.headers.get(HEADER_LENGTH) ?? "";
      const answer = decodeInfer(new Uint8Array(await response.arrayBuffer()), length);
      expect(answer.model).toBe("identity");
      expect([...(answer.outputs.get("x")?.bytes ?? [])]).toEqual([...bytes]);
      expect(answer.outputs.get("y")).toMatchObject({ datatype: "BYTES", shape: [1] });
      const foreign = await lab.ask("/v2/models/nothing-like-it/infer", { key: apiKey, body, headers });
      expect([foreign.status, await foreign.json()]).toMatchObject([404, UNKNOWN]);
    });

    it.each([
      ["less data than the shape says", { ...NUMBERS, shape: [3, 2] }],
      ["a number that its type has not", { ...NUMBERS, datatype: "UINT8" }],
      ["no data", { name: "x", datatype: "FP32", shape: [1] }],
      ["two forms of its data", { ...NUMBERS, data_base64: "AAAA" }],
      ["bytes of another length", { name: "x", datatype: "FP32", shape: [2], data_base64: "AAAA" }],
      ["an unknown type", { ...NUMBERS, datatype: "FP8" }],
    ])("with %s are refused before anything is held, so that no engine gets what nobody meant", async (_, input) => {
      const tenant = await lab.newTenant();
      const response = await ask(tenant.apiKey, { model: "tensors", inputs: [input] });
      expect([response.status, await response.json()]).toMatchObject([400, { error: { code: "invalid_request" } }]);
    });

    it.each([
      ["past the end", "100000"],
      ["inside the JSON", "5"],
      ["no number", "x"],
    ])("whose JSON is said to end %s are refused", async (_, length) => {
      const { apiKey } = await lab.newTenant();
      const body = new TextEncoder().encode(JSON.stringify({ inputs: [NUMBERS] }));
      const response = await lab.ask("/v2/models/tensors/infer", {
        ...{ key: apiKey, body },
        headers: { "content-type": "application/octet-stream", [HEADER_LENGTH]: length },
      });
      expect(response.status).toBe(400);
      await response.body?.cancel();
    });

    it("are no chat: a model of words is not asked, and one of tensors gets no words", async () => {
      const { apiKey } = await lab.newTenant();
      const words = await ask(apiKey, { model: "small", inputs: [NUMBERS] });
      const chat = await ask(apiKey, { model: "tensors", messages: [] }, "/v1/chat/completions");
      expect([words.status, chat.status]).toEqual([400, 400]);
      await Promise.all([words.body?.cancel(), chat.body?.cancel()]);
    });

    it("are answered once by a key, bytes and all", async () => {
      const tenant = await lab.newTenant();
      const headers = { "idempotency-key": "tensors-1" };
      const body = { model: "tensors", inputs: [NUMBERS], parameters: { binary_data_output: true } };
      const [first, again] = [
        await lab.ask("/v1/predict", { key: tenant.apiKey, body, headers }),
        await lab.ask("/v1/predict", { key: tenant.apiKey, body, headers }),
      ];
      expect(taskOf(again)).toBe(taskOf(first));
      expect(again.headers.get(HEADER_LENGTH)).toBe(first.headers.get(HEADER_LENGTH));
      expect(await again.bytes()).toEqual(await first.bytes());
    });

    it("that failed are told by a key in the form of the path that asks, so that a client reads a repeat as the first answer", async () => {
      const tenant = await lab.newTenant();
      const asked = async (path: string, body: object = {}) => {
        const headers = { "idempotency-key": `failed-${path}` };
        const ask = () => lab.ask(path, { key: tenant.apiKey, body: { inputs: [NUMBERS], ...body }, headers });
        const [first, again] = [await ask(), await ask()];
        expect([first.status, again.status]).toEqual([502, 502]);
        expect([first.headers.get("idempotent-replayed"), again.headers.get("idempotent-replayed")]).toEqual([
          null,
          "true",
        ]);
        const [told, repeated] = [await first.json(), await again.json()];
        expect(repeated).toEqual({ ...told, instance: expect.any(String) });
        return repeated.error;
      };
      expect(await asked("/v2/models/failing-tensors/infer")).toEqual(expect.any(String));
      expect(await asked("/v1/predict", { model: "failing-tensors" })).toMatchObject({ code: expect.any(String) });
    });

    it("go to the version that the path or the body names, and to no other", async () => {
      const tenant = await lab.newTenant();
      const asked = (path: string, body: object = {}) => ask(tenant.apiKey, { inputs: [NUMBERS], ...body }, path);
      const first = await asked("/v2/models/versioned/infer");
      const second = await asked("/v2/models/versioned/versions/2/infer");
      const named = await asked("/v1/predict", { model: "versioned", model_version: "2" });
      const answers = await Promise.all([first, second, named].map((response) => response.json()));
      expect(answers.map((answer) => `${answer.model_name} ${answer.model_version}`)).toEqual([
        "identity 1",
        "identity 2",
        "identity 2",
      ]);
      expect((await lab.task(tenant, taskOf(second))).usage).toMatchObject({ cost_nusd: 20_000 });
      const none = await asked("/v2/models/versioned/versions/3/infer");
      expect([none.status, await none.json()]).toMatchObject([404, { ...UNKNOWN, param: "model_version" }]);
    });

    it("that a model does not declare are refused before anything is held, with the names of what it lacks", async () => {
      const { apiKey } = await lab.newTenant();
      const path = "/v2/models/versioned/versions/2/infer";
      for (const input of [{ ...NUMBERS, name: "y" }, { ...NUMBERS, shape: [4] }, TEXTS]) {
        const response = await ask(apiKey, { inputs: [input] }, path);
        expect([response.status, await response.json()]).toMatchObject([
          400,
          { error: expect.any(String), code: "unsupported_parameter", param: "inputs" },
        ]);
      }
      // The other version declares nothing, and may take it.
      const other = await ask(apiKey, { inputs: [TEXTS] }, "/v2/models/versioned/infer");
      expect((await other.json()).model_version).toBe("1");
    });

    describe("are described to clients of the Open Inference Protocol", () => {
      const look = async (path: string, key?: string) => {
        const response = await lab.ask(path, key === undefined ? { method: "GET" } : { method: "GET", key });
        return [response.status, await response.json()];
      };

      it("as a server that lives and is ready", async () => {
        const { apiKey } = await lab.newTenant();
        expect(await look("/v2/health/live")).toEqual([200, { live: true }]);
        expect(await look("/v2/health/ready", apiKey)).toEqual([200, { ready: true }]);
        expect(await look("/v2", apiKey)).toMatchObject([
          200,
          { name: "bailiwick", extensions: ["binary_tensor_data"] },
        ]);
      });

      it("as models with their versions and tensors, each as its own path says", async () => {
        const { apiKey } = await lab.newTenant();
        const tensors = [{ name: "x", datatype: "FP32", shape: [-1, 2] }];
        const described = { name: "versioned", platform: "bailiwick", inputs: tensors, outputs: tensors };
        expect(await look("/v2/models/versioned", apiKey)).toEqual([200, { ...described, versions: ["1", "2"] }]);
        expect(await look("/v2/models/versioned/versions/2", apiKey)).toEqual([200, { ...described, versions: ["2"] }]);
        expect(await look("/v2/models/versioned/versions/1", apiKey)).toMatchObject([200, { inputs: [], outputs: [] }]);
        expect(await look("/v2/models/versioned/ready", apiKey)).toEqual([200, { name: "versioned", ready: true }]);
        expect(await look("/v2/models/versioned/versions/1/ready", apiKey)).toMatchObject([200, { ready: true }]);
      });

      it("as not ready where no worker serves them, so that nobody waits for an answer that cannot come", async () => {
        const { apiKey } = await lab.newTenant();
        expect(await look("/v2/models/unheard/ready", apiKey)).toEqual([503, { name: "unheard", ready: false }]);
      });

      it.each([
        "/v2/models/nothing-like-it",
        "/v2/models/small",
        "/v2/models/small/ready",
        "/v2/models/versioned/versions/3",
        "/v2/models/versioned/versions/3/ready",
      ])("as not there: %s", async (path) => {
        const { apiKey } = await lab.newTenant();
        expect(await look(path, apiKey)).toMatchObject([404, UNKNOWN]);
      });

      it.each(["/v2", "/v2/health/ready", "/v2/models/tensors", "/v2/models/tensors/ready"])(
        "and to nobody without a key: %s",
        async (path) => {
          expect(await look(path)).toMatchObject([401, { error: expect.any(String), code: "invalid_api_key" }]);
        },
      );
    });

    it("as a task have their result for whoever asked", async () => {
      const tenant = await lab.newTenant();
      const input = { inputs: [NUMBERS], outputs: [{ name: "y" }] };
      const asked = await ask(tenant.apiKey, { intent: "predict", model: "tensors", input }, "/v1/tasks");
      expect(asked.status).toBe(202);
      const path = asked.headers.get("location") ?? "";
      await asked.body?.cancel();
      const task = await eventually(
        () => lab.json(path, { key: tenant.apiKey }),
        ({ status }) => status !== null,
        20_000,
      );
      expect(task).toMatchObject({ status: "OK", usage: { cost_nusd: COST(4), meters: { points: 4, steps: 1 } } });
      expect(task.result).toMatchObject({ outputs: [{ ...NUMBERS, name: "y" }] });
      const words = await ask(tenant.apiKey, { intent: "predict", model: "tensors", input: "x" }, "/v1/tasks");
      expect(words.status).toBe(400);
      await words.body?.cancel();
    });

    it("are lines of a batch too: each is answered and charged as a call, and a broken one breaks no other", async () => {
      const tenant = await lab.newTenant();
      const headers = { authorization: `Bearer ${tenant.apiKey}` };
      const bodies = [{ inputs: [NUMBERS] }, { inputs: [{ ...NUMBERS, shape: [3] }] }, { inputs: [TEXTS] }];
      const lines = bodies.map((body, n) =>
        JSON.stringify({ custom_id: `c${n}`, method: "POST", url: "/v1/predict", body: { model: "tensors", ...body } }),
      );
      const form = new FormData();
      form.set("purpose", "batch");
      form.set("file", new Blob([lines.join("\n")]), "in.jsonl");
      const sent = await fetch(`${lab.cell.url}/v1/files`, { method: "POST", headers, body: form });
      const input_file_id = (await sent.json()).id;
      const created = { input_file_id, endpoint: "/v1/predict", completion_window: "24h" };
      const { id } = await lab.json("/v1/batches", { key: tenant.apiKey, body: created });
      const done = await eventually(
        () => lab.json(`/v1/batches/${id}`, { key: tenant.apiKey }),
        ({ status }) => ["completed", "failed", "expired"].includes(status),
        60_000,
      );
      expect(done).toMatchObject({ status: "completed", request_counts: { total: 3, completed: 2, failed: 1 } });
      const rows = async (file: string) => {
        const text = await (await lab.ask(`/v1/files/${file}/content`, { key: tenant.apiKey })).text();
        return text
          .trim()
          .split("\n")
          .map((row) => JSON.parse(row))
          .sort((a, b) => a.custom_id.localeCompare(b.custom_id));
      };
      expect(await rows(done.output_file_id)).toMatchObject([
        { custom_id: "c0", response: { status_code: 200, body: { outputs: [NUMBERS] } } },
        { custom_id: "c2", response: { status_code: 200, body: { outputs: [TEXTS] } } },
      ]);
      expect(await rows(done.error_file_id)).toMatchObject([{ custom_id: "c1", response: { status_code: 400 } }]);
      const usage = await lab.json("/v1/usage", { key: tenant.adminKey });
      expect(usage.data[0]).toMatchObject({ cost_nusd: COST(4) + COST(2) });
    });

    describe("on the queue lane", () => {
      let queue: JobQueue;
      const workers: ScriptedWorker[] = [];
      beforeAll(async () => {
        queue = await queueOf(lab.cell);
      });
      afterEach(() => {
        for (const worker of workers.splice(0)) worker.close();
      });
      afterAll(() => queue?.close());

      it("go to the pool's worker and come back as they were asked for, charged once", async () => {
        const tenant = await lab.newTenant();
        const worker = await ScriptedWorker.connect(lab.cell, { kind: "synthetic", serves: "identity" });
        workers.push(worker);
        const body = { model: "queued-tensors", inputs: [NUMBERS], parameters: { binary_data_output: true } };
        const asked = ask(tenant.apiKey, body);
        const job = await jobOfTenant(queue, lab, tenant);
        const leased = await worker.lease(job.body);
        expect(leased.request).toMatchObject({ dialect: "oip.infer", model: "identity", body: { inputs: [NUMBERS] } });
        const data_base64 = Buffer.from(new Float32Array(NUMBERS.data).buffer).toString("base64");
        const { data: _, ...declared } = NUMBERS;
        worker.head(leased);
        worker.chunks(leased, [JSON.stringify({ model_name: "identity", outputs: [{ ...declared, data_base64 }] })]);
        worker.end(leased, 1);
        const response = await asked;
        const length = response.headers.get(HEADER_LENGTH) ?? "";
        const answer = decodeInfer(await response.bytes(), length);
        expect([...new Float32Array(answer.outputs.get("x")?.bytes.slice().buffer ?? new ArrayBuffer(0))]).toEqual(
          NUMBERS.data,
        );
        await worker.frame("settled");
        await queue.remove(job);
        const record = await lab.task(tenant, taskOf(response));
        expect(record).toMatchObject({ status: "OK", usage: { cost_nusd: COST(4), estimated: false } });
      });
    });
  });
}
