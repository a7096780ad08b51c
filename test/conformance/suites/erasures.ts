import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { collect, eventually, type Lab, marker, type Tenant, user } from "../../support/lab.ts";
import { readLedger } from "../../support/ledger.ts";

const digestOf = (text: string) => createHash("sha256").update(text).digest("hex");
const HEX = /^[0-9a-f]{64}$/;

/** Kept content goes with its key, at once and for good, and the ledger says so. */
export function erasuresSuite(lab: Lab): void {
  let tenant: Tenant;
  beforeAll(async () => {
    tenant = await lab.newTenant({ content: "store" });
  });
  const erased = async (key = tenant.adminKey) =>
    (await readLedger(lab, key)).entries.filter(({ kind }) => kind === "data.erased").map(({ detail }) => detail);
  const status = async (path: string, key: string, method = "GET") => (await lab.ask(path, { key, method })).status;
  const newSubject = async (of = tenant) => {
    const subject = `subject-${marker()}`;
    const { secret } = await lab.newKey(of, { subject, roles: ["developer"] });
    return { subject, key: secret, client: lab.openai(secret) };
  };
  const erase = (subject: string, key = tenant.adminKey) =>
    lab.json("/v1/erasures", { key, body: { scope: "subject", subject } });

  describe("erasure", () => {
    it("of a conversation destroys its key, and its entry names both by digest alone", async () => {
      const client = lab.openai(tenant.apiKey);
      const { id } = await client.conversations.create({ items: [user("to be erased")] });
      await client.conversations.delete(id);
      for (const method of ["GET", "DELETE"])
        expect(await status(`/v1/conversations/${id}`, tenant.apiKey, method)).toBe(404);
      expect(await erased()).toContainEqual({
        ...{ scope: "conversation", object: digestOf(id), key: expect.stringMatching(HEX), keys: 1, items: 1 },
        ...{ bytes: expect.any(Number), stores: ["session"] },
      });
      const { entries } = await readLedger(lab, tenant.adminKey);
      expect(JSON.stringify(entries.filter(({ kind }) => kind === "data.erased"))).not.toContain(id);
    });

    it("of a conversation takes the background responses that went on with it, their tasks' events too", async () => {
      const client = lab.openai(tenant.apiKey);
      const { id: conversation } = await client.conversations.create({});
      const asked = { model: "echo", input: marker(), background: true };
      const [within, apart] = [
        await client.responses.create({ ...asked, conversation }),
        await client.responses.create({ ...asked, input: marker() }),
      ];
      for (const { id } of [within, apart]) {
        const done = await eventually(
          () => client.responses.retrieve(id),
          ({ status }) => status === "completed",
        );
        expect(done.status).toBe("completed");
      }
      await client.conversations.delete(conversation);
      const task = (id: string) => `/v1/tasks/task_${id.split("_")[2]}`;
      for (const path of [`/v1/responses/${within.id}`, `${task(within.id)}/events`])
        expect([path, await status(path, tenant.apiKey)]).toEqual([path, 404]);
      expect(await lab.json(task(within.id), { key: tenant.apiKey })).toMatchObject({ status: "OK", result: null });
      expect((await client.responses.retrieve(apart.id)).status).toBe("completed");
    });

    it("of a response leaves what others continue, and takes the key with the last of them", async () => {
      const client = lab.openai(tenant.apiKey);
      const one = await client.responses.create({ model: "echo", input: "one" });
      const two = await client.responses.create({ model: "echo", input: "two", previous_response_id: one.id });
      await client.responses.delete(one.id);
      expect((await client.responses.retrieve(two.id)).output_text).toBe("echo: two");
      await client.responses.delete(two.id);
      for (const { id } of [one, two]) expect(await status(`/v1/responses/${id}`, tenant.apiKey, "DELETE")).toBe(404);
      const keys = (await erased()).flatMap(({ scope, object, key }) =>
        scope === "response" && [digestOf(one.id), digestOf(two.id)].includes(String(object)) ? [key] : [],
      );
      expect(keys).toEqual([null, expect.stringMatching(HEX)]);
    });

    it("of a subject takes the answers of tasks that went on without them, and leaves those of later ones", async () => {
      const jo = await newSubject();
      const asked = { intent: "chat", model: "echo", input: marker() };
      const wait = { prefer: "wait=20" };
      const task = () => lab.json("/v1/tasks", { key: jo.key, headers: wait, body: asked });
      const [before, stored, unstored] = [
        await task(),
        await jo.client.responses.create({ model: "echo", input: marker(), background: true }),
        await jo.client.responses.create({ model: "echo", input: marker(), background: true, store: false }),
      ];
      expect(before.result.choices[0].message.content).toContain(asked.input);
      for (const { id } of [stored, unstored]) {
        const done = await eventually(
          () => jo.client.responses.retrieve(id),
          (response) => response.status === "completed",
        );
        expect(done.status).toBe("completed");
      }
      await erase(jo.subject);
      expect(await lab.json(`/v1/tasks/${before.task_id}`, { key: jo.key })).toMatchObject({
        status: "OK",
        result: null,
      });
      for (const path of [
        `/v1/tasks/${before.task_id}/events`,
        `/v1/responses/${stored.id}`,
        `/v1/responses/${unstored.id}`,
      ])
        expect([path, await status(path, jo.key)]).toEqual([path, 404]);
      const after = await task();
      expect(after.result.choices[0].message.content).toContain(asked.input);
    });

    it("of a subject makes everything that was kept for them unreadable at once, and nobody else's", async () => {
      const [jo, al] = [await newSubject(), await newSubject()];
      const mark = marker();
      const conversation = await jo.client.conversations.create({ items: [user(mark)], metadata: { topic: "t" } });
      const response = await jo.client.responses.create({ model: "echo", input: mark });
      const kept = await al.client.responses.create({ model: "echo", input: "of somebody else" });
      // Both are at hand at the edge: what it keeps must not outlive the erasure.
      await jo.client.conversations.retrieve(conversation.id);
      await jo.client.responses.retrieve(response.id);

      const done = await erase(jo.subject);
      expect(done).toMatchObject({ object: "erasure", scope: "subject", erased: digestOf(jo.subject) });
      expect([done.key, done.conversations]).toEqual([expect.stringMatching(HEX), 2]);
      for (const path of [
        `/v1/conversations/${conversation.id}`,
        `/v1/conversations/${conversation.id}/items`,
        `/v1/responses/${response.id}`,
        `/v1/responses/${response.id}/input_items`,
      ])
        for (const key of [jo.key, tenant.apiKey]) expect([path, await status(path, key)]).toEqual([path, 404]);
      for (const further of [{ previous_response_id: response.id }, { conversation: conversation.id }]) {
        const body = { model: "echo", input: "and then?", ...further };
        expect((await lab.ask("/v1/responses", { key: jo.key, body })).status).toBe(404);
      }
      const items = { items: [user("more")] };
      const added = await lab.ask(`/v1/conversations/${conversation.id}/items`, { key: jo.key, body: items });
      expect(added.status).toBe(404);
      expect((await al.client.responses.retrieve(kept.id)).output_text).toBe("echo: of somebody else");
      expect((await erased()).at(-1)).toMatchObject({ scope: "subject", object: digestOf(jo.subject), keys: 1 });
    });

    it("of a subject can be asked for again, and who comes back is kept under a key of their own", async () => {
      const { subject, client } = await newSubject();
      const before = await client.responses.create({ model: "echo", input: "before" });
      const { key } = await erase(subject);
      expect(await erase(subject)).toMatchObject({ key: null, conversations: 0 });
      const after = await client.responses.create({ model: "echo", input: "after" });
      expect((await client.responses.retrieve(after.id)).output_text).toBe("echo: after");
      await expect(client.responses.retrieve(before.id)).rejects.toMatchObject({ status: 404 });
      const again = await erase(subject);
      expect([again.key, again.conversations]).toEqual([expect.stringMatching(HEX), 1]);
      expect(again.key).not.toBe(key);
    });

    it("is an administrator's, and its list an auditor's too, so that no developer erases a colleague", async () => {
      const [auditor, developer] = await Promise.all(
        ["auditor", "developer"].map(async (role) => (await lab.newKey(tenant, { roles: [role] })).secret),
      );
      const body = { scope: "subject", subject: "somebody" };
      for (const key of [auditor ?? "", developer ?? ""])
        expect((await lab.ask("/v1/erasures", { key, body })).status).toBe(403);
      expect(await status("/v1/erasures", developer ?? "")).toBe(403);
      expect(await status("/v1/erasures", auditor ?? "")).toBe(200);
    });

    it("is listed with its place in the ledger, newest first and in pages", async () => {
      const own = await lab.newTenant({ content: "store" });
      const client = lab.openai(own.apiKey);
      for (const text of ["a", "b", "c"]) {
        const { id } = await client.conversations.create({ items: [user(text)] });
        await client.conversations.delete(id);
      }
      const key = own.adminKey;
      const first = await lab.json("/v1/erasures?limit=2", { key });
      const rest = await lab.json(`/v1/erasures?limit=2&cursor=${first.next_cursor}`, { key });
      expect([first.has_more, rest.has_more, rest.next_cursor]).toEqual([true, false, null]);
      const listed = [...first.data, ...rest.data];
      const { entries } = await readLedger(lab, key);
      const recorded = entries.filter(({ kind }) => kind === "data.erased").toReversed();
      expect(listed.map(({ ledger_seq, erased: object, key: gone }) => [ledger_seq, object, gone])).toEqual(
        recorded.map(({ seq, detail }) => [seq, detail.object, detail.key]),
      );
    });

    it("is a tenant's own, so that nobody erases a subject of the same name elsewhere", async () => {
      const other = await lab.newTenant({ content: "store" });
      const { subject } = await newSubject();
      const { secret } = await lab.newKey(other, { subject, roles: ["developer"] });
      const client = lab.openai(secret);
      const conversation = await client.conversations.create({ items: [user("theirs")] });
      await erase(subject);
      expect(await collect(client.conversations.items.list(conversation.id))).toHaveLength(1);
      expect(await erased(other.adminKey)).toEqual([]);
    });
  });
}
