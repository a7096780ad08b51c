import { describe, expect, it } from "vitest";
import { collect, type Lab, marker, user } from "../../support/lab.ts";

export function responsesSuite(lab: Lab): void {
  describe("responses", () => {
    it("answers text and usage", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const answer = await client.responses.create({ model: "echo", input: "hi" });
      expect(answer.output_text).toBe("echo: hi");
      expect(answer.status).toBe("completed");
      expect(answer.usage).toMatchObject({ input_tokens: 10, output_tokens: 5, total_tokens: 15 });
    });

    it("streams events numbered without a gap, the last one completed", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const events = await collect(await client.responses.create({ model: "echo", input: "one two", stream: true }));
      expect(events[0]?.type).toBe("response.created");
      expect(events.at(-1)?.type).toBe("response.completed");
      expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
      const deltas = events.flatMap((event) => (event.type === "response.output_text.delta" ? [event.delta] : []));
      expect(deltas.join("")).toBe("echo: one two");
    });

    it("continues a stored response with everything that was said before", async () => {
      const client = lab.openai((await lab.newTenant({ content: "store" })).apiKey);
      const [first, second] = [marker(), marker()];
      const one = await client.responses.create({ model: "echo", input: first });
      expect(one).not.toMatchObject({ store: false });
      await client.responses.create({ model: "echo", input: second, previous_response_id: one.id });
      const seen = lab.upstream.about(second)[0];
      expect(seen?.body.messages.map((message) => message.role)).toEqual(["user", "assistant", "user"]);
      expect(seen?.raw).toContain(first);
    });

    it("answers a stored response again, and 404 once it is deleted", async () => {
      const client = lab.openai((await lab.newTenant({ content: "store" })).apiKey);
      const one = await client.responses.create({ model: "echo", input: "keep me" });
      expect((await client.responses.retrieve(one.id)).output_text).toBe("echo: keep me");
      await client.responses.delete(one.id);
      await expect(client.responses.retrieve(one.id)).rejects.toMatchObject({ status: 404 });
    });

    it("keeps nothing for a tenant that has not opted in, and says so in store", async () => {
      const client = lab.openai((await lab.newTenant({ content: "none" })).apiKey);
      const one = await client.responses.create({ model: "echo", input: "forget me", store: true });
      expect(one).toMatchObject({ store: false });
      await expect(client.responses.retrieve(one.id)).rejects.toMatchObject({ status: 404 });
      await expect(
        client.responses.create({ model: "echo", input: "x", previous_response_id: one.id }),
      ).rejects.toMatchObject({ status: 404 });
    });

    it("answers another tenant's response exactly as one that never was", async () => {
      const owner = lab.openai((await lab.newTenant({ content: "store" })).apiKey);
      const stranger = await lab.newTenant({ content: "store" });
      const { id } = await owner.responses.create({ model: "echo", input: "mine" });
      const never = `${id.slice(0, -4)}0000`;
      const [theirs, nothing] = await Promise.all(
        [id, never].map(async (name) => {
          const response = await lab.ask(`/v1/responses/${name}`, { key: stranger.apiKey });
          const { instance, ...document } = JSON.parse(await response.text());
          return { status: response.status, document, instance: typeof instance };
        }),
      );
      expect(theirs?.status).toBe(404);
      expect(theirs).toEqual(nothing);
    });
  });

  describe("conversations", () => {
    it("keeps items in order, answers them in pages and forgets them when deleted", async () => {
      const client = lab.openai((await lab.newTenant({ content: "store" })).apiKey);
      const conversation = await client.conversations.create({ items: [user("first")], metadata: { topic: "t" } });
      await client.conversations.items.create(conversation.id, { items: [user("second"), user("third")] });
      const items = await collect(client.conversations.items.list(conversation.id, { order: "asc", limit: 2 }));
      expect(JSON.stringify(items)).toMatch(/first.*second.*third/);
      expect((await client.conversations.retrieve(conversation.id)).metadata).toEqual({ topic: "t" });
      await client.conversations.delete(conversation.id);
      await expect(client.conversations.retrieve(conversation.id)).rejects.toMatchObject({ status: 404 });
    });

    it("gives a response the conversation, and the conversation the response", async () => {
      const client = lab.openai((await lab.newTenant({ content: "store" })).apiKey);
      const [before, mark] = [marker(), marker()];
      const conversation = await client.conversations.create({ items: [user(before)] });
      await client.responses.create({ model: "echo", input: mark, conversation: conversation.id });
      expect(lab.upstream.about(mark)[0]?.raw).toContain(before);
      const items = await collect(client.conversations.items.list(conversation.id, { order: "asc" }));
      expect(JSON.stringify(items)).toMatch(new RegExp(`${before}.*${mark}.*echo: ${mark}`));
    });
  });
}
