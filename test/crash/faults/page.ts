import { FAULTS, type FaultId, STEPS, type StepId, takenBy, touches } from "./matrix.ts";
import { NOT_RUN } from "./not-run.ts";
import type { Result } from "./results.ts";
import { ROWS, type Row, type RowId } from "./rows.ts";

// safe because: the keys of constant objects
const faultIds = Object.keys(FAULTS) as FaultId[];
const stepIds = Object.keys(STEPS) as StepId[];
export const rowIds = Object.keys(ROWS) as RowId[];

/** Rows that make this fault at this step. */
export const rowsOf = (fault: FaultId, step: StepId): RowId[] =>
  rowIds.filter((id) => {
    const row: Row = ROWS[id];
    return row.fault === fault && row.steps.includes(step);
  });

export type Pair = { fault: FaultId; step: StepId } & (
  | { kind: "tested"; rows: RowId[] }
  | { kind: "untouched"; reason: string }
  | { kind: "not run"; reason: string }
  | { kind: "forgotten" }
);

/** Every fault at every step, and what is known of it. */
export const pairs = (): Pair[] =>
  faultIds.flatMap((fault) =>
    stepIds.map((step): Pair => {
      const rows = rowsOf(fault, step);
      if (rows.length > 0) return { fault, step, kind: "tested", rows };
      if (!touches(fault, step)) return { fault, step, kind: "untouched", reason: `stands on no ${takenBy(fault)}` };
      const reason = NOT_RUN[`${fault}/${step}`];
      return reason === undefined ? { fault, step, kind: "forgotten" } : { fault, step, kind: "not run", reason };
    }),
  );

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => "---"), ...rows].map((each) => `| ${each.map(cell).join(" | ")} |`).join("\n");

/** `docs/faults.md`: the declared matrix and the results that runs wrote, nothing else. */
export function faultsPage(results: readonly Result[]): string {
  const seen = Map.groupBy(results, ({ row }) => row);
  const all = pairs();
  const count = (kind: Pair["kind"]) => all.filter((pair) => pair.kind === kind).length;
  const told = rowIds.filter((id) => seen.has(id)).length;
  const state = (id: RowId): string => (seen.has(id) ? id : `${id} (no result yet)`);
  const commits = [...new Set(results.map(({ commit }) => commit))];
  const machines = [...new Set(results.map(({ machine }) => machine))];
  const days = [...new Set(results.map(({ at }) => at.slice(0, 10)))].sort();
  return `# Fault matrix

Each fault that can be made on one machine, at each step whose result somebody relies on. Real processes: a cell, workers, PostgreSQL, Redis, SQS's wire, an engine; after each fault the invariants are checked (one end and one charge a task, no hold left, ledger chained, all sums agree). Generated: \`node test/crash/faults/main.ts [test files]\` runs the tests and writes what each says that it saw; \`--page\` renders this page alone. \`test/faults.test.ts\` holds that no pair is missing and that the page is what the table and the results give.

${all.length} pairs of ${faultIds.length} faults and ${stepIds.length} steps: ${count("tested")} have a test, ${count("untouched")} do not touch each other, ${count("not run")} are not run here. ${rowIds.length} rows, ${told} of them with a result${
    results.length === 0
      ? "."
      : ` (${days.join(", ")}; ${commits.length === 1 ? `commit ${commits[0]}` : `commits ${commits.join(", ")}`}; ${machines.join("; ")}).`
  } A result is that of a test that passed: it is written behind the last assertion.

## Faults

${table(
  ["fault", "how it is made", "takes away"],
  faultIds.map((id) => [FAULTS[id].title, FAULTS[id].how, FAULTS[id].takes.join(", ")]),
)}

## Steps

${table(
  ["step", "durable behind it", "stands on"],
  stepIds.map((id) => [STEPS[id].title, STEPS[id].what, STEPS[id].needs.join(", ")]),
)}

## What was seen

${table(
  ["row", "fault", "steps", "expected", "observed", "test"],
  rowIds.map((id) => {
    const row: Row = ROWS[id];
    const found = (seen.get(id) ?? []).map(({ on, observed, commit }) => `${on} (${commit}): ${observed}`);
    return [
      id,
      FAULTS[row.fault].title,
      row.steps.map((step) => STEPS[step].title).join(", "),
      row.expected,
      found.length === 0 ? "**no result yet**" : found.join("<br>"),
      `\`${row.test}\``,
    ];
  }),
)}

## Every pair

${faultIds
  .map(
    (fault) => `### ${FAULTS[fault].title}

${table(
  ["step", "rows, or why there is none"],
  all
    .filter((pair) => pair.fault === fault)
    .map((pair) => [
      STEPS[pair.step].title,
      pair.kind === "tested"
        ? pair.rows.map(state).join(", ")
        : pair.kind === "untouched"
          ? `untouched: ${pair.reason}`
          : `**not run here**: ${pair.kind === "not run" ? pair.reason : "forgotten"}`,
    ]),
)}`,
  )
  .join("\n\n")}
`;
}
