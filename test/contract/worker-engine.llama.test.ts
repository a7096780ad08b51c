import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineFailed, type LocalEngine, type LocalRequest } from "../../gpu-workers/engines/engine.ts";
import { openaiEngine } from "../../gpu-workers/engines/openai.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { freePort } from "../support/free-port.ts";
import { answers, type PythonServer, pythonEnvironment, startPythonServer } from "../support/python-server.ts";

/** llama.cpp's server as it is published for Python; its model is random and made here. */
const PACKAGES = ["xllamacpp==2026.10.11549", "gguf==0.19.0"];
const SUPPORT = resolve(import.meta.dirname, "../support/engines");
const python = pythonEnvironment("llama-2026.10", PACKAGES);

describe.skipIf(python === null)("an OpenAI server that is not ours: llama.cpp", () => {
  const home = mkdtempSync(join(tmpdir(), "llama-"));
  const servers: PythonServer[] = [];
  let chat: LocalEngine;
  let embeddings: LocalEngine;
  const live = () => new AbortController().signal;

  async function start(mode: "chat" | "embeddings"): Promise<LocalEngine> {
    const port = await freePort();
    const url = new URL(`http://127.0.0.1:${port}`);
    const ready = () => answers(`${url}health`);
    const args = [join(SUPPORT, "llama_server.py"), join(home, "tiny.gguf"), String(port), mode];
    servers.push(await startPythonServer(python ?? "", args, { ready }));
    const engine = openaiEngine({ url, models: [], dialects: mode === "chat" ? [] : ["openai.embeddings"] });
    await engine.describe(live());
    return engine;
  }
  beforeAll(async () => {
    execFileSync(python ?? "", [join(SUPPORT, "tiny_gguf.py"), join(home, "tiny.gguf")]);
    chat = await start("chat");
    embeddings = await start("embeddings");
  }, 900_000);
  afterAll(async () => {
    for (const server of servers) await server.stop();
    rmSync(home, { recursive: true });
  });

  const request = (body: JsonObject, more: Partial<LocalRequest> = {}): LocalRequest => ({
    ...{ task: "t", dialect: "openai.chat", model: "tiny", stream: false, traceparent: "00-1-2-01" },
    ...more,
    body: { messages: [{ role: "user", content: "Hello" }], temperature: 0, seed: 1, ...body },
  });
  async function all(engine: LocalEngine, asked: LocalRequest, signal = live()): Promise<string> {
    let text = "";
    const kinds: string[] = [];
    for await (const event of engine.execute(asked, signal)) {
      kinds.push(event.kind);
      if (event.kind === "chunk") text += Buffer.from(event.raw).toString("latin1");
    }
    expect([kinds[0], kinds.slice(1).includes("head")]).toEqual(["head", false]);
    return text;
  }
  const failure = async (engine: LocalEngine, asked: LocalRequest) => {
    const thrown: unknown = await all(engine, asked).catch((error: unknown) => error);
    if (!(thrown instanceof EngineFailed)) throw new Error("an EngineFailed was expected");
    return thrown.failure;
  };

  it("is described by what it says: its model, and no continuation that only vLLM has", async () => {
    expect(await chat.describe(live())).toEqual({
      ...{ kind: "openai", version: null, models: [{ id: "tiny", digest: null }] },
      ...{ dialects: ["openai.chat", "openai.completions"], continuation: false },
    });
  });

  it("answers whole, with its usage", async () => {
    const body = JSON.parse(await all(chat, request({ max_tokens: 4 })));
    expect(body).toMatchObject({ model: "tiny", usage: { completion_tokens: 4 } });
  });

  it("streams frames as they come, up to the last one", async () => {
    const text = await all(chat, request({ max_tokens: 6 }, { stream: true }));
    expect(text.split("\n\n").filter((frame) => frame.startsWith("data: {")).length).toBeGreaterThanOrEqual(6);
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
  });

  it("holds a cap under the name that it knows, so that a hard budget is never overrun", async () => {
    const body = JSON.parse(await all(chat, request({ max_completion_tokens: 3 })));
    expect(body.usage.completion_tokens).toBe(3);
  });

  it("completes a prompt", async () => {
    const asked = request({ prompt: "abc", max_tokens: 2 }, { dialect: "openai.completions" });
    expect(JSON.parse(await all(chat, asked))).toMatchObject({
      object: "text_completion",
      usage: { completion_tokens: 2 },
    });
  });

  it("makes vectors of texts", async () => {
    const asked = request({ input: ["one", "two"] }, { dialect: "openai.embeddings" });
    const body = JSON.parse(await all(embeddings, asked));
    expect(body.data.map(({ embedding }: { embedding: number[] }) => embedding.length)).toEqual([64, 64]);
  });

  it("refuses what is wrong with the request as the request's fault", async () => {
    expect(await failure(chat, request({ messages: "no" }))).toMatchObject({ reason: "rejected", status: 400 });
  });

  it("is not asked for a model that it does not serve", async () => {
    expect(await failure(chat, request({}, { model: "other" }))).toMatchObject({ reason: "model_mismatch" });
  });

  it("stops generating when the call is aborted, so that cancellation frees the machine", async () => {
    const stop = new AbortController();
    const events = chat.execute(request({ max_tokens: 2_000, ignore_eos: true }, { stream: true }), stop.signal);
    const iterator = events[Symbol.asyncIterator]();
    for (let i = 0; i < 3; i++) await iterator.next();
    expect(await chat.load(live())).toMatchObject({ ready: true, running: 1 });
    stop.abort();
    // What had arrived before is still handed on.
    const rest = async () => {
      while (!(await iterator.next()).done);
    };
    await expect(rest()).rejects.toMatchObject({ failure: { reason: "canceled" } });
    await expect.poll(async () => (await chat.load(live())).running, { timeout: 20_000 }).toBe(0);
  });

  it("is not ready any more once it is gone, and a call says that nothing was sent", async () => {
    await servers[0]?.stop();
    expect(await chat.load(live())).toMatchObject({ ready: false });
    expect(await failure(chat, request({}))).toMatchObject({ reason: "unreachable" });
  });
});
