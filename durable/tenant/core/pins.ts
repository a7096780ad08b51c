import { z } from "zod";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { TenantPatch } from "../../../shared/contracts/ports/tenant-store.ts";
import { WorkspacePin, type WorkspacePins } from "../../../shared/contracts/workspace-pin.ts";
import type { Sql } from "../../runtime/sql.ts";

/** Pins by workspace, as JSON: they are read with the state, whole, and never asked for one by one. */
export const PIN_SCHEMA: readonly string[] = ["ALTER TABLE tenant ADD COLUMN pins TEXT NOT NULL DEFAULT '{}'"];
/** Schema step that brought them: while there is one, no older code may open the object, because it would route wider. */
export const PIN_MIGRATION = 10;
export const PIN_FLOOR = 6;

/** Stored data is parsed on every read. */
const Stored = z.record(z.string(), WorkspacePin);

/** Null: no workspace is pinned. */
export function readPins(text: string): WorkspacePins | null {
  const pins = text === "{}" ? {} : Stored.parse(JSON.parse(text));
  return Object.keys(pins).length === 0 ? null : pins;
}

/** Part of the running transaction. Throws `RangeError` beyond the bound, which the edge has compared. */
export function writePin(sql: Sql, pins: WorkspacePins | null, patch: NonNullable<TenantPatch["pin"]>): void {
  const next = new Map(Object.entries(pins ?? {}));
  if (patch.to === null) next.delete(patch.workspace);
  else next.set(patch.workspace, WorkspacePin.parse(patch.to));
  if (next.size > LIMITS.pinsPerTenantMax) throw new RangeError("more workspaces are pinned than may be");
  sql.run("UPDATE tenant SET pins = ?", JSON.stringify(Object.fromEntries(next)));
  holdFloor(sql);
}

/** Of what is there now; a tenant that arrived brings its pins. */
export function holdFloor(sql: Sql): void {
  const pinned = sql.get("SELECT 1 AS found FROM tenant WHERE pins <> '{}'") !== undefined;
  sql.run("UPDATE _migrations SET floor = ? WHERE id = ?", pinned ? PIN_MIGRATION : PIN_FLOOR, PIN_MIGRATION);
}
