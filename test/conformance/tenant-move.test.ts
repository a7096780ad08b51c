import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verify } from "../../infra/cli/verify.ts";
import { eventually, type Lab, type Tenant, user } from "../support/lab.ts";
import { expectChained, readLedger } from "../support/ledger.ts";
import { type Home, keysOf, type MovingCells, startMovingCells } from "../support/moving-cells.ts";
import { plainAsk } from "../support/plain-ask.ts";

const CHAT = "/v1/chat/completions";
const WORDS = "a transcript that stays in its jurisdiction";

let cells: MovingCells;
let eu1: Home;
let eu2: Home;
beforeAll(async () => {
  cells = await startMovingCells({ BAILIWICK_LOG: "info" });
  const [first, second] = cells.homes;
  if (first === undefined || second === undefined) throw new Error("two cells were planned");
  [eu1, eu2] = [first, second];
}, 500_000);
afterAll(() => cells?.stop());

const at = (name: string): string => join(cells.folder, name);
const chat = (home: Home, key: string, headers: Record<string, string> = {}) =>
  plainAsk(home.cell.url + CHAT, { key, headers, body: { model: "echo", messages: [user("Hello")] } });
const codeOf = async (response: Response) => `${response.status} ${(await response.json()).error?.code ?? ""}`.trim();
/** Cells that serve the key. */
async function live(key: string): Promise<string[]> {
  const homes: string[] = [];
  for (const home of [eu1, eu2]) {
    const { status } = await chat(home, key);
    if (status === 200) homes.push(home.id);
  }
  return homes;
}

/** What `npx bailiwick verify` and the Python verifier say of a file, under these keys. */
async function verified(path: string, keys: string): Promise<[number, number]> {
  let said = "";
  const say = (text: string) => {
    said += text;
  };
  const terminal = { out: say, err: say, variable: () => undefined, input: () => Promise.reject(new Error("unused")) };
  const own = await verify([path, "--keys", keys], terminal);
  const python = await promisify(execFile)("python3", [
    "infra/verify-py/bailiwick_verify.py",
    path,
    "--keys",
    keys,
  ]).then(
    () => 0,
    (failure: { code: number; stdout: string; stderr: string }) => {
      said += failure.stdout + failure.stderr;
      return failure.code;
    },
  );
  if (own !== 0 || python !== 0) throw new Error(said);
  return [own, python];
}

async function evidence(lab: Lab, key: string, task: string, file: string): Promise<string> {
  const ask = () => lab.ask(`/v1/tasks/${task}/evidence`, { key });
  const answered = await eventually(ask, ({ status }) => status !== 409, 60_000);
  writeFileSync(at(file), await answered.text());
  expect(answered.status).toBe(200);
  return at(file);
}

async function transferKey(): Promise<string> {
  const path = at("transfer.key");
  writeFileSync(path, await cells.run(eu1, "key"));
  return path;
}

describe("a tenant that moves to another cell of its jurisdiction", { timeout: 400_000 }, () => {
  let tenant: Tenant;
  let task: string;
  let first: { id: string };
  let keys: string;
  let before: { file: string; conversation: string; budget: string; usage: unknown };
  const ofUsage = (lab: Lab) => lab.json("/v1/usage?group_by=model", { key: tenant.adminKey });

  beforeAll(async () => {
    const { lab } = eu1;
    tenant = await lab.newTenant({ content: "store" });
    const key = tenant.adminKey;
    await eventually(
      () => lab.ask("/v1/workspaces", { key, body: { id: "research", name: "Research" } }),
      ({ status }) => status === 201 || status === 200,
      90_000,
    );
    const answered = await lab.ask(CHAT, {
      ...{ key: tenant.apiKey, body: { model: "echo", messages: [user(WORDS)] } },
      headers: { "idempotency-key": "once" },
    });
    task = answered.headers.get("x-bailiwick-task") ?? "";
    first = await answered.json();
    const conversation = await lab.json("/v1/conversations", {
      ...{ key: tenant.apiKey, body: { items: [{ type: "message", role: "user", content: WORDS }] } },
    });
    const form = new FormData();
    form.set("purpose", "user_data");
    form.set("file", new Blob([WORDS.repeat(300_000)]), "words.txt");
    const file = await (
      await fetch(`${eu1.cell.url}/v1/files`, {
        ...{ method: "POST", headers: { authorization: `Bearer ${tenant.apiKey}` }, body: form },
      })
    ).json();
    const budget = await lab.json("/v1/budgets", { key, body: { period: "month", limit_usd: "25.00", hard: true } });
    await evidence(lab, key, task, "before.json");
    before = { file: file.id, conversation: conversation.id, budget: budget.id, usage: await ofUsage(lab) };
    keys = await keysOf(cells, [eu1, eu2], "keys.json");
  }, 400_000);

  it("never leaves its jurisdiction, and never for a cell that the directory does not have", async () => {
    const { lab, cell } = eu1;
    for (const [to, reason] of [
      ["us1", "misplaced"],
      ["eu9", "directory"],
      ["eu1", "misplaced"],
    ]) {
      const refused = await lab.ask(`/v1/tenants/${tenant.id}/leave`, { key: cell.adminKey, body: { to } });
      expect([refused.status, (await refused.json()).reason]).toEqual([409, reason]);
    }
    expect(await live(tenant.apiKey)).toEqual(["eu1"]);
  });

  it("is copied while nothing of it is served, and can be called off until the directory names its new home", async () => {
    const key = await transferKey();
    await cells.run(eu1, "export", tenant.id, "--to", "eu2", "--out", at("first.tar"), "--transfer-key", key);
    expect(await codeOf(await chat(eu1, tenant.apiKey))).toBe("503 tenant_moving");
    expect(await cells.run(eu1, "status", tenant.id)).toMatch(/^frozen {2}eu1 → eu2 /);
    await cells.run(eu1, "stay", tenant.id);
    expect(await live(tenant.apiKey)).toEqual(["eu1"]);
    await cells.run(eu1, "export", tenant.id, "--to", "eu2", "--out", at("tenant.tar"), "--transfer-key", key);
    expect(readFileSync(at("tenant.tar")).includes(WORDS)).toBe(false);
  });

  it("is taken by no cell that cannot open or verify it, and nothing of it is left there", async () => {
    const key = at("transfer.key");
    writeFileSync(at("other.key"), await cells.run(eu1, "key"));
    const ownKeys = await keysOf(cells, [eu2], "own-keys.json");
    const imports = (file: string, trust: string, transfer: string) =>
      cells.run(eu2, "import", tenant.id, at(file), "--keys", trust, "--transfer-key", transfer);
    await expect(imports("tenant.tar", ownKeys, key)).rejects.toThrow(/not_verified/);
    await expect(imports("tenant.tar", keys, at("other.key"))).rejects.toThrow(/not_verified/);
    const altered = readFileSync(at("tenant.tar"));
    altered[altered.length - 4_000] = (altered[altered.length - 4_000] ?? 0) ^ 1;
    writeFileSync(at("altered.tar"), altered);
    await expect(imports("altered.tar", keys, key)).rejects.toThrow();
    // Of a move that was called off: another archive than the newest one is never released.
    await imports("first.tar", keys, key);
    await expect(cells.run(eu1, "release", tenant.id, at("first.tar"), "--out", at("no.json"))).rejects.toThrow(
      /directory/,
    );
    await cells.run(eu2, "stay", tenant.id);
    await expect(cells.run(eu2, "status", tenant.id)).rejects.toThrow(/404/);
    expect(await live(tenant.apiKey)).toEqual([]);
  });

  it("arrives whole, and is live only when the old home has given it up under a directory that says so", async () => {
    await cells.run(eu2, "import", tenant.id, at("tenant.tar"), "--keys", keys, "--transfer-key", at("transfer.key"));
    expect(await cells.run(eu2, "status", tenant.id)).toMatch(/^arrived /);
    const release = () => cells.run(eu1, "release", tenant.id, at("tenant.tar"), "--out", at("receipt.json"));
    const activate = () => cells.run(eu2, "activate", tenant.id, "--receipt", at("receipt.json"), "--keys", keys);
    await expect(release()).rejects.toThrow(/directory/);
    expect(await live(tenant.apiKey)).toEqual([]);
    await cells.sign([{ tenant: tenant.id, cell: "eu1", now: "eu2" }]);
    await expect(cells.run(eu1, "stay", tenant.id)).rejects.toThrow(/directory/);
    expect(await live(tenant.apiKey)).toEqual([]);
    await release();
    expect(await live(tenant.apiKey)).toEqual([]);
    await activate();
    expect(await live(tenant.apiKey)).toEqual(["eu2"]);
    // Each step again answers the same.
    await release();
    await activate();
    expect(await live(tenant.apiKey)).toEqual(["eu2"]);
    await expect(cells.run(eu1, "stay", tenant.id)).rejects.toThrow(/left/);
  });

  it("tells callers of the old cell its new address", async () => {
    const response = await chat(eu1, tenant.apiKey);
    expect(await response.json()).toMatchObject({
      ...{ status: 421, cell: "eu2", jurisdiction: "eu", base_url: `${eu2.cell.url}/v1` },
      error: { code: "data_residency_mismatch" },
    });
  });

  it("keeps its keys, files, conversations, budgets, scopes, usage and idempotent answers", async () => {
    const { lab } = eu2;
    const key = tenant.apiKey;
    const again = await chat(eu2, key, { "idempotency-key": "once" });
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([422, null]);
    const replayed = await plainAsk(eu2.cell.url + CHAT, {
      ...{ key, headers: { "idempotency-key": "once" }, body: { model: "echo", messages: [user(WORDS)] } },
    });
    expect(replayed.headers.get("idempotent-replayed")).toBe("true");
    expect((await replayed.json()).id).toBe(first.id);
    const content = await lab.ask(`/v1/files/${before.file}/content`, { key });
    expect((await content.text()) === WORDS.repeat(300_000)).toBe(true);
    const items = await lab.json(`/v1/conversations/${before.conversation}/items`, { key });
    expect(JSON.stringify(items)).toContain(WORDS);
    const budgets = await lab.json("/v1/budgets", { key: tenant.adminKey });
    expect(budgets.data.map(({ id }: { id: string }) => id)).toEqual([before.budget]);
    const workspace = await lab.json("/v1/workspaces/research", { key: tenant.adminKey });
    expect(workspace).toMatchObject({ id: "research", name: "Research", status: "active" });
    const made = await lab.newKey(tenant);
    expect(made.secret).toMatch(/^bw_eu2_/);
    expect(await live(made.secret)).toEqual(["eu2"]);
  });

  it("goes on with one ledger: both verifiers accept evidence from before and after the move, and the log whole", async () => {
    const answered = await chat(eu2, tenant.apiKey);
    const newer = answered.headers.get("x-bailiwick-task") ?? "";
    await answered.body?.cancel();
    const key = tenant.adminKey;
    const files = [
      at("before.json"),
      await evidence(eu2.lab, key, task, "old-task.json"),
      await evidence(eu2.lab, key, newer, "new-task.json"),
    ];
    const from = new Date(Date.now() - 3_600_000).toISOString();
    const to = new Date().toISOString();
    const exported = await eventually(
      () => eu2.lab.ask(`/v1/ledger/export?from=${from}&to=${to}`, { key }),
      ({ status }) => status !== 409,
      90_000,
    );
    writeFileSync(at("export.tar"), Buffer.from(await exported.arrayBuffer()));
    files.push(at("export.tar"));
    for (const file of files) expect([file, await verified(file, keys)]).toEqual([file, [0, 0]]);
    const ledger = await readLedger(eu2.lab, key);
    expectChained(ledger);
    const moves = ledger.entries.filter(({ kind }) => /^tenant\.(leaving|staying|left|arrived)$/.test(String(kind)));
    expect(moves.map(({ kind, cell }) => [kind, cell])).toEqual([
      ["tenant.leaving", "eu1"],
      ["tenant.staying", "eu1"],
      ["tenant.leaving", "eu1"],
      ["tenant.arrived", "eu2"],
    ]);
    for (const [home, kind] of [
      [eu1, "tenant.left"],
      [eu2, "tenant.arrived"],
    ] as const) {
      const { data } = await home.lab.json("/v1/cell/ledger/entries?limit=100", { key: home.cell.adminKey });
      const told = data.filter((entry: { kind: string }) => entry.kind === kind);
      expect(JSON.stringify(told)).toContain(tenant.id);
    }
  });
});

describe("a move whose cells crash between any two steps", () => {
  it("has one home at most at every moment, and gets to its end", async () => {
    const tenant = await eu1.lab.newTenant({ content: "store" });
    const keys = await keysOf(cells, [eu1, eu2], "keys.json");
    const key = await transferKey();
    const crash = async () => {
      await Promise.all([eu1.cell.kill9(), eu2.cell.kill9()]);
      await Promise.all([eu1.cell.start(), eu2.cell.start()]);
    };
    const seen: string[][] = [];
    const then = async (step: () => Promise<unknown>) => {
      await step();
      await crash();
      seen.push(await live(tenant.apiKey));
    };
    const admin = { key: eu1.cell.adminKey };
    await then(() => eu1.lab.json(`/v1/tenants/${tenant.id}/leave`, { ...admin, body: { to: "eu2" } }));
    // The archive breaks off with its cell; the same command makes another one.
    const path = at("crashed.tar");
    const broken = await eventually(
      () =>
        eu1.lab.ask(`/v1/tenants/${tenant.id}/export`, {
          ...admin,
          body: { transfer_key: readFileSync(key, "utf8").trim() },
        }),
      ({ status }) => status === 200,
      90_000,
    );
    const reader = broken.body?.getReader();
    await reader?.read();
    await then(async () => undefined);
    await reader?.cancel().catch(() => undefined);
    await then(() => cells.run(eu1, "export", tenant.id, "--out", path, "--transfer-key", key));
    const imports = () => cells.run(eu2, "import", tenant.id, path, "--keys", keys, "--transfer-key", key);
    const first = imports().catch((cause: unknown) => cause);
    await eu2.cell.kill9();
    await first;
    await eu2.cell.start();
    await then(imports);
    await then(() => cells.sign([{ tenant: tenant.id, cell: "eu1", now: "eu2" }]));
    await then(() => cells.run(eu1, "release", tenant.id, path, "--out", at("lost.json")));
    // The receipt was lost with whoever asked for it.
    await then(() => cells.run(eu1, "release", tenant.id, path, "--out", at("receipt.json")));
    await then(() => cells.run(eu2, "activate", tenant.id, "--receipt", at("receipt.json"), "--keys", keys));
    expect(seen).toEqual([[], [], [], [], [], [], [], ["eu2"]]);
    expectChained(await readLedger(eu2.lab, tenant.adminKey));
  }, 800_000);
});
