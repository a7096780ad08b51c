import { TABLE, TRESPASSERS } from "../support/trespass.ts";
import type { Family } from "./attack.ts";
import { FAMILIES } from "./families.ts";
import { type Item, OWASP_API, OWASP_LLM } from "./owasp.ts";

/** What was seen of each attack, by `<family>/<id>`, and of the matrix, by `<operation>/<who>`. */
export type Observed = ReadonlyMap<string, string>;

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const row = (...cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
const table = (head: readonly string[], rows: readonly string[]): string =>
  [row(...head), `|${head.map(() => "---").join("|")}|`, ...rows].join("\n");

const index = (items: readonly Item[]): string =>
  table(
    ["item", "about", "attacks"],
    items.map(({ id, title, about }) => {
      const tried = FAMILIES.flatMap((family) =>
        family.attacks.filter(({ owasp }) => owasp.includes(id)).map((attack) => `${family.id}/${attack.id}`),
      );
      return row(
        `${id} ${title}`,
        about,
        tried.length === 0
          ? "none"
          : `${tried.length}: ${tried
              .slice(0, 6)
              .map((name) => `\`${name}\``)
              .join(", ")}${tried.length > 6 ? " …" : ""}`,
      );
    }),
  );

const seenOf =
  (observed: Observed | null) =>
  (name: string, expected: string): string =>
    observed === null ? expected : (observed.get(name) ?? "not tried");

/** The attacks of one family, as the page has them. */
export function familySection({ id, title, about, attacks }: Family, observed: Observed | null): string {
  const seen = seenOf(observed);
  const rows = attacks.map((attack) =>
    row(`\`${attack.id}\``, attack.attack, attack.expected, seen(`${id}/${attack.id}`, attack.expected)),
  );
  return `## ${title}\n\n${about}\n\n${table(["id", "attack", "expected", "observed"], rows)}`;
}

/** docs/attacks.md. Without observations: what must be seen, which is what the committed page has to say. */
export function page(observed: Observed | null): string {
  const seen = seenOf(observed);
  const attacks = FAMILIES.reduce((sum, family) => sum + family.attacks.length, 0);
  const tried = TABLE.reduce(
    (sum, { refusals }) => sum + refusals.filter(({ refusal }) => refusal.what !== null).length,
    0,
  );
  const families = FAMILIES.map((family) => familySection(family, observed));
  const notes: string[] = [];
  const note = (why: string): string => {
    if (!notes.includes(why)) notes.push(why);
    return `(${notes.indexOf(why) + 1})`;
  };
  const matrix = table(
    ["operation", ...TRESPASSERS],
    TABLE.map(({ operation, refusals }) =>
      row(
        `\`${operation.id}\``,
        ...refusals.map(({ who, refusal }) =>
          refusal.what === null ? note(refusal.why) : short(seen(`${operation.id}/${who}`, refusal.what)),
        ),
      ),
    ),
  );
  return `# Attacks

What was tried against a running cell (Deno, over HTTP and raw sockets), what had to be seen, and what was seen. The page is written by \`npm run attacks\`, which runs ${attacks} attacks and ${tried} cells of the matrix; \`test/attacks\` has them as data. Tests hold the page against them.

An attack is a row, not a claim: what is not here was not tried. The matrix runs on workerd too, with the other conformance suites.

## OWASP API Security Top 10 (2023)

${index(OWASP_API)}

## OWASP Top 10 for LLM applications (2025)

${index(OWASP_LLM)}

${families.join("\n\n")}

## Every operation × everybody who must not

\`404=\`: the answer is the same, byte for byte but for ids and times, as for an id that never was. A new operation without a row in \`test/support/operation-rows.ts\` fails the suite.

${matrix}

${notes.map((why, at) => `(${at + 1}) ${why}`).join("  \n")}
`;
}

const short = (seen: string): string =>
  seen.replace(/^(\d+)(?: \w+)?, as for what never was$/, "$1=").replace(" invalid_api_key", "");
