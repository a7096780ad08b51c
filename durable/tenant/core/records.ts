import type { LedgerEntry } from "../../../shared/contracts/ledger.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Access, AccessRefusal, Recorded } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { type Bundles, NO_BUNDLES, textsOf } from "../../runtime/log/bundles.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { accessRefusal, readGate } from "./access.ts";
import { noteBegun, noteEnded } from "./begun.ts";
import { headOf, ledgerWriter, parseEntry } from "./ledger.ts";

/**
 * Appends an entry for something that happened elsewhere; the same `dedupe` within 72 h answers the first one. What
 * names its end is closed here if that does not come (`begun.ts`). Throws for kinds that only this object's own steps may
 * write: the sums of usage rest on them.
 */
export function record(
  sql: Sql,
  env: CoreEnv,
  { kind, outcome: told, action, by, detail, dedupe, ended_by }: Recorded,
): Result<{ seq: number }, never> {
  if (kind.startsWith("task.") || kind.startsWith("ledger.") || kind === "tenant.provisioned")
    throw new RangeError("this kind is not recorded from outside");
  return sql.transaction(() => {
    const known = sql.get<{ seq: number }>("SELECT seq FROM recorded WHERE dedupe = ?", dedupe);
    if (known) return ok({ seq: known.seq });
    const failed = kind === "authentication.failed" || kind === "call.refused";
    const outcome = told ?? (failed ? "failure" : "success");
    const seq = ledgerWriter(sql, env.now).append({ kind, outcome, action, task: null, by, detail });
    sql.run("INSERT INTO recorded (dedupe, seq, at_ms) VALUES (?, ?, ?)", dedupe, seq, env.now);
    if (ended_by !== undefined) noteBegun(sql, env.now, seq, ended_by);
    noteEnded(sql, dedupe);
    return ok({ seq });
  });
}

/**
 * Entries in order, at most a page; `size` and `head` are those of the whole chain in the same instant. May throw
 * `InArchive`.
 */
export function ledgerPage(
  sql: Sql,
  env: CoreEnv,
  access: Access,
  page: { from: number; limit: number },
  bundles: Bundles = NO_BUNDLES,
): Result<{ entries: LedgerEntry[]; size: number; head: string }, AccessRefusal> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (refusal) return err(refusal);
  const { size, hash } = headOf(sql);
  const count = Math.max(0, Math.min(page.limit, LIMITS.pageItemsMax, size - page.from));
  const entries = textsOf(sql, page.from, count, bundles).map((text, at) => parseEntry(page.from + at, text));
  return ok({ entries, size, head: hash });
}
