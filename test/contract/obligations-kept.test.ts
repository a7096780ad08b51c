import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Obligation } from "../../shared/contracts/decision.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { type ObligedCell, obligedCell } from "../support/obliged-cell.ts";
import { MAIL, talkingEngine } from "../support/talking-engine.ts";

let cell: ObligedCell;
beforeAll(async () => {
  cell = await obligedCell(talkingEngine);
});
afterAll(() => cell.close());
beforeEach(() => {
  cell.asked.length = 0;
  cell.state.decision = {};
});

const FULL: Obligation = { id: "audit_level", params: { level: "full" } };
const REDACT: Obligation = { id: "redact_output", params: {} };
const RETAIN: Obligation = { id: "retain_content", params: {} };
const cap = (max: number): Obligation => ({ id: "cap_output_tokens", params: { max } });
const says: Obligation = { id: "disclaimer", params: { text: "Kept." } };
const CHAT = "chat.completions.create";

/** Answers once without obligations, then again with these, from what was kept. */
async function replayed(obligations: Obligation[], members: JsonObject = {}) {
  cell.asked.length = 0;
  cell.state.decision = {};
  const tenant = await cell.tenant();
  const body = { model: "near", messages: [{ role: "user", content: "hello" }], ...members };
  const headers = { "idempotency-key": "k" };
  const ask = () => tenant.ask("/v1/chat/completions", body, headers);
  const first = await (await ask()).text();
  expect(cell.asked).toHaveLength(1);
  cell.state.decision = { obligations };
  const response = await ask();
  const text = await response.text();
  expect(cell.asked).toHaveLength(1);
  return { tenant, first, response, text, outcomes: await tenant.outcomes(CHAT) };
}

describe.each([false, true])("an answer that is replayed (stream: %s)", (stream) => {
  it("is under full audit of the present decision: an entry of its own, or no answer", async () => {
    const { tenant, response, first, text, outcomes } = await replayed([FULL, says], { stream });
    expect([response.status, response.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
    expect(response.headers.get("x-bailiwick-disclaimer")).toBe("Kept.");
    expect(text).toBe(first);
    const audited = (await tenant.entries("data.read")).filter(({ detail }) => detail.audit === "full");
    expect(audited).toMatchObject([
      {
        detail: {
          operation: CHAT,
          replayed: response.headers.get("x-bailiwick-task"),
          obligations: [FULL.id, says.id],
        },
      },
    ]);
    expect(outcomes).toMatchObject([
      [
        { id: "audit_level", outcome: "applied" },
        { id: "disclaimer", outcome: "applied" },
      ],
    ]);
  });

  it("is held to a cap that it is above, so that a cap of today is not passed with an answer of yesterday", async () => {
    const above = await replayed([cap(1)], { stream });
    expect([above.response.status, JSON.parse(above.text).obligation]).toEqual([403, "cap_output_tokens"]);
    expect(above.outcomes).toMatchObject([[{ id: "cap_output_tokens", outcome: "failed" }]]);
    expect(await above.tenant.entries("call.refused")).toMatchObject([
      { detail: { reason: "obligation_failed:cap_output_tokens" } },
    ]);
    const below = await replayed([cap(10_000)], { stream });
    expect([below.response.status, below.text]).toEqual([200, below.first]);
    expect(below.outcomes).toMatchObject([[{ id: "cap_output_tokens", outcome: "applied" }]]);
  });

  it("is withheld where no content may be kept, because it was", async () => {
    const { response, outcomes } = await replayed([{ id: "forbid_content", params: {} }], { stream });
    expect(response.status).toBe(403);
    expect(outcomes).toMatchObject([[{ id: "forbid_content", outcome: "failed" }]]);
  });

  it("is kept as it is delivered where content must be kept", async () => {
    const { tenant, response, outcomes } = await replayed([REDACT, RETAIN], { stream });
    expect(response.status).toBe(200);
    expect(outcomes).toMatchObject([
      [
        { id: "redact_output", outcome: "applied", note: expect.stringContaining("email") },
        { id: "retain_content", outcome: "applied" },
      ],
    ]);
    const [kept] = /conv_\w+/.exec(JSON.stringify(outcomes)) ?? [];
    cell.state.decision = {};
    const items = await (await tenant.ask(`/v1/conversations/${kept}/items?order=asc`)).text();
    expect(items).toContain("hello");
    expect(items).not.toContain(MAIL);
  });

  it("must have come from where the present decision lets answers come from", async () => {
    const local = await replayed([{ id: "require_local", params: {} }], { stream });
    expect(local.response.status).toBe(200);
    const pinned = await replayed([{ id: "pin_model", params: { model: "near-1" } }], { stream });
    expect(pinned.outcomes).toMatchObject([[{ id: "pin_model", outcome: "applied", note: "near-1" }]]);
    expect((await replayed([{ id: "require_local", params: {} }], { stream, model: "far" })).response.status).toBe(403);
  });
});

describe("an answer whose engine policy does not approve any more", () => {
  it("is not replayed, although another candidate could still be used", async () => {
    const tenant = await cell.tenant();
    const body = { model: "any", messages: [{ role: "user", content: "hello" }] };
    const ask = () => tenant.ask("/v1/chat/completions", body, { "idempotency-key": "k" });
    expect((await ask()).status).toBe(200);
    cell.state.decision = { decision: "ROUTE", route: { candidates: new Map([["far:far-1", []]]) } };
    const response = await ask();
    expect([response.status, (await response.json()).reasons]).toEqual([403, ["no_approved_candidate"]]);
    cell.state.decision = { decision: "ROUTE", route: { candidates: new Map([["pool:near-1", [says]]]) } };
    expect((await ask()).headers.get("x-bailiwick-disclaimer")).toBe("Kept.");
  });
});

describe("a stored response", () => {
  it("is read under full audit and redaction of the present decision, and both are kept with it", async () => {
    const tenant = await cell.tenant();
    const made = await (await tenant.ask("/v1/responses", { model: "near", input: "hello" })).json();
    cell.state.decision = { obligations: [FULL, REDACT, says] };
    const response = await tenant.ask(`/v1/responses/${made.id}`);
    expect([response.status, response.headers.get("x-bailiwick-disclaimer")]).toEqual([200, "Kept."]);
    expect(await response.text()).not.toContain(MAIL);
    expect(await tenant.outcomes("responses.get")).toMatchObject([
      [
        { id: "disclaimer", outcome: "applied" },
        { id: "audit_level", outcome: "applied" },
        { id: "redact_output", outcome: "applied" },
      ],
    ]);
    const audited = (await tenant.entries("data.read")).filter(({ detail }) => detail.audit === "full");
    expect(audited).toMatchObject([{ detail: { resource: `response/${made.id}` } }]);
  });

  it("owes nothing and keeps nothing where the decision demands nothing", async () => {
    const tenant = await cell.tenant();
    const made = await (await tenant.ask("/v1/responses", { model: "near", input: "hello" })).json();
    expect((await tenant.ask(`/v1/responses/${made.id}`)).status).toBe(200);
    expect(await tenant.outcomes("responses.get")).toEqual([]);
  });
});
