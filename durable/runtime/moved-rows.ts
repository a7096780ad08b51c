import { ok, type Result } from "../../shared/contracts/result.ts";
import type { RowsCursor, TableRows } from "../../shared/contracts/tenant-move.ts";
import type { ObjectClass, ObjectHost } from "./object-class.ts";
import { type DumpOrder, dumpRows, placeRows, type RowsRefusal, removeRows } from "./object-rows.ts";

/** The rows of whole objects of one class, as a move reads and writes them. */
export interface MovedRows {
  /** Null where the object is not there (any more). */
  dump(
    name: string,
    cursor: RowsCursor | null,
    bytesMax: number,
  ): Promise<{ tables: TableRows[]; next: RowsCursor | null } | null>;
  /**
   * Rows of an object as the archive has them; what is there of anything else goes first. The same rows again change
   * nothing. No tables: the archive has no such object, and what is there of anything else goes.
   */
  place(name: string, archive: string, tables: TableRows[]): Promise<Result<null, RowsRefusal>>;
}

/** The rows over objects in this process, or in a Durable Object over itself. */
export const movedRows = (host: ObjectHost, of: ObjectClass, order?: DumpOrder): MovedRows => ({
  dump: async (name, cursor, bytesMax) =>
    (await host.call(of, name, (sql) => dumpRows(sql, cursor, bytesMax, order))) ?? null,
  async place(name, archive, tables) {
    if (tables.length > 0) return host.provision(of, name, (sql) => placeRows(sql, of.migrations, archive, tables));
    await host.call(of, name, (sql) => removeRows(sql, archive));
    return ok(null);
  },
});
