import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Obligation } from "../../shared/contracts/decision.ts";
import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import { type ObligedCell, obligedCell } from "../support/obliged-cell.ts";
import { talkingEngine as engine, MAIL, SHOWN, USED } from "../support/talking-engine.ts";

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

/** Surfaces, how they are asked, and what they say. */
const SURFACES: readonly (readonly [string, string, JsonObject])[] = [
  ["chat", "/v1/chat/completions", { model: "near", messages: [user("hello")] }],
  ["completions", "/v1/completions", { model: "near", prompt: "hello" }],
  ["responses", "/v1/responses", { model: "near", input: "hello" }],
  ["messages", "/v1/messages", { model: "say", max_tokens: 100, messages: [user("hello")] }],
];
const REDACT: Obligation = { id: "redact_output", params: {} };

describe("redact_output", () => {
  it.each(SURFACES)(
    "takes what is found out of a whole answer of %s, and says so in the record",
    async (_, path, body) => {
      const tenant = await cell.tenant();
      oblige(REDACT);
      const response = await tenant.ask(path, body);
      expect(response.status).toBe(200);
      expect(await response.text()).toContain(SHOWN);
      expect(await closed(tenant)).toMatchObject({
        obligations: [{ id: "redact_output", outcome: "applied", note: "card 1, email 1" }],
        cost_nusd: USED,
      });
    },
  );

  it.each(SURFACES)("takes it out of a stream of %s across the borders of its chunks", async (_, path, body) => {
    const tenant = await cell.tenant();
    oblige(REDACT);
    const response = await tenant.ask(path, { ...body, stream: true });
    const text = await response.text();
    expect(text).not.toMatch(/alice|ce@exam|4111|1111/);
    const frames = text
      .split("\n")
      .filter((line) => line.startsWith("data: {"))
      .map((line) => JSON.parse(line.slice(6)));
    expect(frames.map((frame) => deltaOf(frame)).join("")).toBe(SHOWN);
    expect(await closed(tenant)).toMatchObject({
      status: "OK",
      obligations: [{ id: "redact_output", outcome: "applied", note: "card 1, email 1" }],
    });
  });

  it("leaves a stream's bytes alone where nothing obliges, so that the pass-through costs nothing", async () => {
    const tenant = await cell.tenant();
    const body = chat("hello", { stream: true, stream_options: { include_usage: true } });
    const text = await (await tenant.ask("/v1/chat/completions", body)).text();
    expect(text).toBe((engine("/chat/completions", { ...body, model: "near-1" }) as string[]).join(""));
  });

  it("with a detector that nobody knows asks no engine, so that a typo never lets an answer through", async () => {
    const tenant = await cell.tenant();
    oblige({ id: "redact_output", params: { detectors: ["emial"] } });
    const response = await tenant.ask("/v1/chat/completions", chat("hello"));
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: { code: "obligation_failed" }, obligation: "redact_output" });
    expect(cell.asked).toEqual([]);
    expect(await closed(tenant)).toMatchObject({
      obligations: [{ id: "redact_output", outcome: "failed" }],
      cost_nusd: 0,
    });
  });

  it("that cannot be done withholds the answer and charges what it cost", async () => {
    const tenant = await cell.tenant();
    oblige(REDACT);
    upstream = (url, body) => {
      const answer = engine(url, body) as JsonObject; // safe because: the test asks for whole answers
      return { ...answer, deep: JSON.parse(`${'{"a":'.repeat(100)}1${"}".repeat(100)}`) };
    };
    const response = await tenant.ask("/v1/chat/completions", chat("hello"));
    expect(response.status).toBe(403);
    expect(await response.text()).not.toMatch(/Write to/);
    expect(await closed(tenant)).toMatchObject({
      status: "ERROR",
      error: "obligation_failed",
      obligations: [{ id: "redact_output", outcome: "failed" }],
      cost_nusd: USED,
    });
  });

  it("applies to a replay by what is decided now, whole and streamed, or denies it", async () => {
    for (const stream of [false, true]) {
      const tenant = await cell.tenant();
      const body = chat("hello", { stream });
      const ask = () => tenant.ask("/v1/chat/completions", body, { "idempotency-key": "k" });
      cell.state.decision = {};
      const first = await (await ask()).text();
      expect(first).toContain("4111 11");
      oblige(REDACT, { id: "disclaimer", params: { text: "Made by a machine." } });
      const again = await ask();
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect(again.headers.get("x-bailiwick-disclaimer")).toBe("Made by a machine.");
      const text = await again.text();
      expect(text).not.toMatch(/alice|4111|1111/);
      oblige({ id: "redact_output", params: { detectors: ["emial"] } });
      const denied = await ask();
      expect(denied.status).toBe(403);
      expect((await denied.json()).error.code).toBe("obligation_failed");
      expect(cell.asked).toHaveLength(1);
      cell.asked.length = 0;
      expect((await tenant.entries("call.refused")).map(({ detail }) => detail.reason)).toEqual([
        "obligation_failed:redact_output",
      ]);
    }
  });

  it("applies to a stored response and the items of a conversation when they are read", async () => {
    const tenant = await cell.tenant();
    const made = await (await tenant.ask("/v1/responses", { model: "near", input: `I am ${MAIL}` })).json();
    const path = `/v1/responses/${made.id}`;
    expect(await (await tenant.ask(path)).text()).toContain(MAIL);
    oblige(REDACT);
    for (const read of [path, `${path}/input_items`]) {
      const response = await tenant.ask(read);
      expect(response.status).toBe(200);
      expect(await response.text()).not.toContain(MAIL);
    }
    oblige({ id: "redact_output", params: { detectors: ["emial"] } });
    expect((await tenant.ask(path)).status).toBe(403);
  });

  it("is what is stored as well, so that nobody finds in the store what was taken out of the answer", async () => {
    const tenant = await cell.tenant();
    oblige(REDACT);
    for (const stream of [false, true]) {
      const response = await tenant.ask("/v1/responses", { model: "near", input: "hello", stream });
      const text = await response.text();
      const [id] = /resp_[0-9A-Za-z]+_[0-9A-Za-z]+/.exec(text) ?? [];
      cell.state.decision = {};
      const stored = await (await tenant.ask(`/v1/responses/${id}`)).text();
      expect(stored).toContain(SHOWN);
      expect(stored).not.toContain(MAIL);
      oblige(REDACT);
    }
  });
});

const deltaOf = (frame: JsonObject): string => {
  const [choice] = (frame.choices ?? []) as JsonObject[]; // safe because: the test's own frames
  const delta = frame.delta as JsonObject | string | undefined; // safe because: the test's own frames
  if (frame.type === "response.output_text.delta") return String(delta);
  if (frame.type === "content_block_delta") return String((delta as JsonObject).text);
  return String((choice?.delta as JsonObject | undefined)?.content ?? choice?.text ?? "");
};

describe("redact_input", () => {
  const places = `mail ${MAIL} pay 4111 1111 1111 1111`;
  it.each([
    [
      "/v1/chat/completions",
      chat(places, { tools: [{ type: "function", function: { name: "f", description: MAIL } }] }),
    ],
    ["/v1/completions", { model: "near", prompt: places }],
    ["/v1/embeddings", { model: "near", input: [places] }],
    ["/v1/responses", { model: "near", input: places }],
    ["/v1/messages", { model: "say", max_tokens: 9, messages: [user([{ type: "text", text: places }])] }],
  ] as const)("lets no engine see what is found in a request to %s", async (path, body) => {
    const tenant = await cell.tenant();
    oblige({ id: "redact_input", params: {} });
    expect((await tenant.ask(path, body as JsonObject)).status).toBe(200);
    expect(JSON.stringify(cell.asked)).not.toMatch(/alice|4111/);
    expect(JSON.stringify(cell.asked)).toContain("[email-1]");
    const detail = await closed(tenant);
    expect(detail).toMatchObject({ obligations: [{ id: "redact_input", outcome: "applied" }] });
    expect(JSON.stringify(detail)).toMatch(/card 1, email [12]/);
  });

  it("takes out only what it names, one detector or a class", async () => {
    const tenant = await cell.tenant();
    for (const [detectors, kept, gone] of [
      [["card"], MAIL, "4111"],
      [["secrets"], MAIL, "hunter2"],
      [["pii"], "hunter2", "alice"],
    ] as const) {
      oblige({ id: "redact_input", params: { detectors: [...detectors] } });
      await tenant.ask("/v1/chat/completions", chat(`${places} password=hunter2`));
      const sent = JSON.stringify(cell.asked.at(-1));
      expect(sent).toContain(kept);
      expect(sent).not.toContain(gone);
    }
  });

  it("of what cannot be read, or by a detector that nobody knows, is a denial and nothing is sent", async () => {
    const tenant = await cell.tenant();
    const image = [{ type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }];
    for (const [detectors, content] of [
      [["email"], image],
      [["emial"], "hello"],
    ] as const) {
      oblige({ id: "redact_input", params: { detectors: [...detectors] } });
      const response = await tenant.ask("/v1/chat/completions", chat(content));
      expect(response.status).toBe(403);
      expect((await response.json()).error.code).toBe("obligation_failed");
      expect(await closed(tenant)).toMatchObject({ obligations: [{ id: "redact_input", outcome: "failed" }] });
    }
    expect(cell.asked).toEqual([]);
  });

  it("of one candidate alone lets another that needs none answer", async () => {
    const tenant = await cell.tenant();
    const candidates = new Map<string, Obligation[]>([
      ["pool:near-1", [{ id: "redact_input", params: { detectors: ["emial"] } }]],
      ["far:far-1", []],
    ]);
    cell.state.decision = { decision: "ROUTE", route: { candidates } };
    const response = await tenant.ask("/v1/chat/completions", chat("hello", { model: "any" }));
    expect(response.status).toBe(200);
    expect(cell.asked.map(({ body }) => body.model)).toEqual(["far-1"]);
  });
});
