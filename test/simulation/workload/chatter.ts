import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Credential, Prompt } from "../facts.ts";
import { mark } from "../parts/engines.ts";
import { type Caller, chatBody } from "./caller.ts";
import { object } from "./read.ts";

const CHAT = "/v1/chat/completions";
const MODELS = ["direct", "direct", "remote", "chain", "pooled", "pooled"] as const;
/** Workers, and what they leave, are what slow lives are about. */
const SLOW_MODELS = ["direct", "remote", "chain", "pooled", "pooled", "pooled"] as const;
const POLLS_MAX = 12;

/** An application: it asks one thing after another in every way there is. */
export async function chatter(caller: Caller, credential: Credential, actions: number): Promise<void> {
  const { random } = caller.cell.world;
  for (let done = 0; done < actions; done++) {
    await caller.pause();
    const action = random.below(10);
    if (action < 3) await plain(caller, credential);
    else if (action < 7) await withKey(caller, credential);
    else if (action < 9) await background(caller, credential);
    else await session(caller, credential);
  }
}

function asked(caller: Caller, { tenant, kid }: Credential, kind: Prompt["kind"], key: string | null, model?: string) {
  const { world, shape } = caller.cell;
  const models = shape.slow ? SLOW_MODELS : MODELS;
  return caller.facts.prompt({ ...{ tenant, kid, kind, key }, model: model ?? world.random.pick(models) });
}

async function plain(caller: Caller, credential: Credential): Promise<void> {
  const { random } = caller.cell.world;
  const stream = random.chance(0.6);
  const prompt = asked(caller, credential, stream ? "stream" : "unary", null);
  const leaves = random.chance(0.25) ? random.below(6) : null;
  await caller.prompt(credential, prompt, CHAT, chatBody(prompt, stream), leaves);
}

async function withKey(caller: Caller, credential: Credential): Promise<void> {
  const { random } = caller.cell.world;
  const stream = random.chance(0.5);
  const prompt = asked(caller, credential, stream ? "stream" : "unary", `key-${random.uint32()}`);
  await caller.keyed(credential, prompt, CHAT, chatBody(prompt, stream));
}

/** A response in the background: asked for, looked at from time to time, cancelled at times. */
async function background(caller: Caller, credential: Credential): Promise<void> {
  const { random } = caller.cell.world;
  const prompt = asked(caller, credential, "background", `key-${random.uint32()}`);
  const body: JsonObject = {
    ...{ model: prompt.model, background: true, max_output_tokens: 16 },
    input: `${mark(prompt.tenant, prompt.id)} say something`,
  };
  let id: string | null = null;
  for (let tries = 0; tries < 4 && id === null; tries++) {
    const answer = await caller.prompt(credential, prompt, "/v1/responses", body);
    const made = answer === null || answer.status !== 200 ? null : object(answer.text);
    if (typeof made?.id === "string") id = made.id;
    else if (answer !== null && answer.status < 500 && answer.status !== 409) return;
    await caller.pause(100, 5_000);
  }
  if (id === null) return;
  if (random.chance(0.2)) await caller.send(credential, "POST", `/v1/responses/${id}/cancel`);
  for (let polls = 0; polls < POLLS_MAX; polls++) {
    const sentMs = caller.cell.world.now();
    const answer = await caller.send(credential, "GET", `/v1/responses/${id}`);
    const found = answer === null || answer.broken ? null : object(answer.text);
    if (answer && found && answer.status === 200 && found.status === "completed") {
      const said = textOf(found);
      prompt.answers.push({ answer, sentMs, doneMs: caller.cell.world.now(), said, complete: true });
      return;
    }
    if (typeof found?.status === "string" && ["failed", "cancelled", "incomplete"].includes(found.status)) return;
    await caller.pause(1_000, 12_000);
  }
}

function textOf(response: JsonObject): string | null {
  const { output } = response;
  if (!Array.isArray(output)) return null;
  return output
    .flatMap((item) => (typeof item === "object" && item !== null && !Array.isArray(item) ? [item.content] : []))
    .flatMap((content) => (Array.isArray(content) ? content : []))
    .map((part) =>
      typeof part === "object" && part !== null && !Array.isArray(part) && typeof part.text === "string"
        ? part.text
        : "",
    )
    .join("");
}

/** Two turns of a conversation that the cell keeps. */
async function session(caller: Caller, credential: Credential): Promise<void> {
  let previous: string | null = null;
  for (let turn = 0; turn < 2; turn++) {
    const prompt = asked(caller, credential, "session", null, "direct");
    const answer = await caller.prompt(credential, prompt, "/v1/responses", {
      ...{ model: prompt.model, store: true, max_output_tokens: 16 },
      ...(previous === null ? {} : { previous_response_id: previous }),
      input: `${mark(prompt.tenant, prompt.id)} say something`,
    });
    const made = answer === null || answer.status !== 200 ? null : object(answer.text);
    if (typeof made?.id !== "string") return;
    previous = made.id;
    await caller.pause();
  }
}
