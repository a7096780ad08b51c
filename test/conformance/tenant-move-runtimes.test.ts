import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verify } from "../../infra/cli/verify.ts";
import { eventually, type Tenant, user } from "../support/lab.ts";
import { expectChained, readLedger } from "../support/ledger.ts";
import { type Home, keysOf, type MovingCells, startMovingCells } from "../support/moving-cells.ts";
import { plainAsk } from "../support/plain-ask.ts";

const CHAT = "/v1/chat/completions";
const WORDS = "words that go along";
/** More than a part holds. */
const LONG = WORDS.repeat(300_000);
const LIVES = [
  { id: "eu1", runtime: "deno", edges: 1 },
  { id: "eu2", runtime: "workerd" },
  { id: "eu3", runtime: "workerd" },
] as const;

let cells: MovingCells;
let keys: string;
let transferKey: string;
let tenant: Tenant;
let made: { chat: string; response: string; background: string; conversation: string; file: string };
const at = (name: string): string => join(cells.folder, name);
const homeOf = (id: string): Home => {
  const home = cells.homes.find((one) => one.id === id);
  if (home === undefined) throw new Error(`no cell ${id}`);
  return home;
};
const chat = (home: Home, headers: Record<string, string> = {}) =>
  plainAsk(home.cell.url + CHAT, {
    ...{ key: tenant.apiKey, headers },
    body: { model: "echo", messages: [user(WORDS)] },
  });

async function live(): Promise<string[]> {
  const ids: string[] = [];
  for (const home of cells.homes) {
    const { status, body } = await chat(home);
    await body?.cancel();
    if (status === 200) ids.push(home.id);
  }
  return ids;
}

/** Everything of the tenant that its caller can see, read at one cell. */
async function readable({ lab, cell }: Home) {
  const key = tenant.apiKey;
  const openai = lab.openai(key);
  const replayed = await chat({ id: "", lab, cell }, { "idempotency-key": "once" });
  const next = await openai.responses.create({ model: "echo", input: "and now?", previous_response_id: made.response });
  const content = await (await openai.files.content(made.file)).text();
  const items = await lab.json(`/v1/conversations/${made.conversation}/items`, { key });
  const [background, usage] = [
    await openai.responses.retrieve(made.background),
    await lab.json("/v1/usage?group_by=model", { key: tenant.adminKey }),
  ];
  const workspace = await lab.json("/v1/workspaces/research", { key: tenant.adminKey });
  return {
    chat: [replayed.headers.get("idempotent-replayed"), (await replayed.json()).id === made.chat],
    chained: [next.status, next.previous_response_id === made.response, next.output_text.includes("and now?")],
    file: content === LONG,
    conversation: JSON.stringify(items).includes(WORDS),
    background: [background.status, background.output_text.includes(WORDS)],
    used: JSON.stringify(usage).includes("echo"),
    workspace: workspace.name,
  };
}
const WHOLE = {
  chat: ["true", true],
  chained: ["completed", true, true],
  file: true,
  conversation: true,
  background: ["completed", true],
  used: true,
  workspace: "Research",
};

beforeAll(async () => {
  cells = await startMovingCells({ BAILIWICK_LOG: "info" }, LIVES);
  const [first] = cells.homes;
  if (first === undefined) throw new Error("no cell");
  const { lab, cell } = first;
  tenant = await lab.newTenant({ content: "store" });
  const key = tenant.apiKey;
  await eventually(
    () => lab.ask("/v1/workspaces", { key: tenant.adminKey, body: { id: "research", name: "Research" } }),
    ({ status }) => status === 201 || status === 200,
    90_000,
  );
  const answered = await (await chat(first, { "idempotency-key": "once" })).json();
  const openai = lab.openai(key);
  const response = await openai.responses.create({ model: "echo", input: WORDS });
  const begun = await openai.responses.create({ model: "echo", input: WORDS, background: true });
  await eventually(
    () => openai.responses.retrieve(begun.id),
    ({ status }) => status === "completed",
    60_000,
  );
  const conversation = await lab.json("/v1/conversations", {
    ...{ key, body: { items: [{ type: "message", role: "user", content: WORDS }] } },
  });
  const form = new FormData();
  form.set("purpose", "user_data");
  form.set("file", new Blob([LONG]), "words.txt");
  const upload = { method: "POST", headers: { authorization: `Bearer ${key}` }, body: form };
  const file = await (await fetch(`${cell.url}/v1/files`, upload)).json();
  made = {
    ...{ chat: answered.id, response: response.id, background: begun.id },
    ...{ conversation: conversation.id, file: file.id },
  };
  keys = await keysOf(cells, cells.homes, "keys.json");
  transferKey = at("transfer.key");
  writeFileSync(transferKey, await cells.run(first, "key"));
}, 900_000);
afterAll(() => cells?.stop());

/** A step again until the cell has the directory that it needs. */
async function once(step: () => Promise<unknown>): Promise<void> {
  const refusal = await eventually(
    () => step().then(() => null, String),
    (said) => said === null || !said.includes("(directory)"),
    120_000,
  );
  expect(refusal).toBeNull();
}

async function move(from: Home, to: Home): Promise<void> {
  const name = at(`${from.id}-${to.id}.tar`);
  await cells.run(from, "export", tenant.id, "--to", to.id, "--out", name, "--transfer-key", transferKey);
  expect(await live()).toEqual([]);
  await cells.run(to, "import", tenant.id, name, "--keys", keys, "--transfer-key", transferKey);
  expect(await live()).toEqual([]);
  cells.publish(LIVES.filter(({ id }) => id !== to.id).map(({ id }) => ({ tenant: tenant.id, cell: id, now: to.id })));
  await once(() => cells.run(from, "release", tenant.id, name, "--out", at("receipt.json")));
  await once(() => cells.run(to, "activate", tenant.id, "--receipt", at("receipt.json"), "--keys", keys));
}

describe("a tenant that moves on, whatever its cells run on", () => {
  it.each([
    ["from a cell behind an edge, read through the edge, to Workers", "eu1", "eu2"],
    ["from Workers to Workers, by what its own object lists", "eu2", "eu3"],
    ["from Workers back to where it left, written through the edge", "eu3", "eu1"],
    ["and to Workers once more, where it left before", "eu1", "eu2"],
  ])("%s, with everything that its callers can see", { timeout: 900_000 }, async (_title, from, to) => {
    await move(homeOf(from), homeOf(to));
    // An edge has the directory in its own time; until then nobody else serves the tenant.
    expect(await eventually(live, (ids) => ids.length > 0, 90_000)).toEqual([to]);
    expect(await readable(homeOf(to))).toEqual(WHOLE);
  });

  it("has one ledger over all of its homes, which verifies", { timeout: 300_000 }, async () => {
    const home = homeOf("eu2");
    const ledger = await readLedger(home.lab, tenant.adminKey);
    expectChained(ledger);
    const moves = ledger.entries.filter(({ kind }) => kind === "tenant.leaving" || kind === "tenant.arrived");
    expect(moves.map(({ kind, cell }) => `${kind} ${cell}`)).toEqual([
      "tenant.leaving eu1",
      "tenant.arrived eu2",
      "tenant.leaving eu2",
      "tenant.arrived eu3",
      "tenant.leaving eu3",
      "tenant.arrived eu1",
      "tenant.leaving eu1",
      "tenant.arrived eu2",
    ]);
    const span = `from=${new Date(Date.now() - 3_600_000).toISOString()}&to=${new Date().toISOString()}`;
    const exported = await eventually(
      () => home.lab.ask(`/v1/ledger/export?${span}`, { key: tenant.adminKey }),
      ({ status }) => status !== 409,
      90_000,
    );
    writeFileSync(at("export.tar"), Buffer.from(await exported.arrayBuffer()));
    let said = "";
    const say = (text: string) => {
      said += text;
    };
    const terminal = {
      out: say,
      err: say,
      variable: () => undefined,
      input: () => Promise.reject(new Error("unused")),
    };
    expect([await verify([at("export.tar"), "--keys", keys], terminal), said]).toEqual([0, expect.any(String)]);
  });
});
