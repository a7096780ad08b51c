import type { CellEntry } from "../../../shared/contracts/cell-directory.ts";
import { ProblemError } from "../../problem.ts";

/**
 * 421: where the call belongs. The same members for every tenant, null where the directory knows no home; `base_url` is
 * what an OpenAI client takes. Never an address of anything but a cell in the directory.
 */
export function elsewhere(cell: CellEntry | null): ProblemError {
  return new ProblemError("data-residency-mismatch", {
    detail:
      cell === null
        ? "Call the cell of your tenant directly; this call names none that is known here."
        : `Calls of this credential belong to the cell ${cell.id}. Send them to its base_url.`,
    members: {
      cell: cell?.id ?? null,
      jurisdiction: cell?.jurisdiction ?? null,
      base_url: cell === null ? null : `${cell.base_url}/v1`,
    },
  });
}
