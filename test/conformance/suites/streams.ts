import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { eventually, type Lab, marker, user } from "../../support/lab.ts";

/** Body and headers of a streaming answer as the wire has them. */
async function wire(lab: Lab, key: string, path: string, body: object) {
  const response = await lab.ask(path, { key, body: { ...body, stream: true } });
  return { response, text: await response.text() };
}

export function streamsSuite(lab: Lab): void {
  describe("streams on the wire", () => {
    it("sends data frames only, LF only, and ends with [DONE]: what every SDK reads", async () => {
      const { apiKey } = await lab.newTenant();
      const { response, text } = await wire(lab, apiKey, "/v1/chat/completions", {
        model: "echo",
        messages: [user("one two")],
      });
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toMatch(/^text\/event-stream\b/);
      expect(response.headers.get("content-encoding")).toBeNull();
      expect(response.headers.get("x-bailiwick-task")).toMatch(/^task_[0-9A-Za-z]{26}$/);
      expect(response.headers.get("x-request-id")).toMatch(/^req_[0-9A-Za-z]{26}$/);
      expect(text).not.toContain("\r");
      const frames = text.replace(/: keep-alive\n\n/g, "").split("\n\n");
      expect(frames.at(-1)).toBe("");
      expect(frames.at(-2)).toBe("data: [DONE]");
      for (const frame of frames.slice(0, -2)) {
        expect(frame).toMatch(/^data: \{.*\}$/);
        expect(JSON.parse(frame.slice(6))).toMatchObject({ object: "chat.completion.chunk" });
      }
    });

    it("is not compressed for a client that would take it, so that no frame is held back", async () => {
      const { apiKey } = await lab.newTenant();
      const response = await lab.ask("/v1/chat/completions", {
        key: apiKey,
        headers: { "accept-encoding": "gzip, br" },
        body: { model: "echo", messages: [user("a")], stream: true },
      });
      expect(response.headers.get("content-encoding")).toBeNull();
      expect(await response.text()).toContain("data: [DONE]\n\n");
    });

    it.each(["broken", "midstream"])(
      "ends a stream whose engine dies (%s) with an error frame and a destroyed connection, never as if complete",
      async (model) => {
        const tenant = await lab.newTenant();
        const raw = await rawPost(lab, tenant.apiKey, { model, messages: [user("hi")], stream: true });
        expect(raw).toMatch(/^HTTP\/1\.1 200/);
        const frames = raw.match(/data: .*\n\n/g) ?? [];
        const last = JSON.parse(frames.at(-1)?.slice(6) ?? "{}");
        expect(last.error).toMatchObject({ type: "api_error", code: expect.any(String), message: expect.any(String) });
        expect(raw).not.toContain("[DONE]");
        expect(raw).not.toContain('"finish_reason":"stop"');
        // A chunked body ends with an empty chunk; a destroyed one never has it.
        expect(raw.endsWith("0\r\n\r\n")).toBe(false);
        const id = /x-bailiwick-task: (\S+)/i.exec(raw)?.[1] ?? "";
        expect(
          await eventually(
            () => lab.task(tenant, id),
            (task) => task.status !== null,
          ),
        ).toMatchObject({
          status: "ERROR",
          phase: "done",
        });
      },
    );

    it("makes the openai client throw when the engine dies, so that nobody takes half an answer for a whole one", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const stream = await client.chat.completions.create({ model: "midstream", stream: true, messages: [user("hi")] });
      await expect(
        (async () => {
          for await (const _ of stream);
        })(),
      ).rejects.toThrow();
    });

    it("ends responses and messages streams with their own terminal event and nothing after it", async () => {
      const { apiKey } = await lab.newTenant();
      const responses = await wire(lab, apiKey, "/v1/responses", { model: "echo", input: "a b" });
      expect(responses.text.trimEnd().split("\n\n").at(-1)).toMatch(
        /^(?:event: response\.completed\n)?data: .*response\.completed/,
      );
      const messages = await wire(lab, apiKey, "/v1/messages", {
        model: "echo",
        max_tokens: 9,
        messages: [user("a b")],
      });
      expect(messages.text.trimEnd().split("\n\n").at(-1)).toMatch(
        /^event: message_stop\ndata: \{"type":"message_stop"/,
      );
      for (const { text } of [responses, messages]) {
        expect(text).not.toMatch(/^(?:id|retry):/m);
        expect(text).not.toContain("\r");
      }
    });

    it("cancels the engine and settles as CANCELED when the client goes away, so that nobody pays for silence", async () => {
      const tenant = await lab.newTenant();
      const mark = marker();
      const controller = new AbortController();
      const response = await lab.ask("/v1/chat/completions", {
        key: tenant.apiKey,
        signal: controller.signal,
        body: { model: "slow", messages: [user(mark)], stream: true },
      });
      const reader = response.body?.getReader();
      await reader?.read();
      controller.abort();
      const complete = await lab.upstream.about(mark)[0]?.over;
      expect(complete).toBe(false);
      const id = response.headers.get("x-bailiwick-task") ?? "";
      const task = await eventually(
        () => lab.task(tenant, id),
        (seen) => seen.status !== null,
      );
      expect(task).toMatchObject({ status: "CANCELED", phase: "done" });
      expect(task.usage.estimated).toBe(true);
    });

    it.each([false, true])(
      "closes the task of a client that goes away before the engine's first byte (stream: %s): no hold is left behind",
      async (stream) => {
        const tenant = await lab.newTenant();
        const mark = marker();
        const controller = new AbortController();
        const asked = lab.ask("/v1/chat/completions", {
          key: tenant.apiKey,
          signal: controller.signal,
          body: { model: "held", messages: [user(mark)], stream },
        });
        const [seen] = await eventually(
          async () => lab.upstream.about(mark),
          (requests) => requests.length === 1,
        );
        controller.abort();
        await expect(asked).rejects.toThrow();
        // Stock workerd looks at a connection only when it writes: there the engine answers, and the call was a good one.
        const notices = lab.cell.runtime !== "workerd";
        if (!notices) lab.upstream.release();
        expect(await seen?.over).toBe(!notices);
        const ledger = await eventually(
          async () => (await lab.json("/v1/ledger?limit=100", { key: tenant.adminKey })).data,
          (entries) => entries.some((entry: { kind: string }) => entry.kind === "task.closed"),
        );
        const closed = ledger.find((entry: { kind: string }) => entry.kind === "task.closed");
        const task = await lab.task(tenant, closed?.task);
        expect(task.phase).toBe("done");
        // A stream is cancelled when a write finds nobody, unless all of it went into that one write.
        expect(notices ? ["CANCELED"] : stream ? ["CANCELED", "OK"] : ["OK"]).toContain(task.status);
      },
    );

    it("settles a finished stream as OK and never as cancelled", async () => {
      const tenant = await lab.newTenant();
      const { response } = await wire(lab, tenant.apiKey, "/v1/chat/completions", {
        model: "echo",
        messages: [user("a")],
      });
      const id = response.headers.get("x-bailiwick-task") ?? "";
      const task = await lab.task(tenant, id);
      expect(task).toMatchObject({
        status: "OK",
        phase: "done",
        usage: { tokens: { in: 10, out: 5 }, estimated: false },
      });
      const log = await lab.json("/v1/ledger?limit=100", { key: tenant.adminKey });
      const kinds = log.data.flatMap((entry: { task: string; kind: string }) =>
        entry.task === id ? [entry.kind] : [],
      );
      expect(kinds).toEqual(["task.opened", "task.closed"]);
    });

    it("settles before the terminal frame, so that who saw [DONE] finds the task closed", async () => {
      const tenant = await lab.newTenant();
      for (let round = 0; round < 5; round++) {
        const { response } = await wire(lab, tenant.apiKey, "/v1/chat/completions", {
          model: "echo",
          messages: [user("a")],
        });
        const task = await lab.task(tenant, response.headers.get("x-bailiwick-task") ?? "");
        expect(task.status).toBe("OK");
      }
    });

    it("charges the bound and says estimated when the engine told no usage", async () => {
      const tenant = await lab.newTenant();
      const { response } = await wire(lab, tenant.apiKey, "/v1/chat/completions", {
        model: "no-usage",
        messages: [user("hello")],
        max_completion_tokens: 50,
      });
      const task = await lab.task(tenant, response.headers.get("x-bailiwick-task") ?? "");
      expect(task).toMatchObject({ status: "OK", usage: { estimated: true } });
      expect(task.usage.cost_nusd).toBeGreaterThan(0);
    });
  });
}

/** One request over a bare socket: what the connection really carried until it was closed. */
function rawPost(lab: Lab, key: string, body: object): Promise<string> {
  const url = new URL(lab.cell.url);
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port) });
    let received = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => {
      received += chunk;
    });
    socket.on("error", (error) => (received === "" ? reject(error) : resolve(received)));
    socket.on("close", () => resolve(received));
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: ${url.host}\r\nauthorization: Bearer ${key}\r\n` +
        `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    );
  });
}
