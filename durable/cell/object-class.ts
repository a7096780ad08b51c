import { nextLogDue } from "../runtime/log/due.ts";
import { CELL_LOG, type LogParts } from "../runtime/log/parts.ts";
import { publishLog } from "../runtime/log/publish.ts";
import type { ObjectClass } from "../runtime/object-class.ts";
import { cellClass } from "./core.ts";
import { cellLog } from "./log.ts";

/** The cell as a host keeps it, with what its store needs to read entries that only the archive has. */
export interface CellClass extends ObjectClass {
  readonly log: LogParts | null;
}

/** What hosts must know of the cell's object. Without `log` the system ledger stays unpublished, in the object. */
export const cellObjectClass = (log: LogParts | null): CellClass => ({
  ...cellClass,
  log,
  ...(log
    ? {
        nextDue(sql) {
          const times = [cellClass.nextDue?.(sql, 0), nextLogDue(sql, cellLog.size(sql))];
          const due = times.filter((time) => typeof time === "number");
          return due.length === 0 ? null : Math.min(...due);
        },
        effects: (object) => publishLog(object, CELL_LOG, cellLog, log),
      }
    : {}),
});
