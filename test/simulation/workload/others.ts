import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Credential } from "../facts.ts";
import type { SimulatedCell } from "../parts/cell.ts";
import { OPERATORS, type TenantName } from "../parts/config.ts";
import { mark } from "../parts/engines.ts";
import type { Caller } from "./caller.ts";
import { object } from "./read.ts";

/** Who runs the cell, and whose keys there are. */
export interface People {
  /** Of each cell. */
  operators: ReadonlyMap<SimulatedCell, Credential>;
  admins: Readonly<Record<TenantName, Credential>>;
  /** Keys of applications; the last of each tenant may be revoked. */
  keys: Readonly<Record<TenantName, Credential[]>>;
}

/** Revokes, suspends, tightens and takes it back; what was acknowledged is in force from then on. */
export async function administrator(
  caller: Caller,
  people: People,
  tenant: TenantName,
  actions: number,
): Promise<void> {
  const { world } = caller.cell;
  const { random } = world;
  const admin = people.admins[tenant];
  for (let done = 0; done < actions; done++) {
    await caller.pause(1_000, 15_000);
    const action = random.below(4);
    if (action === 0) {
      await revokes(caller, people, tenant);
    } else if (action === 1)
      await changed(caller, people, null, tenant, "suspended", { suspended: true }, { suspended: false });
    else if (action === 2)
      await changed(caller, people, admin, tenant, "local-only", { privacy: "local-only" }, { privacy: "allow-api" });
    else await look(caller, admin);
  }
}

/** One of a tenant's keys is revoked: once that was acknowledged, it opens nothing any more. */
export async function revokes(caller: Caller, people: People, tenant: TenantName): Promise<void> {
  const { facts } = caller;
  const { world } = caller.cell;
  const victim = people.keys[tenant].at(-1);
  if (victim === undefined) return;
  facts.revoking.add(victim.kid);
  const told = await caller.settled(people.admins[tenant], "DELETE", `/v1/keys/${victim.kid}`);
  if (told === null || told.answer.status >= 300) return;
  world.note(`${tenant}: key ${victim.kid} is revoked`);
  facts.acknowledged.push({
    ...{ kind: "revoked", tenant, kid: victim.kid },
    ...{ fromMs: world.now(), untilMs: Number.POSITIVE_INFINITY },
  });
}

const OPERATED_TRIES_MAX = 15;

/** Done by an operator of the cell that has the tenant, whichever that is. */
async function operated(
  caller: Caller,
  { operators }: People,
  tenant: TenantName,
  ...[method, path, body]: [string, string, JsonObject]
): Promise<boolean> {
  // A tenant of the operators' name is in each cell: theirs is another one.
  const cells = tenant === OPERATORS ? [...operators].slice(0, 1) : [...operators];
  for (let tries = 0; tries < OPERATED_TRIES_MAX; tries++) {
    const [cell, operator] = caller.cell.world.random.pick(cells);
    const answer = await caller.sendTo(cell, operator, method, path, body);
    if (answer !== null && !answer.broken && answer.status < 300) return true;
    await caller.pause(200, 3_000);
  }
  return false;
}

/** `by` null: an operator. */
async function changed(
  caller: Caller,
  people: People,
  by: Credential | null,
  tenant: TenantName,
  kind: "suspended" | "local-only",
  patch: { suspended?: boolean; privacy?: string },
  back: { suspended?: boolean; privacy?: string },
): Promise<void> {
  const { world } = caller.cell;
  const path = `/v1/tenants/${tenant}`;
  const change = async (to: typeof patch): Promise<boolean> => {
    if (by === null) return operated(caller, people, tenant, "PATCH", path, to);
    const done = await caller.settled(by, "PATCH", path, to);
    if (done?.answer.text.includes("tenant_suspended"))
      // A suspension whose answer was lost may come behind its undoing: then nobody of the tenant can help it.
      await operated(caller, people, tenant, "PATCH", path, { suspended: false });
    return done !== null && done.answer.status < 300;
  };
  const done = await change(patch);
  const fact = { kind, tenant, kid: null, fromMs: world.now(), untilMs: Number.POSITIVE_INFINITY };
  if (done) {
    world.note(`${tenant} is ${kind}`);
    caller.facts.acknowledged.push(fact);
  }
  await caller.pause(500, 12_000);
  // From the first try on it may be undone.
  fact.untilMs = world.now();
  while (!(await change(back))) await caller.pause(20, 200);
  world.note(`${tenant} is not ${kind} any more`);
}

/** Reads its ledger, whose size and head must never be taken back. */
async function look(caller: Caller, admin: Credential): Promise<void> {
  const read = await caller.settled(admin, "GET", "/v1/ledger?limit=1");
  if (read === null || read.answer.status !== 200) return;
  const { size, head } = read.body;
  if (typeof size === "number" && typeof head === "string")
    caller.facts.heads.push({ tenant: admin.tenant, size, head });
}

/** Uploads a batch, has it run, looks after it and at times cancels it. */
export async function batcher(caller: Caller, credential: Credential): Promise<void> {
  const { world } = caller.cell;
  const { random } = world;
  const { tenant, kid } = credential;
  const model = random.pick(["direct", "direct", "pooled"]);
  const lines = new Map<string, string>();
  const texts = Array.from({ length: 3 + random.below(4) }, (_, at) => {
    const prompt = caller.facts.prompt({ ...{ tenant, kid, model, key: null }, kind: "batch" });
    prompt.sentMs.push(world.now());
    lines.set(`line-${at}`, prompt.id);
    const messages = [{ role: "user", content: `${mark(tenant, prompt.id)} say something` }];
    const body = { model, max_completion_tokens: 14, messages };
    return JSON.stringify({ custom_id: `line-${at}`, method: "POST", url: "/v1/chat/completions", body });
  });
  const file = await upload(caller, credential, texts.join("\n"));
  if (file === null) return;
  // Its request has no key: a batch whose answer was lost is nobody's, and runs all the same.
  const made = await caller.send(credential, "POST", "/v1/batches", {
    ...{ input_file_id: file, endpoint: "/v1/chat/completions", completion_window: "24h" },
  });
  const body = made === null || made.broken || made.status !== 200 ? null : object(made.text);
  if (typeof body?.id !== "string") return;
  world.note(`${tenant} has batch ${body.id} of ${lines.size} lines`);
  caller.facts.batches.push({ tenant, id: body.id, lines });
  if (random.chance(0.2)) {
    await caller.pause(500, 20_000);
    await caller.settled(credential, "POST", `/v1/batches/${body.id}/cancel`);
    world.note(`${tenant} cancels its batch`);
  }
}

async function upload(caller: Caller, credential: Credential, text: string): Promise<string | null> {
  const boundary = "simulated-boundary";
  const field = (name: string, content: string, more = "") =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n${content}\r\n`;
  const form = `${field("purpose", "batch")}${field("file", text, '; filename="in.jsonl"')}--${boundary}--\r\n`;
  for (let tries = 0; tries < 4; tries++) {
    const answer = await caller.send(credential, "POST", "/v1/files", new TextEncoder().encode(form), {
      headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
    });
    const body = answer === null || answer.broken || answer.status !== 200 ? null : object(answer.text);
    if (typeof body?.id === "string") return body.id;
    if (answer !== null && (answer.status === 401 || answer.status === 403)) return null;
    await caller.pause(200, 4_000);
  }
  return null;
}
