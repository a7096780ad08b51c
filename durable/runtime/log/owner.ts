import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { CoreEnv, Sql } from "../sql.ts";

/** What the log needs of the object whose ledger it publishes. Synchronous, as parts of the log's own steps. */
export interface LogOwner {
  /** Entries written. */
  size(sql: Sql): number;
  /** Appends what the log says about itself. */
  append(sql: Sql, env: CoreEnv, kind: "ledger.halted" | "ledger.resumed", detail: JsonObject): void;
  /** Entries below need not stay here for this object's own work. */
  passed(sql: Sql): number;
  /** SQL condition on a row of `ledger` that has to stay all the same. */
  readonly needed: string;
}
