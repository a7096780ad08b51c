import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../infra/local/command.mjs";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { observed } from "../crash/faults/observed.ts";
import { type Cell, type CellRuntime, startCell } from "../support/cell.ts";
import { eventually, type Lab, labOver, marker, type Tenant, user } from "../support/lab.ts";
import { leafHex } from "../support/leaf-hex.ts";
import { testConfig } from "../support/test-config.ts";
import { Upstream } from "../support/upstream.ts";

const RUNTIMES: readonly CellRuntime[] = ["deno", "node", "workerd"];

describe.each(RUNTIMES)("a cell on %s that ends and comes back", (runtime) => {
  let upstream: Upstream;
  let cell: Cell;
  let lab: Lab;
  beforeAll(async () => {
    upstream = await new Upstream().start();
    cell = await startCell({ runtime, config: testConfig({ local: upstream.url }), env: { TEST_UPSTREAM_KEY: "k" } });
    lab = labOver(
      () => cell,
      () => upstream,
      () => upstream,
    );
  });
  afterAll(async () => {
    await cell?.stop();
    await upstream?.stop();
  });

  it("loses no acknowledged call to kill -9: task, ledger and usage have every one", async () => {
    const tenant = await lab.newTenant();
    const acknowledged: string[] = [];
    let killed = false;
    const worker = async () => {
      while (!killed) {
        try {
          const response = await lab.ask("/v1/chat/completions", {
            key: tenant.apiKey,
            body: { model: "echo", messages: [user("x")] },
          });
          await response.json();
          if (response.status === 200) acknowledged.push(response.headers.get("x-bailiwick-task") ?? "");
        } catch {
          // The connection died with the cell: nothing was acknowledged.
        }
        if (acknowledged.length >= 60 && !killed) {
          killed = true;
          await cell.kill9();
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    await cell.start();
    const log = await ledger(lab, tenant);
    const closed = new Set(log.flatMap((entry) => (entry.kind === "task.closed" ? [entry.task] : [])));
    expect(acknowledged.filter((id) => !closed.has(id))).toEqual([]);
    for (const id of acknowledged.slice(-8)) expect((await lab.task(tenant, id)).status).toBe("OK");
    const usage = await lab.json("/v1/usage", { key: tenant.adminKey });
    const settled = log.filter((entry) => entry.kind === "task.closed").length;
    expect(usage.data[0]).toMatchObject({ requests: settled, cost_nusd: settled * 20_000 });
    observed(
      "calls-killed",
      runtime,
      `${acknowledged.length} answered calls are in ledger and usage; ${settled} settled in all`,
    );
  });

  it("keeps the ledger gapless and chained across the crash", async () => {
    const tenant = await lab.newTenant();
    for (let n = 0; n < 3; n++)
      await lab.json("/v1/chat/completions", { key: tenant.apiKey, body: { model: "echo", messages: [user("x")] } });
    await cell.kill9();
    await cell.start();
    await lab.json("/v1/chat/completions", { key: tenant.apiKey, body: { model: "echo", messages: [user("x")] } });
    const log = await ledger(lab, tenant);
    expect(log.map((entry) => entry.seq)).toEqual(log.map((_, index) => (log[0]?.seq ?? 0) + index));
    let prev = "0".repeat(64);
    for (const entry of log) {
      expect(entry.prev).toBe(prev);
      prev = leafHex(canonicalJson(entry));
    }
  });

  it("replays a keyed answer after a crash instead of running it again", async () => {
    const tenant = await lab.newTenant();
    const mark = marker();
    const ask = () =>
      lab.ask("/v1/chat/completions", {
        key: tenant.apiKey,
        headers: { "idempotency-key": "crash-1" },
        body: { model: "echo", messages: [user(mark)] },
      });
    const first = await (await ask()).text();
    await cell.kill9();
    await cell.start();
    const again = await ask();
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await again.text()).toBe(first);
    expect(upstream.about(mark)).toHaveLength(1);
    observed("keyed-killed", runtime, "the same bytes again, marked as replayed; the engine was asked once");
  });

  it("keeps keys, revocations, budgets and conversations over a restart", async () => {
    const tenant = await lab.newTenant({ content: "store" });
    const revoked = await lab.newKey(tenant);
    await lab.ask(`/v1/keys/${revoked.id}`, { key: tenant.adminKey, method: "DELETE" });
    await lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "total", limit_usd: "1" } });
    const client = lab.openai(tenant.apiKey);
    const conversation = await client.conversations.create({ items: [user("remember me")] });
    await cell.restart();
    expect((await lab.ask("/v1/models", { key: revoked.secret })).status).toBe(401);
    expect((await lab.ask("/v1/models", { key: tenant.apiKey })).status).toBe(200);
    expect((await lab.json("/v1/budgets", { key: tenant.adminKey })).data).toHaveLength(1);
    const items = await client.conversations.items.list(conversation.id);
    expect(JSON.stringify(items.data)).toContain("remember me");
  });

  // workerd itself ends at once on SIGTERM; draining a deployment is its platform's work.
  it.skipIf(runtime === "workerd")("drains: finishes a running stream, settles it and exits 0", async () => {
    const tenant = await lab.newTenant();
    const response = await lab.ask("/v1/chat/completions", {
      key: tenant.apiKey,
      body: { model: "paced", messages: [user("x")], stream: true },
    });
    const text = response.text();
    await eventually(
      async () => upstream.seen.at(-1)?.body.model,
      (model) => model === "paced",
    );
    const code = await cell.restart();
    expect(code).toBe(0);
    expect((await text).endsWith("data: [DONE]\n\n")).toBe(true);
    const task = await lab.task(tenant, response.headers.get("x-bailiwick-task") ?? "");
    expect(task.status).toBe("OK");
  });

  // The last of these, because the key that the others use is revoked. A Workers cell has no home to make one in.
  it.skipIf(runtime === "workerd")("lets whoever has its disk operate it, and nobody lock everybody out", async () => {
    const kid = cell.adminKey.split("_")[3];
    const refused = await lab.ask(`/v1/keys/${kid}`, { key: cell.adminKey, method: "DELETE" });
    expect([refused.status, refused.headers.get("x-should-retry")]).toEqual([409, "false"]);
    expect(await refused.json()).toMatchObject({ error: { code: "last_key" } });
    const make = () =>
      spawnSync(process.execPath, [join(ROOT, "infra/cli/bailiwick.mjs"), "operator", "--home", cell.home], {
        encoding: "utf8",
      });
    expect(make()).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("stop the cell first") });
    await cell.drain();
    const made = make();
    await cell.start();
    const key = made.stdout.trim();
    expect((await lab.ask("/v1/tenants", { key })).status).toBe(200);
    const { data } = await lab.json("/v1/keys?limit=100", { key });
    expect(data.filter(({ cell_operator }: { cell_operator: boolean }) => cell_operator)).toHaveLength(2);
    // Now there are two: the first may go.
    expect((await lab.ask(`/v1/keys/${kid}`, { key, method: "DELETE" })).status).toBe(200);
    expect((await lab.ask("/v1/tenants", { key: cell.adminKey })).status).toBe(401);
    const entry = async () => {
      const { data: entries } = await lab.json("/v1/ledger?limit=100", { key });
      return entries.filter((one: { credential: string }) => one.credential === "operator-key");
    };
    expect(await entry()).toMatchObject([{ kind: "key.created", outcome: "success" }]);
  });
});

type Entry = JsonObject & { seq: number; prev: string; kind: string; task: string | null };

async function ledger(lab: Lab, tenant: Tenant): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let from: number | null = 0; from !== null; ) {
    const page: { data: Entry[]; next_from: number | null } = await lab.json(`/v1/ledger?limit=100&from=${from}`, {
      key: tenant.adminKey,
    });
    entries.push(...page.data);
    from = page.next_from;
  }
  return entries;
}
