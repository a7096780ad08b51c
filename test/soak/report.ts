import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Sample } from "./samples.ts";
import type { Count } from "./tally.ts";

export interface SoakResult {
  at: string;
  commit: string;
  machine: { cpu: string; cores: number; memory_bytes: number; load: number[] };
  options: { minutes: number; runtime: string; fault_every_s: number };
  ran_s: number;
  /** From the end of the load until every check of the running cell was done. */
  quiet_s: number;
  faults: { name: string; at_s: number; lasted_s: number }[];
  checks: { what: string; holds: boolean }[];
  problems: string[];
  verified: { tenant: number; entries: number; line: string }[];
  loads: Record<string, Count>;
  violations: string[];
  odd: string[];
  audit: { databases: number; leaks: Record<string, number> };
  samples: Sample[];
}

/** A process that was measured for less is not judged. */
const LIFE_S_MIN = 120;
/** Start-up and filling caches are no leak. */
const WARM_S = 60;
const POINTS_MIN = 6;
/** A database and its log, each once for SQLite and once for the syncs. */
const DESCRIPTORS_A_DATABASE = 4;
/** From here on as many databases are open as may be, and each new one closes another. */
const DESCRIPTORS_FULL = DESCRIPTORS_A_DATABASE * LIMITS.openObjectsMax;

export interface Life {
  life: number;
  from_s: number;
  seconds: number;
  anonymous_mib: [first: number, last: number];
  /** Least squares while databases are opened, and over what follows once as many are open as may be; null if it is too short. */
  filling: number | null;
  full: number | null;
  descriptors: [first: number, last: number];
}

/** Every life of the cell that was long enough, with its memory and descriptors from warm to end. */
export function livesOf(samples: readonly Sample[]): Life[] {
  const lives: Life[] = [];
  for (const [life, all] of Map.groupBy(samples, (each) => each.life)) {
    const [first] = all;
    const warm = all.filter(({ at_s, anonymous_mib }) => at_s >= (first?.at_s ?? 0) + WARM_S && anonymous_mib !== null);
    const [begin, end] = [warm[0], warm.at(-1)];
    if (!begin || !end || end.at_s - begin.at_s < LIFE_S_MIN - WARM_S) continue;
    const points = warm.map(({ at_s, anonymous_mib }) => [at_s / 60, anonymous_mib ?? 0] as const);
    const reached = warm.findIndex(({ descriptors }) => (descriptors ?? 0) >= DESCRIPTORS_FULL);
    const filled = reached < 0 ? points.length : reached;
    lives.push({
      ...{ life, from_s: first?.at_s ?? 0, seconds: end.at_s - (first?.at_s ?? 0) },
      anonymous_mib: [begin.anonymous_mib ?? 0, end.anonymous_mib ?? 0],
      filling: slope(points.slice(0, filled)),
      full: slope(points.slice(filled)),
      descriptors: [begin.descriptors ?? 0, end.descriptors ?? 0],
    });
  }
  return lives;
}

function slope(points: readonly (readonly [number, number])[]): number | null {
  if (points.length < POINTS_MIN) return null;
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0);
  const under = points.reduce((sum, [px]) => sum + (px - x) ** 2, 0);
  return under === 0 ? 0 : over / under;
}

const fixed = (value: number | null, digits = 1): string => (value === null ? "–" : value.toFixed(digits));
const row = (...cells: (string | number)[]): string => `| ${cells.join(" | ")} |`;
const table = (head: string[], rows: string[]): string =>
  [row(...head), `|${head.map(() => "---").join("|")}|`, ...rows].join("\n");
const range = (values: readonly (number | null)[]): string => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? "–" : `${Math.min(...known)} to ${Math.max(...known)}`;
};

/** `docs/soak.md`, made of one run's results alone. */
export function soakPage(result: SoakResult): string {
  const { samples, options, machine } = result;
  const counts = Object.entries(result.loads).sort(([one], [other]) => (one < other ? -1 : 1));
  const lives = livesOf(samples);
  const end = samples.at(-1);
  const quarters = [0.25, 0.5, 0.75, 1].map((part) => samples[Math.max(0, Math.round(samples.length * part) - 1)]);
  return `# Soak

\`npm run soak -- --minutes 60\` puts one embedded cell (${options.runtime}), two worker processes, a PostgreSQL and an engine on loopback under a constant mixed load, breaks something every few minutes, and then holds what is left against the invariants. This page is what the last run wrote; the samples are in \`test/soak/results\`. A run cannot be resumed. \`--help\` tells the options. The checks behind the load may take half an hour: a line of a batch that a killed cell left with a provider is open until its deadline of 30 minutes, when what was held becomes its charge.

| this run | |
|---|---|
| begun | ${result.at}, commit ${result.commit} |
| machine | ${machine.cores} × ${machine.cpu}, ${fixed(machine.memory_bytes / 2 ** 30, 0)} GiB; load average at its end ${machine.load.map((each) => fixed(each)).join(", ")} |
| load | ${fixed(result.ran_s / 60)} minutes of ${options.minutes} asked for, a fault ${options.fault_every_s} s behind the end of the one before |
| quiet and checked | ${result.quiet_s} s behind the end of the load |
| verdict | ${result.problems.length === 0 ? "**every check holds**" : `**${result.problems.length} checks do not hold**`} |

## Checks

${table(
  ["check", "holds"],
  result.checks.map(({ what, holds }) => row(what, holds ? "yes" : "**no**")),
)}
${result.problems.length === 0 ? "" : `\n${result.problems.map((each) => `- ${each.replaceAll("\n", " ").slice(0, 600)}`).join("\n")}\n`}
${result.verified.map(({ tenant, entries, line }) => `- Ledger of tenant ${tenant}: ${entries} entries, \`npx bailiwick verify\` ends in \`${line}\`.`).join("\n")}
- ${result.audit.databases} databases were opened once the cell had ended: ${Object.entries(result.audit.leaks)
    .map(([what, count]) => `${count} ${what}`)
    .join(", ")}.

## Load

A call that fails while something is broken, or within a minute behind that, is expected and counted apart; one that fails in peace is a failed check.

${table(
  ["kind", "ok", "failed under a fault", "failed in peace"],
  counts.map(([kind, count]) => row(kind, count.ok, count.in_faults, count.in_peace)),
)}

## Faults

${
  result.faults.length === 0
    ? "None in this run."
    : table(
        ["second", "fault", "seconds until all was there again"],
        result.faults.map(({ at_s, name, lasted_s }) => row(at_s, name, lasted_s)),
      )
}

## Memory, descriptors, files

Each life of the cell's process that lasted ${LIFE_S_MIN} s or more, from ${WARM_S} s behind its start. Memory is what no file backs (\`RssAnon\`: heaps, buffers, stacks); the cell does not tell its heap apart.

${
  lives.length === 0
    ? "No life was long enough to be judged."
    : table(
        ["life", "seconds", "memory, MiB", "MiB a minute while databases are opened", "and behind that", "descriptors"],
        lives.map((life) =>
          row(
            life.life,
            life.seconds,
            life.anonymous_mib.map((each) => fixed(each, 0)).join(" → "),
            fixed(life.filling),
            fixed(life.full),
            life.descriptors.join(" → "),
          ),
        ),
      )
}

${table(
  ["over the run", "25 %", "50 %", "75 %", "end", "range"],
  (
    [
      ["cell, resident MiB", "rss_mib"],
      ["cell, descriptors", "descriptors"],
      ["cell, sockets", "sockets"],
      ["write-ahead logs, MiB", "wal_mib"],
      ["databases of objects", "objects"],
      ["files of the object store", "stored"],
      ["home, MiB", "home_mib"],
      ["nano-dollars held", "held_nusd"],
      ["streams", "streams_active"],
      ["events that wait for Postgres", "outbox_pending"],
      ["jobs that wait", "jobs"],
    ] as const
  ).map(([name, member]) =>
    row(name, ...quarters.map((each) => each?.[member] ?? "–"), range(samples.map((each) => each[member]))),
  ),
)}

The cell keeps up to ${LIMITS.openObjectsMax} databases open (${DESCRIPTORS_A_DATABASE} descriptors and about a third of a MiB each), so descriptors and memory rise to that and stay. A task leaves its database for 30 days (a late message finds its tombstone there), and a ledger only grows: objects, files and home grow with the calls. ${
    end === undefined
      ? ""
      : `At the end ${end.held_nusd ?? "–"} nano-dollars were held, ${end.streams_active ?? "–"} streams and ${end.jobs ?? "–"} jobs were there.`
  }
`;
}
