import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../infra/local/command.mjs";

/** The part of Stryker's result of one change that an outcome is made of. */
export interface Mutant {
  fileName: string;
  mutatorName: string;
  replacement?: string | undefined;
  status: string;
  location: { start: { line: number; column: number }; end: { line: number; column: number } };
}

/** A change that no test noticed. */
export interface Survivor {
  at: string;
  /** `NoCoverage`: no test runs the line. `Survived`: tests run it and do not mind. */
  status: string;
  mutator: string;
  original: string;
  replacement: string;
}

export interface Outcome {
  area: string;
  at: string;
  seconds: number;
  counts: Record<string, number>;
  /** Noticed changes of all valid ones, in percent; changes of a module's own constants are not tried. */
  score: number;
  survivors: Survivor[];
}

const TEXT_CHARS_MAX = 120;
const oneLine = (text: string): string => {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > TEXT_CHARS_MAX ? `${flat.slice(0, TEXT_CHARS_MAX)}…` : flat;
};

/** What was noticed and what was not, in a form that a diff between two runs can be read from. */
export function outcomeOf(area: string, mutants: readonly Mutant[], at: string, seconds: number): Outcome {
  const counts: Record<string, number> = {};
  for (const { status } of mutants) counts[status] = (counts[status] ?? 0) + 1;
  const noticed = (counts.Killed ?? 0) + (counts.Timeout ?? 0);
  const valid = noticed + (counts.Survived ?? 0) + (counts.NoCoverage ?? 0);
  if (valid === 0) throw new Error(`${area}: not one change was tried`);
  const survivors = mutants
    .filter(({ status }) => status === "Survived" || status === "NoCoverage")
    .map((mutant) => ({
      at: `${mutant.fileName.replace(`${ROOT}/`, "")}:${mutant.location.start.line}`,
      status: mutant.status,
      mutator: mutant.mutatorName,
      original: oneLine(sourceOf(mutant)),
      replacement: oneLine(mutant.replacement ?? ""),
    }))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return { area, at, seconds, counts, score: Math.round((noticed / valid) * 1000) / 10, survivors };
}

function sourceOf({ fileName, location: { start, end } }: Mutant): string {
  const path = fileName.startsWith("/") ? fileName : join(ROOT, fileName);
  const lines = readFileSync(path, "utf8")
    .split("\n")
    .slice(start.line - 1, end.line);
  const last = lines.length - 1;
  return lines
    .map((line, index) => line.slice(index === 0 ? start.column - 1 : 0, index === last ? end.column - 1 : undefined))
    .join("\n");
}
