import type { ExportQuery } from "../../../shared/contracts/http/evidence.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { TILE_WIDTH } from "../../../shared/crypto/log/tiles.ts";
import { type ExportPeriod, exportedRange, type PublishedLog } from "../../evidence/export-files.ts";
import { exportTilesCount } from "../../evidence/export-tiles.ts";
import { ProblemError } from "../../problem.ts";

const DAY_MS = 86_400_000;

/** The period that a query means at an instant. Throws `invalid-request` for one that is none, or has not ended. */
export function periodOf({ from, to }: ExportQuery, nowMs: number): { from_ms: number; to_ms: number } {
  const to_ms = to === undefined ? nowMs : Date.parse(to);
  const from_ms = from === undefined ? to_ms - DAY_MS : Date.parse(from);
  const refuse = (param: string, detail: string) => new ProblemError("invalid-request", { param, detail });
  if (to_ms > nowMs) throw refuse("to", "A period that has not ended cannot be exported.");
  if (from_ms < 0) throw refuse("from", "No ledger is so old.");
  if (from_ms >= to_ms) throw refuse("from", "`from` must be before `to`.");
  if (to_ms - from_ms > LIMITS.exportPeriodMsMax)
    throw refuse("to", `A period has at most ${LIMITS.exportPeriodMsMax / DAY_MS} days.`);
  return { from_ms, to_ms };
}

/** Besides tiles, entries and archived checkpoints: keys, checkpoint with its envelope, spans, manifest. */
const FIXED_FILES = 5;

/** Refuses a period of more files than one manifest lists, before the first byte. */
export async function refuseTooLarge(
  period: Pick<ExportPeriod, "first" | "count" | "size">,
  log: Pick<PublishedLog, "checkpoints">,
): Promise<void> {
  const tooLarge = () =>
    new ProblemError("limit-reached", {
      detail: `The period has more than ${LIMITS.exportFilesMax} files; export shorter ones.`,
    });
  const { start, end } = exportedRange(period);
  let files = FIXED_FILES + Math.ceil((end - start) / TILE_WIDTH) + 1;
  if (files > LIMITS.exportFilesMax) throw tooLarge();
  files += exportTilesCount(start, end, period.size);
  for await (const _ of log.checkpoints(period.first, period.first + period.count)) {
    files += 2;
    if (files > LIMITS.exportFilesMax) throw tooLarge();
  }
}
