import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CellId, KeyId, TenantId } from "../../shared/contracts/ids.ts";
import { mintApiKey } from "../../shared/crypto/api-key.ts";
import { approvalSurfaces, longSurfaces } from "../support/canary-surfaces.ts";
import { findIn, findUnder } from "../support/find-bytes.ts";
import { eventually, type Lab, user } from "../support/lab.ts";
import { readLedger } from "../support/ledger.ts";
import { plainAsk } from "../support/plain-ask.ts";
import { callSurfaces, refusedCalls } from "../support/residency-canaries.ts";
import { POLICY_TENANTS } from "../support/test-config.ts";
import { type Place, startTwoCells, type TwoCells } from "../support/two-cells.ts";

const canary = (what: string) => `canary${what}${randomBytes(9).toString("hex")}`;
const EU = canary("eu");
const US = canary("us");
const CHAT = "/v1/chat/completions";

let cells: TwoCells;
let misdirected: number[][];
beforeAll(async () => {
  cells = await startTwoCells();
  const { eu, us, entry, through } = cells;
  const everything = async (lab: Lab, tenant: Place["stays"], content: string) => {
    await callSurfaces(lab, tenant, content);
    await refusedCalls(lab, tenant.apiKey, content);
    await longSurfaces(lab, tenant, content);
  };
  await everything(eu.lab, eu.stays, EU);
  await everything(through(eu, entry), eu.passes, EU);
  await everything(through(us, entry), us.passes, US);
  await approvalSurfaces(eu.lab, await eu.lab.configuredTenant(POLICY_TENANTS.asked), EU);
  misdirected = [
    await refusedCalls(through(eu, us.cell.url), eu.stays.apiKey, EU),
    await refusedCalls(through(eu, us.cell.url), eu.passes.apiKey, EU),
    await refusedCalls(through(eu, entry), eu.stays.apiKey, EU),
  ];
}, 400_000);
afterAll(() => cells?.stop());

const chat = (lab: Lab, key: string, more: Record<string, unknown> = {}) =>
  lab.ask(CHAT, { key, body: { model: "echo", messages: [user("Hello")], ...more } });
/** Where 421 is expected. */
const chatOnce = (lab: Lab, key: string) =>
  plainAsk(lab.cell.url + CHAT, { key, body: { model: "echo", messages: [user("Hello")] } });

describe("two cells and a global entry", () => {
  it("answers 421 for whatever goes to the wrong place, on every path and for every body", () => {
    for (const statuses of misdirected) expect(new Set(statuses)).toEqual(new Set([421]));
  });

  it("tells the same at the entry and at the wrong cell: the home's base_url", async () => {
    const { eu, us, entry, through } = cells;
    for (const url of [entry, us.cell.url]) {
      const response = await chatOnce(through(eu, url), eu.stays.apiKey);
      expect(response.headers.get("x-request-id")).toMatch(/^req_/);
      expect(await response.json()).toMatchObject({
        ...{ status: 421, cell: "eu1", jurisdiction: "eu", base_url: `${eu.cell.url}/v1` },
        error: { code: "data_residency_mismatch", type: "invalid_request_error" },
      });
    }
  });

  it("tells nothing of tenants: one that is there, one that is suspended and one that never was get the same answer", async () => {
    const { eu, entry } = cells;
    const suspended = await eu.lab.newTenant();
    await eu.lab.json(`/v1/tenants/${suspended.id}`, {
      key: eu.cell.adminKey,
      method: "PATCH",
      body: { suspended: true },
    });
    const nobody = mintApiKey(
      { cell: CellId.parse("eu1"), tenant: TenantId.parse("nobody"), kid: KeyId.parse("0123456789ab") },
      randomBytes(32),
      randomBytes(32),
    );
    const answers = await Promise.all(
      [eu.stays.apiKey, suspended.apiKey, nobody.text].map(async (key) => {
        const response = await plainAsk(entry + CHAT, { key, body: { model: "echo", messages: [user("Hello")] } });
        const { instance, ...rest } = await response.json();
        const names = [...response.headers.keys()].sort();
        return { status: response.status, names, rest, instance: String(instance).replace(/req_\w+$/, "") };
      }),
    );
    expect(answers[0]).toMatchObject({ status: 421, rest: { cell: "eu1" } });
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
  });

  it("still answers 401 for keys of a cell that no directory names, and of its own that are not good", async () => {
    const { us, through } = cells;
    const key = us.stays.apiKey;
    const lab = through(us, us.cell.url);
    expect((await chat(lab, "bw_ap1_nobody_x_y")).status).toBe(401);
    expect((await chat(lab, `${key.slice(0, -1)}${key.endsWith("0") ? "1" : "0"}`)).status).toBe(401);
  });

  it("keeps every byte of one jurisdiction's content out of the other cell's disk, logs, traces and engines, and out of the entry's log", async () => {
    const { eu, us, entryProcess } = cells;
    const needles = (content: string) => ({ content });
    const found: string[] = [];
    for (const [place, content] of [
      [us, EU],
      [eu, US],
    ] as const) {
      const name = place === us ? "us1" : "eu1";
      found.push(...findUnder(place.cell.home, needles(content)).map((line) => `${name} home ${line}`));
      found.push(...findIn(`${name} log`, place.cell.logs(), needles(content)));
      found.push(...findIn(`${name} telemetry`, JSON.stringify(place.collector), needles(content)));
      for (const engine of [place.lab.upstream, place.lab.remote])
        found.push(
          ...findIn(
            `${name} engine`,
            JSON.stringify(engine.seen.map(({ path, raw, headers }) => [path, raw, headers])),
            needles(content),
          ),
        );
      const { entries } = await readLedger(place.lab, place.stays.adminKey);
      found.push(...findIn(`${name} ledger`, JSON.stringify(entries), needles(content)));
      found.push(...findIn("entry log", entryProcess.logs, needles(content)));
    }
    expect(found).toEqual([]);
    // Each place that was searched does hold what belongs there.
    for (const { cell, collector, passes } of [eu, us]) {
      expect(findUnder(cell.home, { tenant: passes.id })).not.toEqual([]);
      expect(JSON.stringify(collector)).toContain("/v1/chat/completions");
      expect(cell.logs()).toContain("Bailiwick is ready");
    }
    for (const [place, content] of [
      [eu, EU],
      [us, US],
    ] as const)
      expect(findIn("own engine", place.lab.upstream.seen.map(({ raw }) => raw).join(), needles(content))).toHaveLength(
        1,
      );
  });

  it("streams through the entry what the cell streams, frame by frame", async () => {
    const { eu, entry, through } = cells;
    const options = { model: "paced", stream: true };
    const arrived: number[] = [];
    const response = await chat(through(eu, entry), eu.passes.apiKey, options);
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    let text = "";
    for await (const part of response.body ?? []) {
      arrived.push(part.length);
      text += new TextDecoder().decode(part);
    }
    expect(arrived.length).toBeGreaterThan(5);
    const words = (frames: string) => [...frames.matchAll(/"content":"([^"]*)"/g)].map(([, word]) => word).join("");
    expect(words(text)).toBe(words(await (await chat(eu.lab, eu.passes.apiKey, options)).text()));
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  it("settles a stream whose caller left the entry as cancelled, so that nobody pays for what nobody reads", async () => {
    const { eu, entry, through } = cells;
    const lab = through(eu, entry);
    const cut = new AbortController();
    const body = { model: "endless", stream: true, messages: [user("Hello")] };
    const response = await lab.ask(CHAT, { key: eu.passes.apiKey, body, signal: cut.signal });
    await response.body?.getReader().read();
    cut.abort();
    const id = response.headers.get("x-bailiwick-task") ?? "";
    const task = await eventually(
      () => eu.lab.task(eu.passes, id),
      ({ status }) => status !== null,
    );
    expect(task.status).toBe("CANCELED");
  });

  it("puts the caller's own address into the cell's ledger, and no address that a caller made up", async () => {
    const { eu, entry } = cells;
    const response = await plainAsk(
      entry + CHAT,
      {
        key: eu.passes.apiKey,
        body: { model: "echo", messages: [user("Hello")] },
        headers: { "x-forwarded-for": "203.0.113.66" },
      },
      { localAddress: "127.0.0.2" },
    );
    const task = response.headers.get("x-bailiwick-task");
    const { entries } = await readLedger(eu.lab, eu.passes.adminKey);
    const sources = new Set(entries.filter((entry) => entry.task === task).map(({ source }) => source));
    expect(sources).toEqual(new Set(["127.0.0.2"]));
  });

  it("refuses what the directory lets pass once the tenant itself does not allow it any more", async () => {
    const { eu, entry, through } = cells;
    const change = (transit: string) => ({ key: eu.cell.adminKey, method: "PATCH", body: { transit } });
    const lab = through(eu, entry);
    await eu.lab.json(`/v1/tenants/${eu.passes.id}`, change("refused"));
    const response = await chatOnce(lab, eu.passes.apiKey);
    expect([response.status, (await response.json()).base_url]).toEqual([421, `${eu.cell.url}/v1`]);
    await eu.lab.json(`/v1/tenants/${eu.passes.id}`, change("allowed"));
    expect((await chat(lab, eu.passes.apiKey)).status).toBe(200);
  });

  it("goes on in one cell while the other is killed; the entry names the dead one and asks no other", async () => {
    const { eu, us, entry, through } = cells;
    const before = eu.lab.upstream.seen.length + eu.lab.remote.seen.length;
    let running = true;
    const outcomes: number[] = [];
    const traffic = [eu.lab, through(eu, entry)].map(async (lab) => {
      while (running) outcomes.push((await chat(lab, eu.passes.apiKey)).status);
    });
    const some = (count: number) =>
      eventually(
        async () => outcomes.length,
        (length) => length >= count,
        30_000,
      );
    await some(20);
    const stream = await chat(through(us, entry), us.passes.apiKey, { model: "endless", stream: true });
    // Cut, not ended: nobody takes it for a whole answer.
    const cut = expect(stream.text()).rejects.toThrow();
    await us.cell.kill9();
    await cut;
    const refused = await chat(through(us, entry), us.passes.apiKey);
    expect([refused.status, await refused.json()]).toMatchObject([503, { cell: "us1", jurisdiction: "us" }]);
    await some(outcomes.length + 20);
    await us.cell.start();
    expect((await chat(through(us, entry), us.passes.apiKey)).status).toBe(200);
    running = false;
    await Promise.all(traffic);
    expect(new Set(outcomes)).toEqual(new Set([200]));
    const asked = eu.lab.upstream.seen.length + eu.lab.remote.seen.length - before;
    expect(asked).toBe(outcomes.length);
  });
});
