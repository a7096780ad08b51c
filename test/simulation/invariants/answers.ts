import type { Facts, Prompt } from "../facts.ts";
import { IDLE_TIMEOUT_MS } from "../parts/config.ts";
import type { Generation } from "../parts/engines.ts";
import type { Complain } from "./judge.ts";

const BEGINS = /^(g\d+)\.0\//;

/** Every answer is what one engine said to that very prompt: all of it where it ended as complete, else a beginning. */
export function checkAnswers(facts: Facts, generations: readonly Generation[], complain: Complain): void {
  const byId = new Map(generations.map((generation) => [generation.id, generation]));
  for (const prompt of facts.prompts.values()) {
    const whole = new Set<string>();
    for (const { said, complete } of prompt.answers) {
      if (said !== null) checkSaid(prompt, said, complete, byId, complain);
      if (complete && said !== null) whole.add(said);
    }
    // A provider that said everything is paid, and is not asked the same again; our own pool may repeat a lost run.
    const asked = generations.filter((one) => one.prompt === prompt.id && one.lane !== "pool");
    const finished = asked.filter((one) => one.finished && !givenUp(one, asked));
    const calls = prompt.key === null ? prompt.sentMs.length : 1;
    if (finished.length > calls)
      complain("what a provider did is never done again", `${prompt.id}: ${finished.map(({ id }) => id).join(", ")}`);
    if (prompt.key === null) continue;
    // Everything that was given out under one key is one outcome.
    if (whole.size > 1) complain("one outcome per idempotency key", `${prompt.id}: ${[...whole].join(" | ")}`);
    const [one] = whole;
    for (const { said } of prompt.answers)
      if (one !== undefined && said !== null && !one.startsWith(said))
        complain("one outcome per idempotency key", `${prompt.id}: ${said} is no beginning of ${one}`);
    const tasks = new Set(
      prompt.answers.flatMap(({ answer, said }) => (said === null ? [] : [taskOf(answer.headers)])),
    );
    tasks.delete(null);
    if (tasks.size > 1) complain("one outcome per idempotency key", `${prompt.id}: tasks ${[...tasks].join(", ")}`);
    checkReplays(prompt, complain);
  }
}

/** What says nothing for so long is asked in vain: the same call goes on to its next candidate, though an answer is on its way. */
const givenUp = ({ asker, startedMs, heardMs }: Generation, asked: readonly Generation[]): boolean =>
  asked.some(
    (next) =>
      next.asker === asker &&
      next.startedMs >= startedMs + IDLE_TIMEOUT_MS &&
      (heardMs === null || heardMs > next.startedMs),
  );

const taskOf = (headers: Readonly<Record<string, string>>): string | null => headers["x-bailiwick-task"] ?? null;

/** Without comments: they only keep a connection open, and a replay has no need of them. */
const eventsOf = (text: string): string => text.replace(/^:[^\n]*\n\n/gm, "");

/** Whole answers of a finished call are the same bytes, however often they are asked for. */
function checkReplays(prompt: Prompt, complain: Complain): void {
  if (prompt.kind === "background") return;
  const bodies = new Set(
    prompt.answers.flatMap(({ answer, complete, said }) => (complete && said !== null ? [eventsOf(answer.text)] : [])),
  );
  if (bodies.size > 1) complain("replays are byte-identical", `${prompt.id}: ${[...bodies].join("\n---\n")}`);
}

export function checkSaid(
  prompt: Prompt,
  said: string,
  complete: boolean,
  byId: ReadonlyMap<string, Generation>,
  complain: Complain,
): void {
  if (said === "") {
    if (complete) complain("no answer ends as complete with tokens missing", `${prompt.id}: nothing at all`);
    return;
  }
  const [, id = ""] = BEGINS.exec(said) ?? [];
  const generation = byId.get(id);
  if (generation === undefined) {
    // A beginning may be shorter than a name.
    const short = !complete && /^g\d*(\.0?)?$/.test(said);
    if (!short) complain("answers hold what an engine said", `${prompt.id}: ${said}`);
    return;
  }
  const text = generation.words.join(" ");
  if (generation.tenant !== prompt.tenant)
    complain("nothing of a tenant reaches another", `${prompt.id} of ${prompt.tenant} got ${said}`);
  else if (generation.prompt !== prompt.id) complain("answers are to what was asked", `${prompt.id}: ${said}`);
  else if (complete && said !== text)
    complain("no answer ends as complete with tokens missing", `${prompt.id}: ${said} in place of ${text}`);
  if (!text.startsWith(said))
    complain("no stream carries other tokens", `${prompt.id}: ${said} is no beginning of ${text}`);
}
