import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import { AzureOpenAI } from "openai";
import { describe, expect, it } from "vitest";
import { collect, type Lab, user } from "../../support/lab.ts";
import { EMBEDDING } from "../../support/upstream-answers.ts";

/** The other inference views, each with the client that people use for it. */
export function surfacesSuite(lab: Lab): void {
  describe("embeddings", () => {
    it("answers the same vector as base64, which SDKs ask for, and as numbers", async () => {
      const { apiKey } = await lab.newTenant();
      const client = lab.openai(apiKey);
      const decoded = await client.embeddings.create({ model: "embed", input: ["a", "b"] });
      expect(decoded.data.map((row) => row.embedding)).toEqual([[...EMBEDDING], [...EMBEDDING]]);
      const numbers = await client.embeddings.create({ model: "embed", input: "a", encoding_format: "float" });
      expect(numbers.data[0]?.embedding).toEqual([...EMBEDDING]);
      const raw = await lab.json("/v1/embeddings", {
        key: apiKey,
        body: { model: "embed", input: "a", encoding_format: "base64" },
      });
      expect(Buffer.from(raw.data[0].embedding, "base64").readFloatLE(4)).toBe(-0.25);
    });
  });

  describe("completions", () => {
    it("answers text for a prompt", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const answer = await client.completions.create({ model: "echo", prompt: "abc" });
      expect(answer.choices[0]?.text).toBe("echo: abc");
    });
  });

  describe("models", () => {
    it("lists the aliases of the caller and answers one of them", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const ids = (await collect(client.models.list())).map((model) => model.id);
      expect(ids).toEqual(expect.arrayContaining(["echo", "embed", "synthetic"]));
      expect(await client.models.retrieve("echo")).toMatchObject({ id: "echo", object: "model" });
      await expect(client.models.retrieve("nothing-like-it")).rejects.toMatchObject({
        status: 404,
        code: "model_not_found",
      });
    });
  });

  describe("models that a caller cannot reach", () => {
    const listed = async (key: string, headers: Record<string, string> = {}): Promise<string[]> =>
      (await lab.json("/v1/models", { key, headers })).data.map(({ id }: { id: string }) => id);
    const got = async (key: string, model: string, headers: Record<string, string> = {}): Promise<number> =>
      (await lab.ask(`/v1/models/${model}`, { key, headers })).status;

    it("are not offered when their provider has no secret, so that nobody builds on a name that answers 503", async () => {
      const { apiKey } = await lab.newTenant();
      const call = await lab.ask("/v1/chat/completions", {
        key: apiKey,
        body: { model: "keyless", messages: [user("a")] },
      });
      expect([call.status, call.headers.get("x-should-retry")]).toEqual([503, "false"]);
      expect(await listed(apiKey)).not.toContain("keyless");
      expect(await got(apiKey, "keyless")).toBe(404);
    });

    it("are not offered where the caller's privacy forbids them, and are to others, so that a list is what may be called", async () => {
      const [open, closed] = [
        await lab.newTenant({ privacy: "allow-api" }),
        await lab.newTenant({ privacy: "local-only" }),
      ];
      expect(await listed(open.apiKey)).toContain("remote");
      expect(await got(open.apiKey, "remote")).toBe(200);
      const tightened = { "x-bailiwick-privacy": "local-only" };
      for (const [key, headers] of [
        [closed.apiKey, {}],
        [open.apiKey, tightened],
      ] as const) {
        expect(await listed(key, headers)).not.toContain("remote");
        expect(await got(key, "remote", headers)).toBe(404);
        expect(await listed(key, headers)).toContain("echo");
      }
    });

    it("are offered while their engine is away, so that an outage does not look like a change of configuration", async () => {
      const { apiKey } = await lab.newTenant();
      expect(await listed(apiKey)).toEqual(expect.arrayContaining(["unreachable-only", "unheard", "queued"]));
      expect(await got(apiKey, "unheard")).toBe(200);
    });
  });

  describe("Azure's paths", () => {
    it("serves AzureOpenAI: api-key header, api-version, model in the path", async () => {
      const { apiKey } = await lab.newTenant();
      const options = { apiKey, apiVersion: "2024-10-21", maxRetries: 0 };
      const client = new AzureOpenAI({ ...options, endpoint: lab.cell.url, deployment: "echo" });
      const answer = await client.chat.completions.create({ model: "echo", messages: [user("hello")] });
      expect(answer.choices[0]?.message.content).toBe("echo: hello");
      const vectors = new AzureOpenAI({ ...options, endpoint: lab.cell.url, deployment: "embed" });
      const embedded = await vectors.embeddings.create({ model: "embed", input: "a" });
      expect(embedded.data[0]?.embedding).toEqual([...EMBEDDING]);
    });

    it("take the model from the path alone, as Azure does, so that no other one is asked", async () => {
      const { apiKey } = await lab.newTenant();
      const ask = (model: string, body: object) =>
        lab.json(`/openai/deployments/${model}/chat/completions?api-version=1`, { key: apiKey, body });
      expect(await ask("echo", { messages: [user("a")] })).toMatchObject({ model: "echo" });
      expect(await ask("paced", { model: "echo", messages: [user("a")] })).toMatchObject({ model: "paced" });
    });
  });

  describe("the ai SDK", () => {
    it("generates and streams over the responses surface, its default", async () => {
      const provider = createOpenAI({ apiKey: (await lab.newTenant()).apiKey, baseURL: `${lab.cell.url}/v1` });
      const answer = await generateText({ model: provider("echo"), prompt: "hi there", maxRetries: 0 });
      expect(answer.text).toBe("echo: hi there");
      expect(answer.usage).toMatchObject({ inputTokens: 10, outputTokens: 5 });
      const stream = streamText({ model: provider("echo"), prompt: "one two", maxRetries: 0 });
      expect(await stream.text).toBe("echo: one two");
      expect(await stream.finishReason).toBe("stop");
    });

    it("generates and streams over the chat surface", async () => {
      const apiKey = (await lab.newTenant()).apiKey;
      const provider = createOpenAICompatible({ name: "cell", apiKey, baseURL: `${lab.cell.url}/v1` });
      expect((await generateText({ model: provider("echo"), prompt: "hi", maxRetries: 0 })).text).toBe("echo: hi");
      const stream = streamText({ model: provider("echo"), prompt: "one two", maxRetries: 0 });
      expect(await stream.text).toBe("echo: one two");
      expect(await stream.finishReason).toBe("stop");
    });
  });

  describe("messages with Anthropic's client", () => {
    it("answers a message with usage and a stop reason", async () => {
      const client = lab.anthropic((await lab.newTenant()).apiKey);
      const answer = await client.messages.create({ model: "echo", max_tokens: 64, messages: [user("hi")] });
      expect(answer).toMatchObject({
        type: "message",
        role: "assistant",
        stop_reason: "end_turn",
        content: [{ type: "text", text: "echo: hi" }],
        usage: { input_tokens: 10, output_tokens: 5 },
      });
    });

    it("streams its own events to the end", async () => {
      const client = lab.anthropic((await lab.newTenant()).apiKey);
      const stream = client.messages.stream({ model: "echo", max_tokens: 64, messages: [user("one two")] });
      const types = new Set<string>();
      for await (const event of stream) types.add(event.type);
      expect(types).toEqual(
        new Set([
          "message_start",
          "content_block_start",
          "content_block_delta",
          "content_block_stop",
          "message_delta",
          "message_stop",
        ]),
      );
      const final = await stream.finalMessage();
      expect(final.content).toMatchObject([{ type: "text", text: "echo: one two" }]);
      expect(final.usage).toMatchObject({ output_tokens: 5 });
    });

    it("translates tools both ways", async () => {
      const client = lab.anthropic((await lab.newTenant()).apiKey);
      const answer = await client.messages.create({
        model: "echo",
        max_tokens: 64,
        messages: [user("weather?")],
        tools: [{ name: "lookup", input_schema: { type: "object", properties: {} } }],
      });
      expect(answer.stop_reason).toBe("tool_use");
      expect(answer.content).toMatchObject([{ type: "tool_use", name: "lookup", input: { city: "Oslo" } }]);
    });

    it("names errors as Anthropic does", async () => {
      const client = lab.anthropic((await lab.newTenant()).apiKey);
      await expect(
        client.messages.create({ model: "nothing-like-it", max_tokens: 8, messages: [user("hi")] }),
      ).rejects.toMatchObject({ status: 404, error: { type: "error", error: { type: "not_found_error" } } });
      await expect(
        lab.anthropic("bw_nonsense").messages.create({ model: "echo", max_tokens: 8, messages: [user("hi")] }),
      ).rejects.toMatchObject({ status: 401, error: { type: "error", error: { type: "authentication_error" } } });
    });
  });
}
