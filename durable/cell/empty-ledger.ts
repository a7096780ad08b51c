import type { LedgerEntry } from "../../shared/contracts/ledger.ts";

/** The system ledger of a cell that has written nothing yet. */
export const EMPTY_LEDGER: { entries: LedgerEntry[]; size: number; head: string } = {
  entries: [],
  size: 0,
  head: "0".repeat(64),
};
