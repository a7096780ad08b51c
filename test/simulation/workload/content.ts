import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Credential, ErasureFact, KeptResponse } from "../facts.ts";
import { checkLook } from "../invariants/content.ts";
import { mark } from "../parts/engines.ts";
import type { Answered } from "../parts/http.ts";
import type { Caller } from "./caller.ts";
import { object, saidBy } from "./read.ts";

const RESPONSES = "/v1/responses";
const TRIES_MAX = 30;

/** An application whose answers are kept: it goes on with them, and looks at them, its own and its colleagues', from anywhere. */
export async function rememberer(caller: Caller, credential: Credential, rounds: number): Promise<void> {
  const { random } = caller.cell.world;
  let conversation: string | null = null;
  for (let done = 0; done < rounds; done++) {
    await caller.pause(100, 8_000);
    if (random.chance(0.3)) conversation = await begin(caller, credential);
    await keep(caller, credential, random.chance(0.4) ? conversation : null);
    const known = [...caller.facts.kept.values()].filter(({ tenant }) => tenant === credential.tenant);
    for (let looks = random.below(3); looks > 0 && known.length > 0; looks--) {
      await caller.pause(50, 3_000);
      await look(caller, credential, random.pick(known));
    }
  }
}

async function begin(caller: Caller, credential: Credential): Promise<string | null> {
  const answer = await caller.send(credential, "POST", "/v1/conversations", {});
  const made = answer === null || answer.broken || answer.status !== 200 ? null : object(answer.text);
  return typeof made?.id === "string" ? made.id : null;
}

/** Asks for an answer that is kept, alone or behind another one. */
async function keep(caller: Caller, credential: Credential, conversation: string | null): Promise<void> {
  const { cell, facts } = caller;
  const { random } = cell.world;
  const { tenant, kid, subject } = credential;
  const own = [...facts.kept.values()].filter((one) => one.subject === subject && one.conversation === null);
  const before = conversation === null && own.length > 0 && random.chance(0.6) ? random.pick(own) : null;
  const background = random.chance(0.5);
  const prompt = facts.prompt({
    ...{ tenant, kid, key: null, kind: background ? ("background" as const) : ("session" as const) },
    model: random.pick(["direct", "pooled"]),
  });
  const sentMs = cell.world.now();
  const answer = await caller.prompt(credential, prompt, RESPONSES, {
    ...{ model: prompt.model, store: true, max_output_tokens: 16 },
    ...(background ? { background } : {}),
    ...(conversation === null ? {} : { conversation }),
    ...(before === null ? {} : { previous_response_id: before.id }),
    input: `${mark(tenant, prompt.id)} say something`,
  });
  const made = answer === null || answer.broken || answer.status !== 200 ? null : object(answer.text);
  if (typeof made?.id !== "string") return;
  facts.kept.set(made.id, {
    ...{ id: made.id, tenant, subject, prompt: prompt.id, conversation, sentMs, toldMs: cell.world.now() },
    whole: made.status === "completed" && made.store === true,
  });
}

/** Reads one that is, or was, kept. */
export async function look(caller: Caller, credential: Credential, kept: KeptResponse): Promise<Answered | null> {
  const { world } = caller.cell;
  const sentMs = world.now();
  const answer = await caller.send(credential, "GET", `${RESPONSES}/${kept.id}`);
  if (answer === null || answer.broken) return null;
  const body = object(answer.text);
  if (answer.status === 200 && body?.status === "completed") kept.whole = true;
  const { said } = saidBy(answer);
  if (said !== null)
    caller.facts.prompts.get(kept.prompt)?.answers.push({ answer, sentMs, doneMs: world.now(), said, complete: true });
  checkLook(world, caller.facts, kept, { status: answer.status, tells: body?.status !== "failed", sentMs });
  return answer;
}

/** Has content destroyed: a response, a conversation, or everything of a subject, each until it is certain. */
export async function eraser(
  caller: Caller,
  admin: Credential,
  apps: readonly Credential[],
  times: number,
): Promise<void> {
  const { cell, facts } = caller;
  const { random } = cell.world;
  const { tenant } = admin;
  for (let done = 0; done < times; done++) {
    await caller.pause(3_000, 20_000);
    const known = [...facts.kept.values()].filter((kept) => kept.tenant === tenant);
    const scope = random.pick(["subject", "subject", "response", "conversation"] as const);
    const object =
      scope === "subject"
        ? random.pick(apps).subject
        : random.pick([null, ...known.map((kept) => (scope === "response" ? kept.id : kept.conversation))]);
    if (object === null) continue;
    await erase(caller, admin, { tenant, scope, object });
  }
}

async function erase(
  caller: Caller,
  admin: Credential,
  asked: Pick<ErasureFact, "tenant" | "scope" | "object">,
): Promise<void> {
  const { world } = caller.cell;
  const fact: ErasureFact = { ...asked, sentMs: world.now(), toldMs: Number.POSITIVE_INFINITY, tries: 0 };
  caller.facts.erasures.push(fact);
  const { scope, object: name } = asked;
  const [method, path, body]: [string, string, JsonObject | null] =
    scope === "subject"
      ? ["POST", "/v1/erasures", { scope, subject: name }]
      : ["DELETE", `/v1/${scope}s/${name}`, null];
  while (fact.tries < TRIES_MAX) {
    fact.tries++;
    world.note(`${admin.tenant}: the ${scope} ${name} is to be erased`);
    const answer = await caller.send(admin, method, path, body);
    // What is not there any more is what was wanted, of a try whose answer was lost, or of somebody else.
    const over =
      answer !== null && !answer.broken && (answer.status === 200 || (scope !== "subject" && answer.status === 404));
    if (over) {
      fact.toldMs = world.now();
      world.note(`${admin.tenant}: the ${scope} ${name} is erased (${answer.status})`);
      return;
    }
    await caller.pause(200, 5_000);
  }
}
