import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, type Lab, marker, user } from "../support/lab.ts";
import { chargedNusd, expectChained, readLedger } from "../support/ledger.ts";
import { type SplitLab, startSplitLab } from "../support/split-lab.ts";

const chat = (lab: Lab, key: string, content: string, headers: Record<string, string> = {}) =>
  lab.ask("/v1/chat/completions", {
    key,
    headers,
    body: { model: "echo", messages: [user(content)], max_completion_tokens: 100 },
  });

describe("two edges before the objects of one cell, each a process of its own", () => {
  let split: SplitLab;
  let a: Lab;
  let b: Lab;
  beforeAll(async () => {
    split = await startSplitLab({ edges: 2 });
    [a, b] = [split.at(0), split.at(1)];
  });
  afterAll(() => split?.stop());

  it("answer a repeated key with what the other one answered first, so that a retry elsewhere runs nothing twice", async () => {
    const [tenant, content] = [await a.newTenant(), marker()];
    const keyed = { "idempotency-key": marker() };
    const first = await chat(a, tenant.apiKey, content, keyed);
    const again = await chat(b, tenant.apiKey, content, keyed);
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await again.text()).toBe(await first.text());
    expect(split.upstream.about(content)).toHaveLength(1);
  });

  it("never let parallel calls of both pass one hard budget", async () => {
    const tenant = await a.newTenant();
    await a.json("/v1/budgets", { key: tenant.adminKey, body: { period: "total", limit_usd: "0.002", hard: true } });
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) => chat(index % 2 === 0 ? a : b, tenant.apiKey, "x")),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]));
    const { data } = await b.json("/v1/budgets", { key: tenant.adminKey });
    expect(data[0].spent_nusd).toBeLessThanOrEqual(2_000_000);
    expect(data[0].held_nusd).toBe(0);
    const { entries } = await readLedger(b, tenant.adminKey);
    expect(chargedNusd(entries)).toBe(data[0].spent_nusd);
  });

  it("refuse a key that was revoked at the other one, from the very next call on", async () => {
    const tenant = await a.newTenant();
    const key = await a.newKey(tenant);
    expect((await chat(b, key.secret, "x")).status).toBe(200);
    const revoked = await a.ask(`/v1/keys/${key.id}`, { key: tenant.adminKey, method: "DELETE" });
    expect(revoked.status).toBe(200);
    expect((await chat(b, key.secret, "x")).status).toBe(401);
  });

  it("read, stream and cancel what was begun at the other one", async () => {
    const [tenant, input] = [await a.newTenant(), marker()];
    const [here, there] = [a.openai(tenant.apiKey), b.openai(tenant.apiKey)];
    const done = await here.responses.create({ model: "echo", input, background: true });
    expect(
      await eventually(
        () => there.responses.retrieve(done.id),
        ({ status }) => status === "completed",
      ),
    ).toMatchObject({ status: "completed", output_text: `echo: ${input}` });
    const slow = marker();
    const stream = await here.responses.create({ model: "slow", input: slow, background: true, stream: true });
    const { value: first } = await stream[Symbol.asyncIterator]().next();
    if (first?.type !== "response.created") throw new Error("no response was created");
    const { response: begun } = first;
    await eventually(
      async () => split.upstream.about(slow),
      (seen) => seen.length > 0,
    );
    expect(await there.responses.cancel(begun.id)).toMatchObject({ status: "cancelled" });
    expect(await here.responses.retrieve(begun.id)).toMatchObject({ status: "cancelled" });
    expect(await split.upstream.about(slow)[0]?.over).toBe(false);
  });

  it("are not ready while their objects' disk takes nothing, as the objects' process is not, or while that is gone", async () => {
    const { cell } = split;
    const ready = async (url: string) => {
      const response = await fetch(`${url}/readyz`);
      return { http: response.status, ...(await response.json()) };
    };
    const all = [cell.operatorsUrl, ...cell.edges];
    const probe = join(cell.home, "writable.probe");
    // A folder in its way is the disk that a test can break without another process noticing.
    const missing = await eventually(
      async () => {
        mkdirSync(probe, { recursive: true });
        return Promise.all(all.map(ready));
      },
      (found) => found.every(({ http }) => http === 503),
      20_000,
    );
    const disk = { http: 503, status: "unready", missing: [{ name: "disk", reason: "EISDIR" }] };
    expect(missing).toMatchObject([disk, disk, disk]);
    rmdirSync(probe);
    const back = await Promise.all(all.map(ready));
    expect(back.map(({ http, missing }) => [http, missing])).toEqual([200, 200, 200].map((status) => [status, []]));

    await cell.objects.kill9();
    const gone = await Promise.all(cell.edges.map(ready));
    const silent = ["objects", "disk"].map((name) => ({ name, reason: "no answer in 2000 ms" }));
    for (const { http, missing } of gone) {
      expect(http).toBe(503);
      expect(missing).toEqual(expect.arrayContaining(silent));
    }
    await cell.objects.start();
    for (const edge of cell.edges)
      expect(
        await eventually(
          () => ready(edge),
          ({ http }) => http === 200,
          30_000,
        ),
      ).toMatchObject({ missing: [] });
  });

  it("continue each other's conversations", async () => {
    const tenant = await a.newTenant();
    const first = await a.openai(tenant.apiKey).responses.create({ model: "echo", input: "my name is Ada" });
    const next = await b
      .openai(tenant.apiKey)
      .responses.create({ model: "echo", input: "and now?", previous_response_id: first.id });
    expect(next.previous_response_id).toBe(first.id);
    expect(next.output_text).toContain("and now?");
  });

  it("take files in and give them out through each other, byte for byte, without a disk of their own", async () => {
    const tenant = await a.newTenant();
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    const file = await a
      .openai(tenant.apiKey)
      .files.create({ purpose: "user_data", file: new File([bytes], "some.bin") });
    const content = await b.openai(tenant.apiKey).files.content(file.id);
    expect(Buffer.from(await content.arrayBuffer()).equals(Buffer.from(bytes))).toBe(true);
  });

  it("write one ledger, which verifies", async () => {
    const tenant = await a.newTenant();
    for (const lab of [a, b, a, b]) expect((await chat(lab, tenant.apiKey, "x")).status).toBe(200);
    const log = await readLedger(a, tenant.adminKey);
    expectChained(log);
    expect(log.entries.filter(({ kind }) => kind === "task.closed")).toHaveLength(4);
  });

  it("keep the objects' port shut for tenants and operators, whatever they show", async () => {
    for (const key of [split.cell.apiKey, split.cell.adminKey]) {
      const answer = await fetch(`${split.cell.objectsUrl}/objects/calls`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "bailiwick-objects-version": "2" },
        body: "x",
      });
      expect(answer.status).toBe(401);
      expect(
        (await fetch(`${split.cell.objectsUrl}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status,
      ).toBe(404);
    }
  });
});
