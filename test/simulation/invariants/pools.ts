import type { Facts } from "../facts.ts";
import type { TenantName } from "../parts/config.ts";
import type { Generation } from "../parts/engines.ts";
import type { Answered } from "../parts/http.ts";
import type { Complain } from "./judge.ts";

const CODES = ["pool_overloaded", "pool_unavailable"];

/** Whether an answer says that no worker takes the call now. */
export const refusedByPool = ({ status, text, broken }: Answered): boolean =>
  !broken && (status === 429 || status === 503) && CODES.some((code) => text.includes(`"${code}"`));

/** What a pool refused was not run and not charged, and was told when to come back. */
export function checkRefused(
  facts: Facts,
  tenant: TenantName,
  generations: readonly Generation[],
  charged: ReadonlyMap<string, number>,
  complain: Complain,
): void {
  for (const prompt of facts.prompts.values()) {
    if (prompt.tenant !== tenant) continue;
    const refused = prompt.answers.filter(({ answer }) => refusedByPool(answer));
    for (const { answer } of refused) {
      if (answer.headers["retry-after"] === undefined)
        complain("who is refused by a pool is told when to come back", `${prompt.id}: ${answer.text}`);
      const task = answer.headers["x-bailiwick-task"];
      if (task === undefined) continue;
      // A key's stored answer needs no worker: with one, this is asked behind admission.
      if (prompt.key === null) complain("what a pool refused is never opened", `${prompt.id}: ${task}`);
      const ran = generations.find((one) => one.task === task);
      if (ran !== undefined) complain("what a pool refused is never run", `${prompt.id}: ${task} ran as ${ran.id}`);
      if ((charged.get(task) ?? 0) !== 0)
        complain("what a pool refused is never charged", `${prompt.id}: ${task} cost ${charged.get(task)}`);
    }
    const never = refused.length > 0 && refused.length === prompt.sentMs.length;
    const ran = never ? generations.find((one) => one.prompt === prompt.id) : undefined;
    if (ran !== undefined) complain("what a pool refused is never run", `${prompt.id} ran as ${ran.id}`);
  }
}
