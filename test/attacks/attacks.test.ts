import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { controlDbUp } from "../support/operation-rows.ts";
import { FAMILIES } from "./families.ts";
import { type Range, startRange } from "./range.ts";

describe("a cell under attack", () => {
  let range: Range & { stop(): Promise<void> };
  beforeAll(async () => {
    range = await startRange();
    if (process.env.ATTACKS_MATRIX !== "off") await controlDbUp(range.lab);
  });
  afterAll(() => range?.stop());

  for (const { title, attacks } of FAMILIES)
    describe(title, () => {
      it.each(attacks)("$id: $attack", { timeout: 60_000 }, async ({ expected, observe }) => {
        expect(await observe(range)).toBe(expected);
      });
    });

  it("serves a good caller afterwards as before, so that no attack took it down", async () => {
    expect(await range.chat(range.victim.apiKey)).toBe("200, engine asked");
  });
});
