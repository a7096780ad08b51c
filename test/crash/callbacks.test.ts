import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CallbackReceiver } from "../support/callback-receiver.ts";
import { type Cell, startCell } from "../support/cell.ts";
import { eventually, type Lab, labOver, WITHOUT_DATABASE } from "../support/lab.ts";
import { testConfig } from "../support/test-config.ts";
import { Upstream } from "../support/upstream.ts";
import { verifiedBy } from "../support/verify-callback.ts";

describe("a callback whose cell is killed once it was delivered and before that is noted", () => {
  let upstream: Upstream;
  let receiver: CallbackReceiver;
  let cell: Cell;
  let lab: Lab;
  beforeAll(async () => {
    upstream = await new Upstream().start();
    receiver = await CallbackReceiver.start();
    cell = await startCell({
      runtime: "deno",
      config: testConfig({ local: upstream.url }),
      env: { TEST_UPSTREAM_KEY: "k", BAILIWICK_TENANT_EGRESS: "loopback", ...WITHOUT_DATABASE },
    });
    lab = labOver(
      () => cell,
      () => upstream,
      () => upstream,
    );
  }, 180_000);
  afterAll(async () => {
    await cell?.stop();
    await receiver?.stop();
    await upstream?.stop();
  });

  it("is delivered again under the same id, and verifies both times: a receiver loses none and knows the repeat", async () => {
    const tenant = await lab.newTenant();
    // The receiver has it; the cell never hears that.
    receiver.answer = () => {};
    const asked = { intent: "chat", model: "echo", input: "hi", callback_url: `${receiver.url}/hook` };
    const { task_id: task } = await lab.json("/v1/tasks", { key: tenant.apiKey, body: asked });
    await receiver.count(1);
    await cell.kill9();
    receiver.answer = (response) => void response.writeHead(204).end();
    await cell.start();
    const [first, second] = await receiver.count(2);
    if (!first || !second) throw new Error("no second try came");
    expect(second.headers["x-bailiwick-delivery"]).toBe(first.headers["x-bailiwick-delivery"]);
    expect([first, second].map(({ headers }) => headers["x-bailiwick-attempt"])).toEqual(["1", "2"]);
    expect(second.body.toString()).toBe(first.body.toString());
    const { keys } = await lab.json("/.well-known/jwks.json");
    for (const call of [first, second]) expect(await verifiedBy(keys, call)).toBe(true);
    const told = await eventually(
      () => lab.task(tenant, task),
      ({ callback }) => callback.state !== "waiting",
    );
    expect(told.callback).toEqual({ state: "delivered", attempts: 2, last_status: 204, reason: null });
    const { data } = await lab.json("/v1/ledger?limit=100", { key: tenant.adminKey });
    const ends = data.filter(({ kind }: { kind: string }) => kind === "callback.ended");
    expect(ends).toMatchObject([{ detail: { task, outcome: "delivered", attempts: 2 } }]);
  }, 180_000);
});
