import { describe, expect, it } from "vitest";
import { collect, type Lab, marker, user } from "../../support/lab.ts";
import { USAGE } from "../../support/upstream-answers.ts";

const weather = {
  type: "function" as const,
  function: { name: "lookup", parameters: { type: "object", properties: { city: { type: "string" } } } },
};
const pixel =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

export function chatSuite(lab: Lab): void {
  describe("chat completions with the stock openai client", () => {
    it("answers what the engine said, with its usage", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const answer = await client.chat.completions.create({ model: "echo", messages: [user("Good morning")] });
      expect(answer.choices[0]?.message.content).toBe("echo: Good morning");
      expect(answer.choices[0]?.finish_reason).toBe("stop");
      expect(answer.usage).toMatchObject(USAGE);
    });

    it("streams every word and no usage chunk that was not asked for", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const stream = await client.chat.completions.create({
        model: "echo",
        stream: true,
        messages: [user("one two three")],
      });
      const chunks = await collect(stream);
      expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toBe("echo: one two three");
      expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("stop");
      expect(chunks.filter((chunk) => chunk.usage || chunk.choices.length === 0)).toEqual([]);
    });

    it("streams the usage chunk to a client that asked for it", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const stream = await client.chat.completions.create({
        model: "echo",
        stream: true,
        stream_options: { include_usage: true },
        messages: [user("one two")],
      });
      const chunks = await collect(stream);
      expect(chunks.at(-1)?.choices).toEqual([]);
      expect(chunks.at(-1)?.usage).toMatchObject(USAGE);
    });

    it.each([false, true])("passes tools through and hands the call back, streaming: %s", async (stream) => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const body = { model: "echo", messages: [user("weather?")], tools: [weather] };
      if (stream) {
        const answer = await client.chat.completions.stream(body).finalChatCompletion();
        expect(answer.choices[0]?.finish_reason).toBe("tool_calls");
        expect(answer.choices[0]?.message.tool_calls?.[0]).toMatchObject({
          function: { arguments: '{"city":"Oslo"}' },
        });
        return;
      }
      const answer = await client.chat.completions.create(body);
      const [choice] = answer.choices;
      expect(choice?.finish_reason).toBe("tool_calls");
      expect(choice?.message.tool_calls?.[0]).toMatchObject({ id: "call_1", function: { name: "lookup" } });
      const next = await client.chat.completions.create({
        model: "echo",
        tools: [weather],
        messages: [
          user("weather?"),
          { role: "assistant", content: null, tool_calls: choice?.message.tool_calls ?? [] },
          { role: "tool", tool_call_id: "call_1", content: "rain" },
        ],
      });
      expect(next.choices[0]?.message.content).toBe("echo: rain");
    });

    it("passes structured output through", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const schema = { name: "city", strict: true, schema: { type: "object", additionalProperties: false } };
      const answer = await client.chat.completions.create({
        model: "echo",
        messages: [user("a city")],
        response_format: { type: "json_schema", json_schema: schema },
      });
      expect(JSON.parse(answer.choices[0]?.message.content ?? "")).toEqual({ city: "Oslo", population: 700_000 });
    });

    it("passes image parts through untouched", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const mark = marker();
      const answer = await client.chat.completions.create({
        model: "echo",
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: mark },
              { type: "image_url", image_url: { url: pixel } },
            ],
          },
        ],
      });
      expect(answer.choices[0]?.message.content).toBe("images: 1");
      expect(lab.upstream.about(mark)[0]?.raw).toContain(pixel);
    });

    it("sends unknown members of newer SDKs on, so that a new client never breaks", async () => {
      const tenant = await lab.newTenant();
      const mark = marker();
      const body = { model: "echo", messages: [user(mark)], a_member_of_tomorrow: { deep: [1] } };
      const response = await lab.ask("/v1/chat/completions", { key: tenant.apiKey, body });
      expect(response.status).toBe(200);
      expect(lab.upstream.about(mark)[0]?.body.a_member_of_tomorrow).toEqual({ deep: [1] });
    });

    it("never shows the engine the caller's key, nor the caller the engine's", async () => {
      const tenant = await lab.newTenant();
      const mark = marker();
      const response = await lab.ask("/v1/chat/completions", {
        key: tenant.apiKey,
        body: { model: "echo", messages: [user(mark)] },
      });
      const [seen] = lab.upstream.about(mark);
      expect(seen?.headers.authorization).toBe("Bearer canary-upstream-key-71c5e0");
      expect(JSON.stringify(seen?.headers)).not.toContain(tenant.apiKey);
      expect(JSON.stringify([...response.headers])).not.toContain("canary-upstream-key");
    });
  });
}
