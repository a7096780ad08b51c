import type { RowsCursor, TableRows } from "../../shared/contracts/tenant-move.ts";
import type { DurableNamespace } from "./durable-object.ts";
import type { MovedRows } from "./moved-rows.ts";
import { remoteCall } from "./remote-call.ts";

/** An object whose rows can be moved, as its callers see it. */
export interface RowsObject {
  dumpRows(cursor: RowsCursor | null, bytesMax: number): ReturnType<MovedRows["dump"]>;
  placeRows(archive: string, tables: TableRows[]): ReturnType<MovedRows["place"]>;
}

/** The rows over Durable Objects. */
export const remoteRows = (objects: DurableNamespace<RowsObject>): MovedRows => ({
  dump: (name, cursor, bytesMax) => remoteCall(objects.getByName(name).dumpRows(cursor, bytesMax)),
  place: (name, archive, tables) => remoteCall(objects.getByName(name).placeRows(archive, tables)),
});
