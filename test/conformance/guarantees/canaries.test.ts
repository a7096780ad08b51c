import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { approvalSurfaces, evidenceAnswers, longSurfaces } from "../../support/canary-surfaces.ts";
import { filesUnder, findIn, findUnder } from "../../support/find-bytes.ts";
import { rowsOf } from "../../support/home-copy.ts";
import { eventually, type Lab, startLab, type Tenant, user } from "../../support/lab.ts";
import { readLedger } from "../../support/ledger.ts";
import { OtlpCollector } from "../../support/otlp-collector.ts";
import { POLICY_TENANTS } from "../../support/test-config.ts";

/** No shape of it is a known credential's, so nothing but design keeps it out. */
const canary = (what: string) => `canary${what}${randomBytes(9).toString("hex")}`;
const CONTENT = canary("content");
const CELL_KEY = canary("cellkey");
const BROUGHT_KEY = canary("brought");
const IDEMPOTENCY = canary("idempotency");
const WRONG_KEY = canary("wrongkey");

const BROUGHT_MODELS = ["echo", "quoting-400", "quoting-500", "status-401"];
const withBrought = (files: Record<string, string>, base: string): Record<string, string> => ({
  ...files,
  "providers.yml": `${files["providers.yml"]}  brought: { kind: openai, base_url: "${base}", locality: local, dialects: [openai.chat], tenant_credentials: true, breaker: { failures: 1000 } }\n`,
  "models.yml": `${files["models.yml"]}${BROUGHT_MODELS.map((name) => `\n  brought-${name}: { provider: brought, model: ${name}, prices: { input: "1", output: "2" } }`).join("")}\n`,
});

type Started = Awaited<ReturnType<typeof startLab>>;
let collector: OtlpCollector;
let lab: Started;
let keeping: Tenant;
let forgetting: Tenant;
/** Of the configuration, with a policy that wants approvals: one keeps content, one does not. */
let asking: Tenant[];
let answers: string;
let evidence: Record<string, string>[];

beforeAll(async () => {
  collector = await new OtlpCollector().start();
  lab = await startLab({
    runtime: "deno",
    env: { BAILIWICK_LOG: "debug", OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, TEST_UPSTREAM_KEY: CELL_KEY },
    config: (files, upstream) => withBrought(files, upstream.url),
  });
  keeping = await lab.newTenant({ content: "store" });
  forgetting = await lab.newTenant({ content: "none" });
  for (const tenant of [keeping, forgetting]) {
    await lab.json("/v1/credentials", {
      key: tenant.adminKey,
      body: { provider: "brought", name: "ours", secret: BROUGHT_KEY },
    });
    await everySurface(lab, tenant);
    await longSurfaces(lab, tenant, CONTENT);
  }
  asking = [await lab.configuredTenant(POLICY_TENANTS.asked), await lab.configuredTenant(POLICY_TENANTS.results)];
  const [, opted] = asking;
  const settings = { key: lab.cell.adminKey, method: "PATCH", body: { content: "store" } };
  await lab.json(`/v1/tenants/${opted?.id}`, settings);
  for (const tenant of asking) await approvalSurfaces(lab, tenant, CONTENT);
  evidence = [];
  for (const tenant of [keeping, forgetting]) {
    const { entries } = await readLedger(lab, tenant.adminKey);
    const task = entries.findLast(({ kind }) => kind === "task.closed")?.task ?? "";
    evidence.push(await evidenceAnswers(lab, tenant, task));
  }
  answers = await controlAnswers(lab, [keeping, forgetting, ...asking]);
}, 300_000);
afterAll(async () => {
  await lab?.stop();
  await collector?.stop();
});

/** Calls every surface in every way that ends differently; what each answers is read to its end. */
async function everySurface(lab: Lab, tenant: Tenant): Promise<void> {
  const key = tenant.apiKey;
  const ask = async (path: string, body: unknown, headers: Record<string, string> = {}): Promise<string> => {
    const response = await lab.ask(path, { key, body, headers });
    // A broken stream ends in a destroyed connection.
    return response.text().catch(() => "");
  };
  const messages = [{ role: "system", content: `${CONTENT} system` }, user(`${CONTENT} chat`)];
  const CHAT = "/v1/chat/completions";
  const streams = [false, true];
  for (const stream of streams) {
    for (const model of [
      "echo",
      "synthetic",
      "status-500",
      "quoting-400",
      "quoting-500",
      "midstream",
      "no-usage",
      "garbage",
      "failing",
      "fallback",
    ])
      await ask(CHAT, { model, messages, stream, user: CONTENT, metadata: { note: CONTENT } });
    for (const model of BROUGHT_MODELS) await ask(CHAT, { model: `brought-${model}`, messages, stream });
    const keyed = { "idempotency-key": `${IDEMPOTENCY}-${stream}` };
    for (const _ of ["first", "again"]) await ask(CHAT, { model: "echo", messages, stream }, keyed);
    await ask(CHAT, { model: "quoting-400", messages, stream }, { "idempotency-key": `${IDEMPOTENCY}-bad-${stream}` });
    await ask("/v1/completions", { model: "echo", prompt: `${CONTENT} completion`, stream });
    await ask("/v1/messages", { model: "echo", max_tokens: 32, system: CONTENT, messages: [user(CONTENT)], stream });
    for (const store of [true, false])
      await ask("/v1/responses", {
        model: "echo",
        input: `${CONTENT} responses`,
        instructions: CONTENT,
        store,
        stream,
      });
  }
  await ask("/v1/embeddings", { model: "embed", input: [`${CONTENT} embedding`] });
  const conversation = await ask("/v1/conversations", { items: [user(CONTENT)], metadata: { topic: CONTENT } });
  const { id } = JSON.parse(conversation);
  if (typeof id === "string") {
    await ask(`/v1/conversations/${id}/items`, { items: [user(`${CONTENT} item`)] });
    const response = JSON.parse(await ask("/v1/responses", { model: "echo", input: CONTENT, conversation: id }));
    await ask("/v1/responses", { model: "echo", input: CONTENT, previous_response_id: response.id });
  }
  const cut = new AbortController();
  const stream = await lab.ask(CHAT, { key, signal: cut.signal, body: { model: "slow", messages, stream: true } });
  await stream.body?.getReader().read();
  cut.abort();
  await badRequests(lab, tenant);
}

/** Bad requests carry content too, also where nobody expects it: in names, paths, queries and headers. */
async function badRequests(lab: Lab, { apiKey: key }: Tenant): Promise<void> {
  const CHAT = "/v1/chat/completions";
  const bad: [string, Parameters<Lab["ask"]>[1]][] = [
    [CHAT, { key, body: `{"model":"echo","messages":[{"role":"user","content":"${CONTENT}` }],
    [CHAT, { key, body: `{"${CONTENT}":1,"${CONTENT}":2}` }],
    [CHAT, { key, body: { model: "echo", messages: CONTENT } }],
    [CHAT, { key, body: { model: CONTENT, messages: [user(CONTENT)] } }],
    [CHAT, { key, body: { model: "echo", messages: [user(CONTENT)], temperature: CONTENT } }],
    [CHAT, { key, body: { model: "embed", messages: [user(CONTENT)] } }],
    [CHAT, { key, body: CONTENT, headers: { "content-type": "text/plain" } }],
    [CHAT, { key, body: { model: "echo", messages: [user(CONTENT)] }, headers: { "idempotency-key": `${CONTENT} ` } }],
    [CHAT, { key, body: { model: "echo", messages: [user(CONTENT)] }, headers: { "x-bailiwick-intent": CONTENT } }],
    [CHAT, { key: WRONG_KEY, body: { model: "echo", messages: [user(CONTENT)] } }],
    [CHAT, { key: `${key.slice(0, -2)}00`, body: { model: "echo", messages: [user(CONTENT)] } }],
    [`/v1/models?prompt=${CONTENT}`, { key }],
    [`/v1/usage?group_by=${CONTENT}`, { key }],
    [`/v1/responses/${CONTENT}`, { key }],
    [`/v1/${CONTENT}`, { key }],
    ["/v1/embeddings", { key, body: { model: "embed", input: { text: CONTENT } } }],
    ["/v1/responses", { key, body: { model: "echo", input: CONTENT, previous_response_id: CONTENT } }],
    ["/v1/credentials", { key, body: { provider: "nobody", name: "x", secret: BROUGHT_KEY } }],
  ];
  for (const [path, options] of bad) await (await lab.ask(path, options)).text();
}

/** Everything that the control plane tells about the tenants. */
async function controlAnswers(lab: Lab, tenants: readonly Tenant[]): Promise<string> {
  const texts: string[] = [];
  for (const { adminKey: key, id } of tenants) {
    const { entries } = await readLedger(lab, key);
    texts.push(JSON.stringify(entries));
    for (const task of new Set(entries.flatMap((entry) => entry.task ?? [])))
      texts.push(await (await lab.ask(`/v1/tasks/${task}`, { key })).text());
    for (const path of [
      "/v1/usage?group_by=day,model,workspace,key",
      "/v1/keys",
      "/v1/credentials",
      "/v1/budgets",
      "/v1/decisions?limit=100",
      "/v1/erasures",
      "/v1/policies",
      `/v1/tenants/${id}`,
    ])
      texts.push(await (await lab.ask(path, { key })).text());
  }
  for (const path of ["/metrics", "/readyz", "/openapi.json"]) texts.push(await (await lab.ask(path)).text());
  return texts.join("\n");
}

/** The part of an API key that only its holder knows. */
const secretPart = (key: string): string => key.slice(key.lastIndexOf("_") + 1);
const tenantKeys = (): Record<string, string> =>
  Object.fromEntries(
    [keeping, forgetting, ...asking].flatMap(({ id, apiKey, adminKey }) => [
      [`API key of ${id}`, secretPart(apiKey)],
      [`admin key of ${id}`, secretPart(adminKey)],
    ]),
  );
const secrets = (): Record<string, string> => ({
  content: CONTENT,
  "the cell's provider key": CELL_KEY,
  "the tenant's provider key": BROUGHT_KEY,
  "an idempotency key": IDEMPOTENCY,
  "a wrong credential": WRONG_KEY,
  ...tenantKeys(),
  "the first API key": secretPart(lab.cell.apiKey),
  "the first admin key": secretPart(lab.cell.adminKey),
});

describe("canaries in prompts, provider keys and API keys", () => {
  it("reached the engine, so that a search which finds nothing has searched for something", () => {
    const heard = new Set(lab.upstream.seen.map(({ headers }) => headers.authorization));
    expect(heard).toContain(`Bearer ${CELL_KEY}`);
    expect(heard).toContain(`Bearer ${BROUGHT_KEY}`);
    expect(lab.upstream.about(CONTENT).length).toBeGreaterThan(50);
    const elsewhere = lab.upstream.seen.flatMap(({ headers: { authorization: _, ...rest }, raw }) => [
      raw,
      JSON.stringify(rest),
    ]);
    expect(
      findIn("requests to the engine", elsewhere.join("\n"), { CELL_KEY, BROUGHT_KEY, IDEMPOTENCY, ...tenantKeys() }),
    ).toEqual([]);
    expect(findIn("here", `x${Buffer.from(` ${CONTENT} `).toString("base64")}`, { CONTENT })).toHaveLength(1);
  });

  it("stand in no line of the log, so that who reads logs reads no prompt and no key", () => {
    const logs = lab.cell.logs().replaceAll(lab.cell.apiKey, "").replaceAll(lab.cell.adminKey, "");
    expect(logs).toContain('"event":');
    expect(logs.length).toBeLessThan(1024 * 1024);
    expect(findIn("log", logs, secrets())).toEqual([]);
  });

  it("leave the cell in no span, so that a collector never holds content", async () => {
    await eventually(
      async () => collector.spans.length,
      (count) => count > 200,
    );
    expect(collector.spans.map(({ name }) => name)).toContain("admit");
    expect(findIn("OTLP", collector.bodies.join("\n"), secrets())).toEqual([]);
  });

  it("are in no answer of ledger, tasks, usage, keys, credentials, metrics and readiness", () => {
    expect(answers).toContain("task.closed");
    expect(answers).toContain("gen_ai_client_token_usage");
    expect(findIn("answers", answers, secrets())).toEqual([]);
  });

  it("are in no export, OCSF event or checkpoint, and of a tenant that keeps no content in no evidence", () => {
    for (const [at, { evidence: envelope = "", ...told }] of evidence.entries()) {
      expect(told.export?.length).toBeGreaterThan(10_000);
      expect(told.ocsf).toContain("class_uid");
      for (const [what, text] of Object.entries(told)) expect(findIn(what, text, secrets())).toEqual([]);
      expect(envelope).toContain("payload");
      const { payload } = JSON.parse(envelope);
      const statement = Buffer.from(payload, "base64").toString();
      expect(statement).toContain("evidence/task/v1");
      if (at === 1) expect(findIn("evidence", statement, secrets())).toEqual([]);
    }
  });

  it("are in no file of the home but sealed, while it runs and after it stopped", async () => {
    const { entries } = await readLedger(lab, forgetting.adminKey);
    const last = entries.findLast(({ kind }) => kind === "task.closed")?.task ?? "";
    const database = join(lab.cell.home, "control-db");
    // The last event has reached the read models: before that, a search of the database proves nothing.
    const arrived = await eventually(
      async () => findUnder(database, { last }).length,
      (files) => files > 0,
      40_000,
    );
    expect(arrived).toBeGreaterThan(0);
    const own = [join(lab.cell.home, "keys.json")];
    expect(filesUnder(lab.cell.home).some((path) => path.endsWith(".sqlite-wal"))).toBe(true);
    expect(findUnder(lab.cell.home, secrets(), own)).toEqual([]);
    await lab.cell.restart();
    expect(findUnder(lab.cell.home, secrets(), own)).toEqual([]);
  });

  it("are not even sealed in a session of a tenant that keeps no content", () => {
    const sessions = readdirSync(join(lab.cell.home, "objects/session"));
    const named = ({ id }: Tenant) => id.replace(/[A-Z]/g, (letter) => `=${letter.toLowerCase()}`);
    expect(sessions.filter((name) => name.startsWith(`${named(keeping)}==`)).length).toBeGreaterThan(2);
    expect(sessions.filter((name) => name.startsWith(`${named(forgetting)}==`))).toEqual([]);
  });
});

describe("the keys of kept content", () => {
  const fileOf = (folder: string, name: string) =>
    join(
      lab.cell.home,
      "objects",
      folder,
      `${name.replace(/[A-Z:]/g, (found) => (found === ":" ? "==" : `=${found.toLowerCase()}`))}.sqlite`,
    );
  const keyIn = (path: string, query: string): Buffer => {
    const [row] = rowsOf(path, query);
    if (!(row?.wrapped instanceof Uint8Array)) throw new Error(`no wrapped key in ${path}`);
    return Buffer.from(row.wrapped);
  };
  /** Files of the home that hold the bytes, the log and free pages of databases included. */
  const holding = (bytes: Buffer) =>
    filesUnder(lab.cell.home).filter((path) => {
      try {
        return readFileSync(path).includes(bytes);
      } catch (cause) {
        // A file that was just given back holds nothing.
        if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return false;
        throw cause;
      }
    });

  it("are in no file of the home once their content was erased, while it runs and after it stopped", async () => {
    const subject = `erased-${randomBytes(4).toString("hex")}`;
    const { secret: key } = await lab.newKey(keeping, { subject, roles: ["developer"] });
    const client = lab.openai(key);
    const kept = await client.conversations.create({ items: [user(CONTENT)] });
    const gone = await client.conversations.create({ items: [user(CONTENT)] });
    const session = (id: string) => fileOf("session", `${keeping.id}:${id.slice("conv_".length)}`);
    const subjects = createHash("sha256").update(subject).digest("hex");
    const wrapped = "SELECT wrapped_key AS wrapped FROM session";
    const [keptKey, goneKey] = [keyIn(session(kept.id), wrapped), keyIn(session(gone.id), wrapped)];
    const subjectKey = keyIn(
      fileOf("tenant", keeping.id),
      `SELECT wrapped FROM subject_key WHERE subject = '${subjects}'`,
    );
    for (const bytes of [keptKey, goneKey, subjectKey]) expect(holding(bytes).length).toBeGreaterThan(0);

    await client.conversations.delete(gone.id);
    expect(holding(goneKey)).toEqual([]);
    const { adminKey } = keeping;
    await lab.json("/v1/erasures", { key: adminKey, body: { scope: "subject", subject } });
    expect(holding(subjectKey)).toEqual([]);
    await expect(client.conversations.retrieve(kept.id)).rejects.toMatchObject({ status: 404 });
    await lab.cell.restart();
    for (const bytes of [goneKey, subjectKey]) expect(holding(bytes)).toEqual([]);
    // Only its own end or a deletion takes this one, and nothing opens it any more.
    expect(holding(keptKey).length).toBeGreaterThan(0);
    await expect(client.conversations.retrieve(kept.id)).rejects.toMatchObject({ status: 404 });
  });
});
