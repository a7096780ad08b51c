import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { controlDbUp } from "../support/operation-rows.ts";
import { TABLE, trespass } from "../support/trespass.ts";
import { FAMILIES } from "./families.ts";
import { type Observed, page } from "./page.ts";
import { type Range, RUNTIMES, startRange } from "./range.ts";

export const PAGE = join(import.meta.dirname, "../../docs/attacks.md");

/** Tries every attack, one after the other, and answers what was seen. */
export async function tryAll(range: Range): Promise<Map<string, string>> {
  const observed = new Map<string, string>();
  for (const { id, attacks } of FAMILIES)
    for (const attack of attacks) observed.set(`${id}/${attack.id}`, await attack.observe(range).catch(String));
  const trespassing = await trespass(range.lab);
  for (const { operation, refusals } of TABLE)
    for (const { who, refusal } of refusals)
      if (refusal.what !== null)
        observed.set(`${operation.id}/${who}`, await trespassing.observe(operation, who).catch(String));
  return observed;
}

if (import.meta.main) {
  const observed: Partial<Record<keyof Observed, Map<string, string>>> = {};
  for (const runtime of RUNTIMES) {
    const range = await startRange(runtime);
    try {
      await controlDbUp(range.lab);
      observed[runtime] = await tryAll(range);
    } finally {
      await range.stop();
    }
  }
  writeFileSync(PAGE, page({ deno: observed.deno ?? new Map(), workerd: observed.workerd ?? new Map() }));
}
