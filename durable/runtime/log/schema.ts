import type { Migration } from "../sql.ts";

/**
 * What an object keeps of its log besides the `ledger` table (`seq`, `at_ms`, `hash`, `body`); include it in a migration
 * that runs when that table exists.
 *
 * - `log`: one small row, read with every admission. `sealed` is the size of `frontier`; `asked` is the size up to which
 *   somebody waits for publication; entries below `pruned` are in the archive only; `hash` of those below `legacy` was
 *   written before it was the leaf hash.
 * - `log_checkpoint`: the newest published one; `size` 0 while there is none.
 * - `log_node`: the tree's nodes at heights 8, 16, …: 32 bytes per 256 entries. `first_ms` is the time of the first entry
 *   of its bundle, at level 1.
 * - `log_partial`: tiles with partial forerunners in the archive, and until when those are locked; level −1 is bundles.
 */
export const LOG_SCHEMA: Migration["sql"] = [
  `CREATE TABLE log (
    one INTEGER PRIMARY KEY CHECK (one = 1), origin TEXT, frontier BLOB NOT NULL, sealed INTEGER NOT NULL,
    asked INTEGER NOT NULL, pruned INTEGER NOT NULL, legacy INTEGER NOT NULL, scrub INTEGER NOT NULL,
    checked_ms INTEGER NOT NULL, failures INTEGER NOT NULL, retry_ms INTEGER NOT NULL, fault TEXT,
    fault_detail TEXT NOT NULL, fault_ms INTEGER NOT NULL
  )`,
  `INSERT INTO log (one, origin, frontier, sealed, asked, pruned, legacy, scrub, checked_ms, failures, retry_ms, fault,
     fault_detail, fault_ms)
   SELECT 1, NULL, zeroblob(8), 0, 0, 0, coalesce(max(seq) + 1, 0), 0, 0, 0, 0, NULL, '', 0 FROM ledger`,
  `CREATE TABLE log_checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, root TEXT NOT NULL, note TEXT NOT NULL,
    dsse TEXT NOT NULL, published_ms INTEGER NOT NULL, version TEXT
  )`,
  "INSERT INTO log_checkpoint (one, size, root, note, dsse, published_ms, version) VALUES (1, 0, '', '', '', 0, NULL)",
  `CREATE TABLE log_node (
    level INTEGER NOT NULL, n INTEGER NOT NULL, hash BLOB NOT NULL, first_ms INTEGER, PRIMARY KEY (level, n)
  ) WITHOUT ROWID`,
  "CREATE TABLE log_partial (level INTEGER NOT NULL, n INTEGER NOT NULL, until_ms INTEGER NOT NULL, PRIMARY KEY (level, n)) WITHOUT ROWID",
];
