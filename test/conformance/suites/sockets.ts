import { afterEach, describe, expect, it } from "vitest";
import {
  SOCKET_CREDENTIAL_PROTOCOL,
  TASK_SOCKET_CLOSE,
  TASK_SOCKET_PROTOCOL,
} from "../../../shared/contracts/task-socket.ts";
import type { Lab, Tenant } from "../../support/lab.ts";
import { eventsOf } from "../../support/sse-events.ts";
import { TaskSocketClient } from "../../support/task-socket-client.ts";

/**
 * `/v1/ws` over real connections. Without `misdirected`, the status where no credential names one home, they are the
 * cell's own.
 */
export function socketsSuite(lab: Lab, { misdirected }: { misdirected?: number } = {}): void {
  describe("sockets that follow tasks", () => {
    const clients: TaskSocketClient[] = [];
    afterEach(() => {
      for (const client of clients.splice(0)) client.close();
    });
    const connect = async (options: Parameters<typeof TaskSocketClient.connect>[1]) => {
      const client = await TaskSocketClient.connect(lab.cell.url, options);
      clients.push(client);
      return client;
    };
    const create = async ({ apiKey }: Tenant, model = "echo", stream = true): Promise<string> =>
      (await lab.json("/v1/tasks", { key: apiKey, body: { intent: "chat", model, input: "one two", stream } })).task_id;
    const replay = async ({ apiKey }: Tenant, task: string, query = "") =>
      eventsOf(await (await lab.ask(`/v1/tasks/${task}/events${query}`, { key: apiKey })).text());

    it("send what the event stream sends, live, in order and to the end", async () => {
      const tenant = await lab.newTenant();
      const client = await connect({ key: tenant.apiKey });
      const task = await create(tenant, "paced");
      expect(await client.subscribe(task)).toEqual({ type: "subscribed", task, starting_after: 0 });
      const events = await client.toTheEnd();
      expect(events.at(-1)).toMatchObject({ type: "done", task, data: { status: "OK" } });
      expect(events.filter(({ type }) => type === "token").length).toBeGreaterThan(10);
      const told = events.map(({ type, seq, data }) => ({ name: type, id: seq, data }));
      expect(told).toEqual(await replay(tenant, task));
    });

    it("go on behind the last event that a client has, so that a broken connection loses nothing", async () => {
      const tenant = await lab.newTenant();
      const first = await connect({ key: tenant.apiKey });
      const task = await create(tenant, "paced");
      await first.subscribe(task);
      const { seq } = await first.next("token");
      first.close();
      const second = await connect({ key: tenant.apiKey });
      await second.subscribe(task, seq);
      const events = await second.toTheEnd();
      expect(events[0]?.seq).toBe(seq + 1);
      const told = events.map(({ type, seq: id, data }) => ({ name: type, id, data }));
      expect(told).toEqual(await replay(tenant, task, `?starting_after=${seq}`));
    });

    it("follow several tasks at once, each of them whole", async () => {
      const tenant = await lab.newTenant();
      const client = await connect({ key: tenant.apiKey });
      const tasks = [await create(tenant), await create(tenant, "echo", false)];
      for (const task of tasks) expect((await client.subscribe(task)).type).toBe("subscribed");
      const events = [...(await client.toTheEnd()), ...(await client.toTheEnd())];
      for (const task of tasks) {
        const own = events.filter((event) => event.task === task);
        expect(own.map(({ type, seq, data }) => ({ name: type, id: seq, data }))).toEqual(await replay(tenant, task));
      }
    });

    it("say of another tenant's task what they say of none", async () => {
      const [owner, stranger] = [await lab.newTenant(), await lab.newTenant()];
      const task = await create(owner);
      const client = await connect({ key: stranger.apiKey });
      const [theirs, none] = [await client.subscribe(task), await client.subscribe(`task_${"0".repeat(26)}`)];
      expect(theirs).toMatchObject({ type: "refused", status: 404, error: { code: "not_found" } });
      expect({ ...theirs, task: "" }).toEqual({ ...none, task: "" });
    });

    it("take a credential as a subprotocol and never answer with it", async () => {
      const tenant = await lab.newTenant();
      const bearer = `${SOCKET_CREDENTIAL_PROTOCOL}${tenant.apiKey}`;
      const client = await connect({ offered: [TASK_SOCKET_PROTOCOL, bearer] });
      expect(client.protocol).toBe(TASK_SOCKET_PROTOCOL);
      expect((await client.subscribe(await create(tenant))).type).toBe("subscribed");
      const both = TaskSocketClient.connect(lab.cell.url, {
        key: tenant.apiKey,
        offered: [TASK_SOCKET_PROTOCOL, bearer],
      });
      await expect(both).rejects.toThrow(`refused with ${misdirected ?? 400}`);
    });

    it("open for nobody without a good credential, and speak no other protocol", async () => {
      const { apiKey } = await lab.newTenant();
      const connecting = (options: Parameters<typeof TaskSocketClient.connect>[1]) =>
        TaskSocketClient.connect(lab.cell.url, options);
      await expect(connecting({})).rejects.toThrow(`refused with ${misdirected ?? 401}`);
      await expect(connecting({ key: "nonsense" })).rejects.toThrow(`refused with ${misdirected ?? 401}`);
      await expect(connecting({ key: apiKey, offered: ["other"] })).rejects.toThrow("refused with 400");
      expect((await lab.ask("/v1/ws", { key: apiKey })).status).toBe(400);
    });

    it("answer pings, and stop at once where a client unsubscribes", async () => {
      const tenant = await lab.newTenant();
      const client = await connect({ key: tenant.apiKey });
      client.say({ type: "ping", id: "a" });
      expect(await client.next("pong")).toEqual({ type: "pong", id: "a" });
      const task = await create(tenant, "slow");
      await client.subscribe(task);
      await client.next("token");
      client.say({ type: "unsubscribe", task: task as never }); // safe because: the cell gave it
      await client.next("unsubscribed");
      const before = client.unasked.length;
      const other = await create(tenant, "paced");
      await client.subscribe(other);
      const { task: heard } = await client.next("done");
      expect(heard).toBe(other);
      expect(client.unasked.slice(before).every((message) => "task" in message && message.task === other)).toBe(true);
      expect((await client.subscribe(task)).type).toBe("subscribed");
      await lab.json(`/v1/tasks/${task}/cancel`, { key: tenant.apiKey, method: "POST" });
      expect(await client.next("error")).toMatchObject({ task, data: { status: "CANCELED" } });
    });

    it.each([
      ["no JSON", "{"],
      ["no message of the protocol", '{"type":"subscribe","task":"x"}'],
      ["a message too large", JSON.stringify({ type: "ping", id: "x".repeat(5_000) })],
    ])("end with a code that says why: %s", async (_what, text) => {
      const { apiKey } = await lab.newTenant();
      const client = await connect({ key: apiKey });
      client.raw(text);
      expect(await client.closed).toBe(TASK_SOCKET_CLOSE.protocol);
    });

    it("end for a revoked key with its next subscription", async () => {
      const tenant = await lab.newTenant();
      const { id, secret } = await lab.newKey(tenant);
      const client = await connect({ key: secret });
      const task = await create(tenant);
      expect((await client.subscribe(task)).type).toBe("subscribed");
      await lab.json(`/v1/keys/${id}`, { key: tenant.adminKey, method: "DELETE" });
      expect(await client.subscribe(await create(tenant))).toMatchObject({ type: "refused", status: 401 });
      expect(await client.closed).toBe(TASK_SOCKET_CLOSE.unauthenticated);
    });
  });
}
