import type { Credential } from "../facts.ts";
import { mark } from "../parts/engines.ts";
import { type Caller, chatBody } from "./caller.ts";
import { object, objects, saidBy } from "./read.ts";

const CHAT = "/v1/chat/completions";
const LOOKS_MAX = 12;
const MARK = /\[[a-z]+ (q\d+)\]/;

/** Asks for what somebody must approve, again at times and from anywhere, and reads what came of it. */
export async function guardedAsker(caller: Caller, credential: Credential): Promise<void> {
  const { world } = caller.cell;
  const { random } = world;
  await caller.pause(20, 20_000);
  const { tenant, kid } = credential;
  const key = random.chance(0.5) ? `key-${random.uint32()}` : null;
  const prompt = caller.facts.prompt({ ...{ tenant, kid, key }, kind: "guarded", model: "guarded" });
  const body = chatBody(prompt, false);
  let approval: string | null = null;
  for (let tries = 0; tries < 4 && approval === null; tries++) {
    const answer = await caller.prompt(credential, prompt, CHAT, body);
    approval = answer?.headers["x-bailiwick-approval"] ?? null;
    if (answer?.status === 401 || answer?.status === 429) return;
    await caller.pause(200, 8_000);
  }
  if (approval === null) return;
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    await caller.pause(1_000, 10_000);
    const sentMs = world.now();
    const result = await caller.send(credential, "GET", `/v1/approvals/${approval}/result`);
    if (result === null || result.broken) continue;
    if (result.status === 200) {
      const { said, complete } = saidBy(result);
      prompt.answers.push({ answer: result, sentMs, doneMs: world.now(), said, complete });
      world.note(`${prompt.id}: what was approved answered ${String(said).slice(0, 40)}`);
      if (key !== null && random.chance(0.5)) await caller.prompt(credential, prompt, CHAT, body);
      return;
    }
    if (result.status === 410 || result.status === 401) return;
  }
}

/** Looks at what waits and decides, most for it, some twice and from anywhere; goes on until its verdicts stand. */
export async function approver(caller: Caller, admin: Credential, goesOn: () => boolean): Promise<void> {
  const { world } = caller.cell;
  while (goesOn()) {
    await caller.pause(1_000, 12_000);
    const listed = await caller.send(admin, "GET", "/v1/approvals?state=pending");
    const page = listed === null || listed.broken || listed.status !== 200 ? null : object(listed.text);
    for (const { id } of page === null ? [] : objects(page.data))
      if (typeof id === "string" && !caller.facts.approvals.has(id)) await look(caller, admin, id);
    for (const asked of caller.facts.approvals.values())
      if (asked.tenant === admin.tenant && (!asked.acknowledged || world.random.chance(0.1)))
        await decide(caller, admin, asked.id);
  }
}

/** Says once more, with nothing in the way, what nobody answered to: else an approval would never begin to run. */
export async function finishVerdicts(caller: Caller, admin: Credential): Promise<void> {
  for (const { id, tenant, acknowledged } of caller.facts.approvals.values())
    for (let tries = 0; !acknowledged && tenant === admin.tenant && tries < LOOKS_MAX; tries++) {
      await decide(caller, admin, id);
      if (caller.facts.approvals.get(id)?.acknowledged) break;
      await caller.pause();
    }
}

async function look(caller: Caller, admin: Credential, id: string): Promise<void> {
  const seen = await caller.send(admin, "GET", `/v1/approvals/${id}`);
  const body = seen === null || seen.broken || seen.status !== 200 ? null : object(seen.text);
  const [, prompt] = MARK.exec(seen?.text ?? "") ?? [];
  if (body === null || typeof body.digest !== "string" || prompt === undefined) return;
  const verdict = caller.cell.world.random.chance(0.2) ? "reject" : "approve";
  caller.facts.approvals.set(id, {
    ...{ id, tenant: admin.tenant, prompt, digest: body.digest, verdict, acknowledged: false },
  });
}

async function decide(caller: Caller, admin: Credential, id: string): Promise<void> {
  const asked = caller.facts.approvals.get(id);
  if (asked === undefined) return;
  const { world } = caller.cell;
  world.note(`${admin.tenant}: ${asked.verdict} ${id} of ${asked.prompt}`);
  const told = await caller.send(admin, "POST", `/v1/approvals/${id}/${asked.verdict}`, { digest: asked.digest });
  if (told === null || told.broken) return;
  if (told.status === 200) asked.acknowledged = true;
  else if (told.status === 409 || told.status === 404) {
    world.note(`${id}: ${told.text.slice(0, 160)}`);
    asked.acknowledged = true;
  }
}

/** A task whose end somebody is told of, asked for under one key until it is there. */
export async function toldTask(caller: Caller, credential: Credential): Promise<void> {
  const { random } = caller.cell.world;
  await caller.pause(20, 20_000);
  const { tenant, kid } = credential;
  const model = random.pick(["direct", "remote", "pooled"]);
  const prompt = caller.facts.prompt({ ...{ tenant, kid, model }, kind: "task", key: `key-${random.uint32()}` });
  const body = {
    ...{ intent: "chat", model, input: `${mark(tenant, prompt.id)} say something` },
    params: { max_completion_tokens: 14 },
    callback_url: `https://receiver.example.com/${prompt.id}`,
  };
  for (let tries = 0; tries < 5; tries++) {
    const answer = await caller.prompt(credential, prompt, "/v1/tasks", body);
    if (answer !== null && !answer.broken && answer.status < 500 && answer.status !== 409) return;
    await caller.pause(100, 8_000);
  }
}
