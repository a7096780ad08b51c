import type { BatchPart } from "../../shared/contracts/ports/batch-store.ts";
import type { Sql } from "../runtime/sql.ts";
import type { BatchRow } from "./batches.ts";

/**
 * Parts are named by the fence of who wrote them, so that a runner that was late writes over none that is settled. What it
 * may have left is the one part of each kind that followed those that were settled when it lost the batch.
 */
const KINDS = ["output", "errors"] as const;
type Counts = Pick<BatchRow, "id" | "output_parts" | "error_parts">;
const countOf = (row: Counts, kind: BatchPart["kind"]): number =>
  kind === "output" ? row.output_parts : row.error_parts;

function note(sql: Sql, batch: string, { kind, part, fence }: BatchPart, settled: boolean): void {
  sql.run(
    "INSERT INTO part (batch, kind, part, fence, settled) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    batch,
    kind,
    part,
    fence,
    settled ? 1 : 0,
  );
}

export const settledPart = (sql: Sql, batch: string, part: BatchPart): void => note(sql, batch, part, true);

/** Whoever held the batch under `fence` lost it, and may still write. */
export function perhapsLeft(sql: Sql, row: Counts, fence: number): void {
  for (const kind of KINDS) note(sql, row.id, { kind, part: countOf(row, kind), fence }, false);
}

/** The fence of each settled part, in order; 0 for one that was written without. */
export function fencesOf(sql: Sql, row: Counts): { output: number[]; errors: number[] } {
  const fences = (kind: BatchPart["kind"]): number[] => {
    const all = Array<number>(countOf(row, kind)).fill(0);
    for (const { part, fence } of sql.all<{ part: number; fence: number }>(
      "SELECT part, fence FROM part WHERE batch = ? AND kind = ? AND settled = 1",
      row.id,
      kind,
    ))
      all[part] = fence;
    return all;
  };
  return { output: fences("output"), errors: fences("errors") };
}

/** Everything that may be in the object store of a batch that has ended. */
export function allParts(sql: Sql, row: Counts): BatchPart[] {
  const settled = fencesOf(sql, row);
  const left = sql.all<{ kind: BatchPart["kind"]; part: number; fence: number }>(
    "SELECT kind, part, fence FROM part WHERE batch = ? AND settled = 0",
    row.id,
  );
  return [...KINDS.flatMap((kind) => settled[kind].map((fence, part) => ({ kind, part, fence }))), ...left];
}
