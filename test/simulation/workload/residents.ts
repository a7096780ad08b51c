import type { Credential, Prompt } from "../facts.ts";
import type { TenantName } from "../parts/config.ts";
import { guardedAsker, toldTask } from "./approvals.ts";
import { type Caller, chatBody } from "./caller.ts";
import { chatter } from "./chatter.ts";
import { eraser, rememberer } from "./content.ts";
import { type People, revokes } from "./others.ts";

const REPLAYS_MAX = 3;
const CHAT = "/v1/chat/completions";

/** A tenant in its new home: its applications go on with what they had, ask again what they asked before, and more. */
export async function resident(caller: Caller, people: People, tenant: TenantName): Promise<void> {
  const { shape, world } = caller.cell;
  const { random } = world;
  const working: Promise<void>[] = [];
  for (const key of people.keys[tenant]) {
    working.push(asksAgain(caller, key), chatter(caller, key, 1 + random.below(3)));
    if (shape.keeps) working.push(rememberer(caller, key, 1 + random.below(2)));
    if (shape.tells) working.push(toldTask(caller, key));
    if (shape.governed) working.push(guardedAsker(caller, key));
  }
  if (shape.keeps) working.push(eraser(caller, people.admins[tenant], people.keys[tenant], 1));
  if (random.chance(0.3)) working.push(revokes(caller, people, tenant));
  await Promise.all(working);
}

/** What was answered under a key before the move is answered the same behind it. */
async function asksAgain(caller: Caller, credential: Credential): Promise<void> {
  const { random } = caller.cell.world;
  const answered = [...caller.facts.prompts.values()].filter(
    ({ kid, key, kind, answers }) =>
      kid === credential.kid &&
      key !== null &&
      (kind === "unary" || kind === "stream") &&
      answers.some(({ complete }) => complete),
  );
  for (let n = 0; n < REPLAYS_MAX && answered.length > 0; n++) {
    await caller.pause(50, 3_000);
    const prompt: Prompt = random.pick(answered);
    await caller.prompt(credential, prompt, CHAT, chatBody(prompt, prompt.kind === "stream"));
  }
}
