import type { Row } from "../../../shared/contracts/ports/control-db.ts";
import type { EncodedStatement } from "./values.ts";

/** What the host sends to the database's thread. */
export interface PgliteRequest {
  id: number;
  statements: readonly EncodedStatement[];
}

export type BootStage = "initialising" | "opening" | "open";

/** What the thread answers. Errors lose their class between threads, so the members that matter travel as data. */
export type PgliteReply =
  | { kind: "boot"; stage: BootStage }
  | { kind: "failed"; message: string }
  | { kind: "closed" }
  | { kind: "rows"; id: number; rows: Row[][] }
  | { kind: "error"; id: number; message: string; code: string | null; constraint: string | null };
