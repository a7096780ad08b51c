import { generateKeyPairSync } from "node:crypto";
import { demandApprovals } from "./approvals-bundle.ts";
import { approvalsDesk } from "./approvals-desk.ts";
import { deadLetter } from "./dead-letters.ts";
import { eventually, type Lab, marker, user } from "./lab.ts";
import type { OperationRow, Place } from "./operation-row.ts";
import { policyBundle } from "./policy-bundle.ts";
import { postgresBinaries } from "./postgres.ts";
import { POLICY_TENANTS } from "./test-config.ts";

const post = async (place: Place, path: string, body: object) =>
  place.lab.json(path, { key: place.tenant.adminKey, body });
const made = (path: string, body: object, param: string) => async (place: Place) => ({
  [param]: String((await post(place, path, body)).id),
});

async function task({ lab, tenant }: Place): Promise<Record<string, string>> {
  const body = { model: "small", messages: [user("x")] };
  const response = await lab.ask("/v1/chat/completions", { key: tenant.apiKey, body });
  await response.text();
  return { task_id: response.headers.get("x-bailiwick-task") ?? "" };
}

/** Asks until what was recorded is published; the first question has that done at once. */
async function published(lab: Lab, path: string, key: string): Promise<Response> {
  const ask = () => lab.ask(path, { key });
  const answered = await eventually(ask, ({ status }) => status !== 404 && status !== 409, 30_000);
  if (!answered.ok) throw new Error(`${path}: ${answered.status} ${await answered.text()}`);
  return answered;
}
async function provenTask(place: Place): Promise<Record<string, string>> {
  const path = await task(place);
  await (await published(place.lab, `/v1/tasks/${path.task_id}/evidence`, place.tenant.adminKey)).body?.cancel();
  return path;
}
/** The right edge of level 0. */
async function edgeTile(lab: Lab, key: string, log: string): Promise<Record<string, string>> {
  await (await published(lab, `${log}/export`, key)).body?.cancel();
  const [, size = "0"] = (await (await published(lab, `${log}/checkpoint`, key)).text()).split("\n");
  const [n, width] = [Math.floor(Number(size) / 256), Number(size) % 256];
  return { path: `0/${String(width === 0 ? n - 1 : n).padStart(3, "0")}${width === 0 ? "" : `.p/${width}`}` };
}
const exportable = async (place: Place) => void (await edgeTile(place.lab, place.tenant.adminKey, "/v1/ledger"));
const cellExportable = async ({ lab }: Place) => void (await edgeTile(lab, lab.cell.adminKey, "/v1/cell/ledger"));
const ofTheLog = "a tile's path is of each log's own";
const byCellOperator = true as const;
const versioned = { nobodys: "a model's name is the cell's", path: async () => ({ model: "versioned", version: "2" }) };
const ofTheCell = "pools are the cell's own: no tenant has ids there";
const pool = async () => ({ pool: "local" });
const letter = async ({ lab, tenant }: Place) => ({
  ...(await pool()),
  letter_id: (await deadLetter(lab, tenant)).letter,
});

const response = made("/v1/responses", { model: "small", input: "x", store: true }, "response_id");
const background = made("/v1/responses", { model: "small", input: "x", background: true }, "response_id");
async function backgroundTask(place: Place): Promise<Record<string, string>> {
  const { response_id = "" } = await background(place);
  return { task_id: `task_${response_id.split("_")[2]}` };
}
const conversation = made("/v1/conversations", { items: [] }, "conversation_id");
async function item(place: Place): Promise<Record<string, string>> {
  const { conversation_id } = await conversation(place);
  const items = [{ type: "message", role: "user", content: "x" }];
  const added = await post(place, `/v1/conversations/${conversation_id}/items`, { items });
  return { conversation_id: String(conversation_id), item_id: String(added.data[0].id) };
}

const key = made("/v1/keys", { name: "row", roles: ["developer"] }, "kid");
const budget = made("/v1/budgets", { period: "month", limit_usd: "1" }, "budget_id");
const credential = made("/v1/credentials", { provider: "openai", name: "row", secret: "row-key" }, "credential_id");
const ownTenant = async ({ tenant }: Place) => ({ tenant_id: tenant.id });
/** Pins are the tenant's own, whatever workspaces its registry has. */
const pinRow: OperationRow = {
  async path({ lab, tenant }) {
    await lab.json("/v1/workspaces/pinned/pin", {
      key: tenant.adminKey,
      method: "PUT",
      body: { privacy: "local-only" },
    });
    return { workspace_id: "pinned" };
  },
  nobodys: "a workspace's name is one that each tenant gives its own",
};
const ofTwoCells: OperationRow = {
  path: ownTenant,
  byCellOperator,
  nobodys: "tenants are moved by the cells' operators alone, whose they are or not",
  elsewhere: "a move takes two cells: test/conformance/tenant-move.test.ts",
};

/** Of every tenant, from its first moment. */
const PARENTS: Readonly<Record<string, object>> = {
  project: { workspace: "default" },
  environment: { workspace: "default", project: "default" },
};
let scopes = 0;
const fresh = (kind: string) => `${kind}-${process.pid}-${++scopes}`;
const scope = (kind: string) => async (place: Place) => {
  const id = fresh(kind);
  await post(place, `/v1/${kind}s`, { id, name: "Row", ...PARENTS[kind] });
  return { [`${kind}_id`]: id };
};
const needsControlDb = true as const;
const scopeRows = (kind: string, before?: OperationRow["before"]): Record<string, OperationRow> => ({
  [`${kind}s.create`]: { needsControlDb, ...(before ? { before } : {}) },
  [`${kind}s.list`]: { needsControlDb },
  [`${kind}s.get`]: { needsControlDb, path: scope(kind) },
  [`${kind}s.update`]: { needsControlDb, path: scope(kind) },
  [`${kind}s.archive`]: { needsControlDb, path: scope(kind) },
});
const research = async (place: Place) =>
  void (await post(place, "/v1/workspaces", { id: "research", name: "Research" }));
async function summaries(place: Place): Promise<void> {
  await research(place);
  await post(place, "/v1/projects", { id: "summaries", workspace: "research", name: "Summaries" });
}

async function policyKey({ lab, tenant }: Place): Promise<Record<string, string>> {
  const { publicKey } = generateKeyPairSync("ed25519");
  const public_key = publicKey.export({ type: "spki", format: "pem" });
  const kid = fresh("row");
  const body = { algorithm: "EdDSA", public_key };
  await lab.json(`/v1/policies/keys/${kid}`, { key: tenant.adminKey, method: "PUT", body });
  return { kid };
}

/** Bundles of one tenant have rising revisions, whatever suite keeps them. */
let revisions = 0;
const bundle = ({ tenant }: Place) => policyBundle({ tenant: tenant.id, revision: ++revisions });
async function keep({ lab, tenant }: Place, body: Uint8Array): Promise<Record<string, string>> {
  const headers = { "content-type": "application/gzip" };
  const kept = await lab.json("/v1/policies/bundles", { key: tenant.adminKey, method: "PUT", body, headers });
  return { revision: String(kept.revision) };
}
const keptBundle = async (place: Place) => keep(place, await bundle(place));
const firstBundle = async (place: Place) =>
  void (await keep(place, await policyBundle({ tenant: place.tenant.id, revision: 1 })));
async function activeBundle(place: Place): Promise<Record<string, string>> {
  const path = await keptBundle(place);
  await post(place, `/v1/policies/bundles/${path.revision}/activate`, {});
  return path;
}
async function decision({ lab, tenant }: Place): Promise<Record<string, string>> {
  await (
    await lab.ask("/v1/chat/completions", { key: tenant.apiKey, body: { model: "small", messages: [user("x")] } })
  ).text();
  const { data } = await lab.json("/v1/decisions?limit=1", { key: tenant.adminKey });
  return { decision_id: String(data[0].id) };
}
const ASKED = POLICY_TENANTS.asked;
/** Something that waits for an administrator; asked for by a developer, or by the place's own administrator. */
const waiting =
  (who: "apiKey" | "adminKey" = "apiKey") =>
  async ({ lab, tenant }: Place) => {
    await demandApprovals(lab, tenant, { models: { small: { role: "admin", edit: true } } });
    return { approval_id: await approvalsDesk(lab).ask(tenant[who], "small", marker()) };
  };
const seenDigest = async ({ lab, tenant }: Place, { approval_id = "" }: Record<string, string>) => ({
  digest: (await approvalsDesk(lab).get(tenant.adminKey, approval_id)).digest,
});
/** Asked for by the place's administrator, approved by another one whose key that one did not make, and run. */
async function approvedOwn(place: Place): Promise<Record<string, string>> {
  const path = await waiting("adminKey")(place);
  const desk = approvalsDesk(place.lab);
  const { lab, tenant } = place;
  const other = await lab.json("/v1/keys", {
    key: lab.cell.adminKey,
    headers: { "x-tenant": tenant.id },
    body: { name: "test", roles: ["admin"] },
  });
  await desk.decide(other.secret, path.approval_id, "approve");
  await desk.done(other.secret, path.approval_id);
  return path;
}
const configured = POLICY_TENANTS.rows;
/** A stranger's layer has revisions of its own. */
const nobodys = "a revision is a number of each layer's own";

const BOUNDARY = "row-of-files";
/** The form of an upload, as bytes. */
const form = (purpose: string): Uint8Array => {
  const part = (disposition: string, body: string) =>
    `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${body}\r\n`;
  const line = {
    custom_id: "1",
    method: "POST",
    url: "/v1/chat/completions",
    body: { model: "small", messages: [user("x")] },
  };
  const file = part('name="file"; filename="a.jsonl"', JSON.stringify(line));
  return new TextEncoder().encode(`${part('name="purpose"', purpose)}${file}--${BOUNDARY}--\r\n`);
};
const file =
  (purpose = "batch") =>
  async ({ lab, tenant }: Place): Promise<Record<string, string>> => {
    const headers = { "content-type": `multipart/form-data; boundary=${BOUNDARY}` };
    const made = await lab.json("/v1/files", { key: tenant.apiKey, headers, body: form(purpose) });
    return { file_id: String(made.id) };
  };
async function batch(place: Place): Promise<Record<string, string>> {
  const { file_id } = await file()(place);
  const body = { input_file_id: file_id, endpoint: "/v1/chat/completions", completion_window: "24h" };
  return { batch_id: String((await place.lab.json("/v1/batches", { key: place.tenant.apiKey, body })).id) };
}

/** One row per operation id. */
export const OPERATION_ROWS: Readonly<Record<string, OperationRow>> = {
  "chat.completions.create": {},
  "responses.create": {},
  "completions.create": {},
  "embeddings.create": {},
  "predict.create": { alias: { deployment: "versioned", version: "2" } },
  "messages.create": {},
  "models.list": {},
  "models.get": { path: async () => ({ model: "small" }), nobodys: "a model's name is the cell's" },
  "tensors.server": {},
  "tensors.live": {},
  "tensors.ready": {},
  ...Object.fromEntries(["", "-version", "-ready", "-ready-version"].map((of) => [`tensors.model${of}`, versioned])),
  "tasks.create": {},
  "tasks.get": { path: task },
  "tasks.events": { path: backgroundTask },
  "tasks.socket": { socket: true },
  "tasks.cancel": { path: backgroundTask },
  "responses.get": { path: response },
  "responses.input-items": { path: response },
  "responses.delete": { path: response },
  "responses.cancel": { path: background },
  "conversations.create": {},
  "conversations.get": { path: conversation },
  "conversations.update": { path: conversation },
  "conversations.delete": { path: conversation },
  "conversations.items.list": { path: conversation },
  "conversations.items.create": { path: conversation },
  "conversations.items.get": { path: item },
  "conversations.items.delete": { path: item },
  "erasures.create": {},
  "erasures.list": {},
  "files.create": {
    bytes: { media: `multipart/form-data; boundary=${BOUNDARY}`, make: async () => form("batch") },
  },
  "files.list": {},
  "files.get": { path: file() },
  "files.content": { path: file() },
  "files.delete": { path: file() },
  "batches.create": { knows: async (place) => ({ input_file_id: (await file()(place)).file_id }) },
  "batches.list": {},
  "batches.get": { path: batch },
  "batches.cancel": { path: batch },
  "tenants.create": { byCellOperator: true },
  "tenants.list": { byCellOperator: true },
  "tenants.get": { path: ownTenant },
  "tenants.update": { path: ownTenant },
  "tenants.leave": ofTwoCells,
  "tenants.move.get": ofTwoCells,
  "tenants.move.cancel": ofTwoCells,
  "tenants.export": ofTwoCells,
  "tenants.release": ofTwoCells,
  "tenants.import.part": {
    ...ofTwoCells,
    bytes: { media: "application/octet-stream", make: async () => new Uint8Array(1) },
    path: async (place) => ({ ...(await ownTenant(place)), sha256: "ab".repeat(32) }),
  },
  "tenants.import": ofTwoCells,
  "tenants.activate": ofTwoCells,
  ...scopeRows("workspace"),
  "workspaces.pin": pinRow,
  "workspaces.pin.get": pinRow,
  "workspaces.unpin": pinRow,
  ...scopeRows("project", research),
  ...scopeRows("environment", summaries),
  "keys.create": {},
  "keys.list": {},
  "keys.rotate": { path: key },
  "keys.revoke": { path: key },
  "budgets.create": {},
  "budgets.list": {},
  // Putting a budget creates it: a stranger gets one of their own, whatever others have under that id.
  "budgets.put": { path: budget, stranger: 200 },
  "budgets.delete": { path: budget },
  "credentials.create": {},
  "credentials.list": {},
  "credentials.delete": { path: credential },
  "usage.report": {},
  "tasks.evidence": { path: provenTask },
  "pools.list": { byCellOperator },
  "pools.get": { byCellOperator, nobodys: ofTheCell, path: pool },
  "pools.dead-letters.list": { byCellOperator, nobodys: ofTheCell, path: pool },
  "pools.dead-letters.purge": { byCellOperator, nobodys: ofTheCell, path: pool },
  "pools.dead-letters.get": { byCellOperator, nobodys: ofTheCell, path: letter },
  "pools.dead-letters.delete": { byCellOperator, nobodys: ofTheCell, path: letter },
  "pools.dead-letters.redrive": { byCellOperator, nobodys: ofTheCell, path: letter },
  "workers.token": { byWorker: true },
  "workers.connect": { byWorker: true },
  "cell.workload-keys": {},
  "ledger.list": {},
  "ledger.checkpoint": { before: exportable },
  "ledger.tile": {
    nobodys: ofTheLog,
    path: ({ lab, tenant }) => edgeTile(lab, tenant.adminKey, "/v1/ledger"),
  },
  "ledger.export": { before: exportable },
  "cell.ledger.list": { byCellOperator },
  "cell.ledger.checkpoint": { byCellOperator, before: cellExportable },
  "cell.ledger.tile": {
    byCellOperator,
    nobodys: ofTheLog,
    path: ({ lab }) => edgeTile(lab, lab.cell.adminKey, "/v1/cell/ledger"),
  },
  "cell.ledger.export": { byCellOperator, before: cellExportable },
  "policies.get": {},
  "policies.bundles.put": { configured, bytes: { media: "application/gzip", make: bundle } },
  "policies.bundles.list": {},
  "policies.bundles.get": { configured, nobodys, path: keptBundle },
  "policies.bundles.archive": { configured, nobodys, path: keptBundle },
  "policies.bundles.activate": { configured, nobodys, path: keptBundle },
  "policies.rollback": { configured, before: async (place) => void (await activeBundle(place)) },
  "policies.canary.end": {},
  "policies.simulate": { configured: POLICY_TENANTS.first, before: firstBundle },
  "policies.keys.put": {
    path: async () => ({ kid: fresh("row") }),
    nobodys: "a key's id is a name that each tenant gives its own",
  },
  "policies.keys.list": {},
  "policies.keys.get": { path: policyKey },
  "policies.keys.delete": { path: policyKey },
  "approvals.list": {},
  "approvals.get": { configured: ASKED, path: waiting() },
  "approvals.approve": { configured: ASKED, path: waiting(), knows: seenDigest },
  "approvals.reject": { configured: ASKED, path: waiting(), knows: seenDigest },
  "approvals.edit": { configured: ASKED, path: waiting(), knows: seenDigest },
  "approvals.result": { configured: ASKED, path: approvedOwn },
  "decisions.list": {},
  "decisions.log": {},
  "decisions.get": { path: decision },
  "cell.health": {},
  "cell.ready": { byCellOperator: true },
  "cell.metrics": { byCellOperator: true },
  "cell.protected-resource": {},
  "cell.signing-keys": {},
  "cell.openapi": {},
  "cell.reference": {},
};

/** Why a row cannot be tried in a cell; null when it can. */
export const missingFor = (row: OperationRow, lab: Lab): string | null =>
  row.needsControlDb && !hasControlDb(lab) ? "this cell has no control database" : null;

/** An embedded cell has its own; a workerd cell has PostgreSQL where this machine does. */
const hasControlDb = (lab: Lab): boolean => lab.cell.runtime !== "workerd" || postgresBinaries() !== null;

/** The control database boots beside the cell, which serves without it. Resolves at once where there is none. */
export async function controlDbUp(lab: Lab): Promise<void> {
  if (!hasControlDb(lab)) return;
  // A busy machine may be too slow for a probe: the cell is unready then, and asked again.
  const state = async () => (await lab.ask("/readyz", { key: lab.cell.adminKey })).text();
  await eventually(state, (text) => !/"unready"|control-db/.test(text), 60_000);
}

/** A path with its parameters filled in. */
export const fill = (path: string, values: Readonly<Record<string, string>>): string =>
  path.replace(/\{(\w+)\}/g, (_all, name: string) => values[name] ?? `missing-${name}`);

/** An id of the same form that nobody has. */
export const unlike = (id: string): string =>
  id.replace(/.{1,6}$/, (end) => (/^0+$/.test(end) ? "1" : "0").repeat(end.length));
