import type { LogOwner } from "../runtime/log/owner.ts";
import { appendEvent, headOf, lastOrigin } from "./system-ledger.ts";

/** The cell as the owner of the system ledger's log: nothing else reads its entries again. */
export const cellLog: LogOwner = {
  size: (sql) => headOf(sql).size,
  passed: (sql) => headOf(sql).size,
  needed: "0",
  append(sql, env, kind, detail) {
    const origin = lastOrigin(sql);
    if (!origin) throw new Error("a log without entries has nothing to say");
    appendEvent(sql, env, origin, { kind, reason: kind.slice("ledger.".length), source: null, detail });
  },
};
