import { TABLE, TRESPASSERS } from "../support/trespass.ts";
import { type Attack, expectedOn, type Family } from "./attack.ts";
import { FAMILIES } from "./families.ts";
import { type Item, OWASP_API, OWASP_LLM } from "./owasp.ts";
import { type AttackedRuntime, RUNTIMES } from "./range.ts";

/** What was seen on each runtime: of each attack, by `<family>/<id>`, and of the matrix, by `<operation>/<who>`. */
export type Observed = Readonly<Record<AttackedRuntime, ReadonlyMap<string, string>>>;

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

/** Once where all runtimes were seen to do the same, else for each of them. */
function seen(observed: Observed | null, name: string, expected: (runtime: AttackedRuntime) => string): string {
  const all = RUNTIMES.map((runtime) =>
    observed === null ? expected(runtime) : (observed[runtime].get(name) ?? "not tried"),
  );
  const [first = ""] = all;
  return new Set(all).size === 1 ? first : RUNTIMES.map((runtime, at) => `${runtime}: ${all[at]}`).join("; ");
}

/** What must be seen, and on which runtime something else, with the reason. */
function expectation({ expected, on = {} }: Attack): string {
  const others = RUNTIMES.flatMap((runtime) => {
    const other = on[runtime];
    return other === undefined ? [] : [`; on ${runtime} ${other.expected}: ${other.because}`];
  });
  return `${expected}${others.join("")}`;
}

/** The attacks of one family, as the page has them. */
export function familySection({ id, title, about, attacks }: Family, observed: Observed | null): string {
  const rows = attacks.map((attack) =>
    row(
      `\`${attack.id}\``,
      attack.attack,
      expectation(attack),
      seen(observed, `${id}/${attack.id}`, (runtime) => expectedOn(attack, runtime)),
    ),
  );
  return `## ${title}\n\n${about}\n\n${table(["id", "attack", "expected", "observed"], rows)}`;
}

/** docs/attacks.md. Without observations: what must be seen, which is what the committed page has to say. */
export function page(observed: Observed | null): string {
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
          refusal.what === null
            ? note(refusal.why)
            : short(seen(observed, `${operation.id}/${who}`, () => refusal.what)),
        ),
      ),
    ),
  );
  return `# Attacks

What was tried against running cells on Deno and on workerd, over HTTP and raw sockets, what had to be seen, and what was seen: once where both did the same. The page is written by \`node test/attacks/run.ts\`, which runs ${attacks} attacks and ${tried} cells of the matrix on each; \`test/attacks\` has them as data. Tests hold the page against them (\`npm run test:heavy -- test/attacks\`).

An attack is a row, not a claim: what is not here was not tried. Rows that differ by runtime say why: workerd refuses some bytes by itself, before any code of ours, and tells our code less of a connection.

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
