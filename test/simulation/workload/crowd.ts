import type { Credential, Prompt } from "../facts.ts";
import { refusedByPool } from "../invariants/pools.ts";
import type { Answered } from "../parts/http.ts";
import { type Caller, chatBody } from "./caller.ts";
import { object } from "./read.ts";

const CHAT = "/v1/chat/completions";
const MODEL = "pooled";
/** So long after a crowd a pool has nothing left to do, and after an edge came back its workers have. */
const GONE_MS = 60_000;
const RETURNS_MAX = 5;
/** What a wait is estimated at says little while answers take ten seconds that no worker has told of yet: nobody leaves. */
const PATIENCE_MS = 600_000;

const asked = (caller: Caller, { tenant, kid }: Credential): Prompt => {
  const { random } = caller.cell.world;
  const key = random.chance(0.5) ? `key-${random.uint32()}` : null;
  const kind = random.chance(0.5) ? "stream" : "unary";
  return caller.facts.prompt({ ...{ tenant, kid, key, kind }, model: MODEL });
};

const ask = (
  caller: Caller,
  credential: Credential,
  prompt: Prompt,
  patienceMs: number | null = null,
): Promise<Answered | null> =>
  caller.prompt(credential, prompt, CHAT, chatBody(prompt, prompt.kind === "stream"), null, patienceMs);

/** More at once than a pool can do soon; some of those who are refused come back. */
export async function crowd(caller: Caller, credential: Credential, size: number): Promise<void> {
  const { random } = caller.cell.world;
  await caller.pause(1_000, 40_000);
  const one = async (): Promise<void> => {
    await caller.pause(0, 500);
    const prompt = asked(caller, credential);
    for (let tries = 0; tries < 3; tries++) {
      const answer = await ask(caller, credential, prompt);
      // Without a key nobody asks again what may have been done.
      if (answer === null ? prompt.key === null : !refusedByPool(answer)) return;
      if (random.chance(0.3)) return;
      await caller.pause(500, 15_000);
    }
  };
  await Promise.all(Array.from({ length: size }, one));
}

/** The same while nothing fails: who is let in is served, who is not is told so, and is served once the crowd has gone. */
export async function crowdInPeace(caller: Caller, credential: Credential, size: number): Promise<void> {
  const { world, edges } = caller.cell;
  // Peace begins once the last edge that was stopped goes on, and workers found back to it.
  const untilMs = Math.max(...edges.map((edge) => edge?.process.stoppedUntilMs ?? 0));
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, untilMs - world.now()) + GONE_MS));
  world.note("— a crowd comes in peace —");
  const prompts = Array.from({ length: size }, () => asked(caller, credential));
  const answers = await Promise.all(prompts.map((prompt) => ask(caller, credential, prompt, PATIENCE_MS)));
  const served = prompts.map((prompt, at) => outcome(caller, prompt, answers[at] ?? null, true));
  if (!served.some((what) => what !== "refused"))
    world.violated("a pool at rest takes what it can do", `none of ${size} calls was let in`);
  await new Promise((resolve) => setTimeout(resolve, GONE_MS));
  for (const [at, prompt] of prompts.entries())
    if (served[at] === "refused") await comesBack(caller, credential, prompt);
}

/** One who was refused asks again when it was told to: what others sent just before may count still, but not for long. */
async function comesBack(caller: Caller, credential: Credential, prompt: Prompt): Promise<void> {
  for (let tries = 0; tries < RETURNS_MAX; tries++) {
    const answer = await ask(caller, credential, prompt, PATIENCE_MS);
    if (outcome(caller, prompt, answer, tries + 1 < RETURNS_MAX) !== "refused") return;
    const afterS = Number(answer?.headers["retry-after"]);
    await new Promise((resolve) => setTimeout(resolve, afterS * 1_000));
  }
}

/** What came of one call of such a crowd; anything but an answer, a refusal or an exhausted budget is a violation. */
function outcome(
  caller: Caller,
  prompt: Prompt,
  answer: Answered | null,
  mayRefuse: boolean,
): "served" | "refused" | "poor" {
  const { world } = caller.cell;
  if (answer !== null && mayRefuse && refusedByPool(answer)) return "refused";
  if (answer?.status === 200 && prompt.answers.at(-1)?.complete === true) return "served";
  const error = object(answer?.text ?? "")?.error;
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : null;
  if (code === "budget_exhausted" || code === "insufficient_quota") return "poor";
  world.violated("who is let in by a pool is served", `${prompt.id}: ${answer?.status} ${answer?.text.slice(0, 200)}`);
  return "served";
}
