import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectedOn } from "./attack.ts";
import { FAMILIES } from "./families.ts";
import { page } from "./page.ts";
import { type Range, RUNTIMES, startRange } from "./range.ts";
import { PAGE } from "./run.ts";

describe.each(RUNTIMES)("a cell under attack on %s", (runtime) => {
  let range: Range & { stop(): Promise<void> };
  beforeAll(async () => {
    range = await startRange(runtime);
  });
  afterAll(() => range?.stop());

  for (const { title, attacks } of FAMILIES)
    describe(title, () => {
      it.each(attacks)("$id: $attack", { timeout: 60_000 }, async (attack) => {
        expect(await attack.observe(range)).toBe(expectedOn(attack, runtime));
      });
    });

  it("serves a good caller afterwards as before, so that no attack took it down", async () => {
    expect(await range.chat(range.victim.apiKey)).toBe("200, engine asked");
  });
});

it("is told as it was in docs/attacks.md; `node test/attacks/run.ts` tells it anew", () => {
  expect(readFileSync(PAGE, "utf8")).toBe(page(null));
});
