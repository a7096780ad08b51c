import { describe, expect, it } from "vitest";
import { collect, eventually, type Lab, marker } from "../../support/lab.ts";

/** `background: true`: OpenAI's semantics, through OpenAI's own client. */
export function backgroundSuite(lab: Lab): void {
  describe("background responses", () => {
    it("are queued at once and completed where they are looked up", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const begun = await client.responses.create({ model: "echo", input: "hi", background: true });
      expect(begun).toMatchObject({ status: "queued", background: true, output: [] });
      const done = await eventually(
        () => client.responses.retrieve(begun.id),
        ({ status }) => status !== "queued" && status !== "in_progress",
      );
      expect(done).toMatchObject({ id: begun.id, status: "completed", background: true });
      expect(done.output_text).toBe("echo: hi");
    });

    it("stream to whoever comes back, without a gap, from the event that they name", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const stream = await client.responses.create({
        model: "paced",
        input: "one two",
        background: true,
        stream: true,
      });
      const seen = [];
      for await (const event of stream) {
        seen.push(event);
        if (seen.length === 6) break;
      }
      const [first] = seen;
      if (first?.type !== "response.created") throw new Error("no response was created");
      const { id } = first.response;
      const after = seen.at(-1)?.sequence_number ?? 0;
      const rest = await collect(await client.responses.retrieve(id, { stream: true, starting_after: after }));
      const all = await collect(await client.responses.retrieve(id, { stream: true }));
      expect(rest[0]?.sequence_number).toBe(after + 1);
      expect([...seen, ...rest]).toEqual(all);
      expect(all.map((event) => event.sequence_number)).toEqual(all.map((_, index) => index));
      expect(all.at(-1)?.type).toBe("response.completed");
    });

    it("alone are cancelled: one that was answered at once is there, and says why it is not", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const { id } = await client.responses.create({ model: "echo", input: "hi" });
      await expect(client.responses.cancel(id)).rejects.toMatchObject({ status: 400, param: "response_id" });
      await client.responses.delete(id);
      await expect(client.responses.cancel(id)).rejects.toMatchObject({ status: 404 });
    });

    it("are cancelled, at the engine too, and stay cancelled", async () => {
      const [client, input] = [lab.openai((await lab.newTenant()).apiKey), marker()];
      const stream = await client.responses.create({ model: "slow", input, background: true, stream: true });
      const { value: begun } = await stream[Symbol.asyncIterator]().next();
      if (begun?.type !== "response.created") throw new Error("no response was created");
      const { id } = begun.response;
      stream.controller.abort();
      await eventually(
        async () => lab.upstream.about(input),
        (seen) => seen.length > 0,
      );
      expect(await client.responses.cancel(id)).toMatchObject({ id, status: "cancelled" });
      expect(await lab.upstream.about(input)[0]?.over).toBe(false);
      expect(await client.responses.retrieve(id)).toMatchObject({ id, status: "cancelled" });
      expect(await client.responses.cancel(id)).toMatchObject({ id, status: "cancelled" });
    });

    it("are gone once they are deleted", async () => {
      const client = lab.openai((await lab.newTenant()).apiKey);
      const { id } = await client.responses.create({ model: "echo", input: "hi", background: true });
      await eventually(
        () => client.responses.retrieve(id),
        ({ status }) => status === "completed",
      );
      await client.responses.delete(id);
      await expect(client.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
      await expect(client.responses.retrieve(id, { stream: true })).rejects.toMatchObject({ status: 404 });
      const after = { stream: true, starting_after: 1 } as const;
      await expect(client.responses.retrieve(id, after)).rejects.toMatchObject({ status: 404 });
    });

    it("are not there for another tenant", async () => {
      const owner = lab.openai((await lab.newTenant()).apiKey);
      const stranger = lab.openai((await lab.newTenant()).apiKey);
      const { id } = await owner.responses.create({ model: "echo", input: "hi", background: true });
      await expect(stranger.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
      await expect(stranger.responses.cancel(id)).rejects.toMatchObject({ status: 404 });
      await expect(stranger.responses.delete(id)).rejects.toMatchObject({ status: 404 });
    });
  });
}
