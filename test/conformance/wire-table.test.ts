import { createServer, type Server } from "node:http";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Outcome, RETRY_VARIANTS, STREAM_VARIANTS, TEXT } from "./wire-variants.ts";

/** The SDKs as installed, against the variants of the wire: what they do with a stream is what we may send. */
let server: Server;
let baseURL: string;
let served = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      served++;
      const [, kind, index] = /^\/(stream|retry)\/(\d+)\//.exec(request.url ?? "") ?? [];
      const stream = kind === "stream" ? STREAM_VARIANTS[Number(index)] : undefined;
      if (stream) return stream.send(response);
      const retry = RETRY_VARIANTS[Number(index)];
      response.writeHead(retry?.status ?? 500, { "content-type": "application/problem+json", ...retry?.headers });
      response.end('{"title":"no","error":{"message":"no","type":"api_error","param":null,"code":"no"}}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  baseURL = `http://127.0.0.1:${address.port}`;
});
afterAll(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

const outcomeOf = (index: number, text: string, failed: boolean): Outcome => {
  if (failed) return "error";
  return text === (STREAM_VARIANTS[index]?.text ?? TEXT) ? "complete" : "silent-loss";
};

async function openaiStream(index: number): Promise<Outcome> {
  const client = new OpenAI({ apiKey: "k", baseURL: `${baseURL}/stream/${index}`, maxRetries: 0 });
  let text = "";
  try {
    const stream = await client.chat.completions.create({
      model: "m",
      stream: true,
      messages: [{ role: "user", content: "hi" }],
    });
    // An event that is no chunk has no choices, whatever the type says.
    for await (const chunk of stream) text += ("choices" in chunk && chunk.choices[0]?.delta.content) || "";
  } catch {
    return outcomeOf(index, text, true);
  }
  return outcomeOf(index, text, false);
}

async function aiStream(index: number): Promise<Outcome> {
  const provider = createOpenAICompatible({ name: "cell", apiKey: "k", baseURL: `${baseURL}/stream/${index}` });
  const result = streamText({ model: provider("m"), prompt: "hi", maxRetries: 0, onError() {} });
  let text = "";
  let failed = false;
  try {
    for await (const part of result.fullStream) {
      if (part.type === "text-delta") text += part.text;
      if (part.type === "error") failed = true;
      if (part.type === "finish" && part.finishReason === "error") failed = true;
    }
  } catch {
    failed = true;
  }
  return outcomeOf(index, text, failed);
}

describe("streams as the installed SDKs read them, so that ours stay where all are content", () => {
  STREAM_VARIANTS.forEach((variant, index) => {
    it(`openai: ${variant.title}`, async () => expect(await openaiStream(index)).toBe(variant.openai));
    it(`ai: ${variant.title}`, async () => expect(await aiStream(index)).toBe(variant.ai));
  });
});

describe("retries as the installed SDKs do them, so that our hints have their effect", () => {
  RETRY_VARIANTS.forEach((variant, index) => {
    it(`openai: ${variant.title}`, async () => {
      const client = new OpenAI({ apiKey: "k", baseURL: `${baseURL}/retry/${index}` });
      served = 0;
      await expect(
        client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "hi" }] }),
      ).rejects.toMatchObject({ status: variant.status, code: "no", type: "api_error" });
      expect(served).toBe(variant.openai);
    });
    it(`ai: ${variant.title}`, async () => {
      const provider = createOpenAICompatible({ name: "cell", apiKey: "k", baseURL: `${baseURL}/retry/${index}` });
      served = 0;
      await expect(generateText({ model: provider("m"), prompt: "hi" })).rejects.toThrow();
      expect(served).toBe(variant.ai);
    });
  });
});
