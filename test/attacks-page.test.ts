import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FAMILIES } from "./attacks/families.ts";
import { OWASP_API, OWASP_LLM } from "./attacks/owasp.ts";
import { familySection } from "./attacks/page.ts";
import { PAGE } from "./attacks/run.ts";

describe("docs/attacks.md", () => {
  it.each(FAMILIES.map((family) => ({ title: family.title, family })))(
    "says of every attack of $title that what was seen is what must be seen",
    ({ family }) => {
      expect(readFileSync(PAGE, "utf8")).toContain(familySection(family, null));
    },
  );

  it("names each attack once", () => {
    const names = FAMILIES.flatMap(({ id, attacks }) => attacks.map((attack) => `${id}/${attack.id}`));
    expect(new Set(names).size).toBe(names.length);
  });

  it.each([...OWASP_API, ...OWASP_LLM])(
    "has attacks of $id $title, or says that it is out of scope",
    ({ id, about }) => {
      const tried = FAMILIES.flatMap(({ attacks }) => attacks.filter(({ owasp }) => owasp.includes(id)));
      if (!about.startsWith("Out of scope")) expect(tried.length).toBeGreaterThanOrEqual(2);
    },
  );
});
