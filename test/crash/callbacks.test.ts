import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CallbackReceiver } from "../support/callback-receiver.ts";
import { type Cell, type CellRuntime, startCell } from "../support/cell.ts";
import { eventually, type Lab, labOver, WITHOUT_DATABASE } from "../support/lab.ts";
import { testConfig } from "../support/test-config.ts";
import { Upstream } from "../support/upstream.ts";
import { verifiedBy } from "../support/verify-callback.ts";
import { observed } from "./faults/observed.ts";

const RUNTIMES: readonly CellRuntime[] = ["deno", "node", "workerd"];

describe.each(RUNTIMES)(
  "a callback whose cell on %s is killed once it was delivered and before that is noted",
  (runtime) => {
    let upstream: Upstream;
    let receiver: CallbackReceiver;
    let cell: Cell;
    let lab: Lab;
    beforeAll(async () => {
      upstream = await new Upstream().start();
      receiver = await CallbackReceiver.start();
      // workerd judges connected addresses itself, so there the receiver stands for the public network.
      if (runtime === "workerd") receiver.named = "https://receiver.example.com";
      cell = await startCell({
        runtime,
        config: testConfig({ local: upstream.url }),
        env:
          runtime === "workerd"
            ? { TEST_UPSTREAM_KEY: "k" }
            : { TEST_UPSTREAM_KEY: "k", BAILIWICK_TENANT_EGRESS: "loopback", ...WITHOUT_DATABASE },
        ...(runtime === "workerd" ? { publicNetwork: new URL(receiver.url).host } : {}),
      });
      lab = labOver(
        () => cell,
        () => upstream,
        () => upstream,
      );
    });
    afterAll(async () => {
      await cell?.stop();
      await receiver?.stop();
      await upstream?.stop();
    });

    it("is delivered again under the same id, and verifies both times: a receiver loses none and knows the repeat", async () => {
      const tenant = await lab.newTenant();
      // The receiver has it; the cell never hears that.
      receiver.answer = () => {};
      const asked = {
        intent: "chat",
        model: "echo",
        input: "hi",
        callback_url: `${receiver.named ?? receiver.url}/hook`,
      };
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
      observed(
        "callback-killed",
        runtime,
        `attempts ${[first, second].map(({ headers }) => headers["x-bailiwick-attempt"]).join(" and ")} under one delivery id, both verify; one entry of its end`,
      );
      observed("callback-doubled", runtime, "the receiver that never answered got the same id and bytes again");
    });
  },
);
