import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Obligation } from "../../shared/contracts/decision.ts";
import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import { type ObligedCell, obligedCell } from "../support/obliged-cell.ts";
import { talkingEngine as engine, MAIL, USED } from "../support/talking-engine.ts";

let cell: ObligedCell;
let upstream = engine;
beforeAll(async () => {
  cell = await obligedCell((url, body) => upstream(url, body));
});
afterAll(() => cell.close());
beforeEach(() => {
  upstream = engine;
  cell.asked.length = 0;
  cell.state.decision = {};
});

const oblige = (...obligations: Obligation[]) => {
  cell.state.decision = { obligations };
};
const user = (content: JsonValue): JsonObject => ({ role: "user", content });
const chat = (content: JsonValue, members: JsonObject = {}): JsonObject => ({
  model: "near",
  messages: [user(content)],
  ...members,
});
const closed = async (tenant: Awaited<ReturnType<ObligedCell["tenant"]>>) =>
  (await tenant.entries("task.closed")).at(-1)?.detail;

describe("a candidate", () => {
  const ask = async (obligations: Obligation[], members: JsonObject = {}) => {
    const tenant = await cell.tenant();
    oblige(...obligations);
    const response = await tenant.ask("/v1/chat/completions", chat("hello", { model: "any", ...members }));
    return { tenant, response };
  };

  it("that is no pool of ours is never asked under require_local, nor as a fallback", async () => {
    upstream = () => {
      throw new Error("the pool is down");
    };
    const { response } = await ask([{ id: "require_local", params: {} }]);
    expect(response.status).toBeGreaterThanOrEqual(500);
    expect(new Set(cell.asked.map(({ body }) => body.model))).toEqual(new Set(["near-1"]));
    const alone = await ask([{ id: "require_local", params: {} }], { model: "far" });
    expect(alone.response.status).toBe(403);
    expect(await alone.response.json()).toMatchObject({ obligation: "require_local" });
    expect(await alone.tenant.entries("call.refused")).toMatchObject([
      { detail: { reason: "obligation_failed:require_local" } },
    ]);
  });

  it("of another model than the pinned one is not asked, and one that answers as another is no answer", async () => {
    const { tenant, response } = await ask([{ id: "pin_model", params: { model: "far-1" } }]);
    expect(response.status).toBe(200);
    expect(cell.asked.map(({ body }) => body.model)).toEqual(["far-1"]);
    expect(await closed(tenant)).toMatchObject({
      obligations: [{ id: "pin_model", outcome: "applied", note: "far-1" }],
    });
    upstream = (url, body) => ({ ...(engine(url, body) as JsonObject), model: "other-1" });
    expect((await ask([{ id: "pin_model", params: { model: "far-1" } }])).response.status).toBe(502);
  });

  it("is asked for no more output than the lowest cap, and an answer above it is withheld", async () => {
    const caps: Obligation[] = [
      { id: "cap_output_tokens", params: { max: 50 } },
      { id: "cap_output_tokens", params: { max: 20 } },
    ];
    for (const [members, sent] of [
      [{}, 20],
      [{ max_tokens: 9 }, 9],
      [{ max_completion_tokens: 900 }, 20],
    ] as const) {
      const { tenant, response } = await ask(caps, members);
      expect(response.status).toBe(200);
      const { max_tokens, max_completion_tokens } = cell.asked.at(-1)?.body ?? {};
      expect(max_completion_tokens ?? max_tokens).toBe(sent);
      expect(await closed(tenant)).toMatchObject({
        obligations: [
          { id: "cap_output_tokens", outcome: "applied" },
          { id: "cap_output_tokens", outcome: "applied" },
        ],
      });
    }
    for (const stream of [false, true]) {
      const { tenant, response } = await ask([{ id: "cap_output_tokens", params: { max: 6 } }], { stream });
      const text = await response.text().catch((cause: unknown) => String(cause));
      expect(response.status).toBe(stream ? 200 : 403);
      expect(text).not.toContain("[DONE]");
      expect(await closed(tenant)).toMatchObject({
        status: "ERROR",
        obligations: [{ id: "cap_output_tokens", outcome: "failed" }],
        cost_nusd: USED,
      });
    }
  });

  it("gets no tools under forbid_tools: a request with tools is a denial of its own", async () => {
    const tools = [{ type: "function", function: { name: "f" } }];
    const { tenant, response } = await ask([{ id: "forbid_tools", params: {} }], { tools });
    expect(response.status).toBe(403);
    expect((await response.json()).error.code).toBe("tools_forbidden");
    expect(cell.asked).toEqual([]);
    expect(await tenant.entries("call.refused")).toHaveLength(1);
    const plain = await ask([{ id: "forbid_tools", params: {} }], { tools: [], tool_choice: "none" });
    expect(plain.response.status).toBe(200);
    expect(Object.keys(cell.asked.at(-1)?.body ?? {})).not.toContain("tool_choice");
  });
});

describe("content", () => {
  it("that is forbidden is kept nowhere, not even for the call's key, and the answer says so", async () => {
    const tenant = await cell.tenant();
    const forbid: Obligation = { id: "forbid_content", params: {} };
    oblige(forbid);
    for (const stream of [false, true]) {
      const headers = { "idempotency-key": `k-${stream}` };
      const body = { model: "near", input: "hello", stream };
      const text = await (await tenant.ask("/v1/responses", body, headers)).text();
      expect(text).toContain('"store":false');
      const [id] = /resp_[0-9A-Za-z]+_[0-9A-Za-z]+/.exec(text) ?? [];
      expect((await tenant.ask("/v1/responses", body, headers)).status).toBe(410);
      cell.state.decision = {};
      expect((await tenant.ask(`/v1/responses/${id}`)).status).toBe(404);
      oblige(forbid);
      expect(await closed(tenant)).toMatchObject({ obligations: [{ id: "forbid_content", outcome: "applied" }] });
    }
    expect(cell.asked).toHaveLength(2);
  });

  it("that is forbidden grows no conversation: the call is a denial, and nothing is sent", async () => {
    const tenant = await cell.tenant();
    const made = await (await tenant.ask("/v1/conversations", {})).json();
    oblige({ id: "forbid_content", params: {} });
    const response = await tenant.ask("/v1/responses", { model: "near", input: "x", conversation: made.id });
    expect(response.status).toBe(403);
    expect(cell.asked).toEqual([]);
  });

  it("that must be kept is kept whatever the request says, on every surface", async () => {
    const tenant = await cell.tenant();
    const retain: Obligation = { id: "retain_content", params: {} };
    oblige(retain);
    const made = await (await tenant.ask("/v1/responses", { model: "near", input: "hello", store: false })).json();
    expect(made.store).toBe(true);
    cell.state.decision = {};
    expect((await tenant.ask(`/v1/responses/${made.id}`)).status).toBe(200);
    for (const stream of [false, true]) {
      oblige(retain);
      await (await tenant.ask("/v1/chat/completions", chat("keep this", { stream }))).text();
      const [kept] = /conv_\w+/.exec(JSON.stringify((await closed(tenant))?.obligations)) ?? [];
      cell.state.decision = {};
      const items = await (await tenant.ask(`/v1/conversations/${kept}/items?order=asc`)).text();
      expect(items).toContain("keep this");
      expect(items).toContain(stream ? "ce@exam" : MAIL);
    }
  });

  it("that must be kept stays unkept where the tenant keeps none, and the record says so", async () => {
    const tenant = await cell.tenant("none");
    oblige({ id: "retain_content", params: {} });
    for (const [path, body] of [
      ["/v1/chat/completions", chat("hello")],
      ["/v1/responses", { model: "near", input: "hello" }],
    ] as const) {
      expect((await tenant.ask(path, body)).status).toBe(200);
      expect(await closed(tenant)).toMatchObject({
        obligations: [{ id: "retain_content", outcome: "applied", note: "the tenant keeps no content" }],
      });
    }
  });
});

describe("what goes along", () => {
  it("is the disclaimer on whole answers and streams", async () => {
    const tenant = await cell.tenant();
    oblige(
      { id: "disclaimer", params: { text: "Made by a machine." } },
      { id: "disclaimer", params: { text: "No advice." } },
    );
    for (const stream of [false, true]) {
      const response = await tenant.ask("/v1/chat/completions", chat("hello", { stream }));
      expect(response.headers.get("x-bailiwick-disclaimer")).toBe("Made by a machine. | No advice.");
      await response.text();
    }
  });

  it("is what full audit asks for: facts of the request and its candidates, and no word of content", async () => {
    const tenant = await cell.tenant();
    oblige({ id: "audit_level", params: { level: "full" } }, { id: "redact_input", params: {} });
    await tenant.ask("/v1/chat/completions", chat(`mail ${MAIL}`, { model: "any" }));
    const detail = await closed(tenant);
    expect(detail).toMatchObject({
      call: {
        audit: {
          alias: "any",
          features: { stream: false, tools: false, images: false, structured_output: false, choices: 1 },
          candidates: [
            { id: "pool:near-1", locality: "local" },
            { id: "far:far-1", locality: "api", jurisdiction: "eu" },
          ],
        },
        redaction: { email: 1 },
      },
    });
    expect(JSON.stringify(detail)).not.toContain("alice");
  });

  it("is nothing that policy was not asked about: detectors look only where rules or bundles may ask", async () => {
    const tenant = await cell.tenant();
    await tenant.ask("/v1/chat/completions", chat(`mail ${MAIL}`));
    expect(cell.state.input?.features.detected).toBeNull();
  });
});
