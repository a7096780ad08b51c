import type { SystemEvent } from "../../shared/contracts/ports/cell-store.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { appendEvent, type CellOrigin } from "./system-ledger.ts";

/** Keys that this cell has signed with, so that each stands in its ledger once however many isolates begin to use it. */
export const SIGNING_KEY_SCHEMA = [
  "CREATE TABLE signing_key (kid TEXT PRIMARY KEY, added_ms INTEGER NOT NULL) WITHOUT ROWID",
] as const;

/** Appends the entry of a key that the ledger does not name yet. Throws for an event without a `kid`. */
export function noteSigningKey(sql: Sql, env: CoreEnv, origin: CellOrigin, event: SystemEvent): void {
  const { kid } = event.detail;
  if (typeof kid !== "string" || kid === "") throw new TypeError("a signing key has a kid");
  const added = sql.change(
    "INSERT INTO signing_key (kid, added_ms) VALUES (?, ?) ON CONFLICT (kid) DO NOTHING",
    kid,
    env.now,
  );
  if (added > 0) appendEvent(sql, env, origin, event);
}
