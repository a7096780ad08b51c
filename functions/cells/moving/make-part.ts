import type { TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { MoveRefusal } from "../../../shared/contracts/ports/tenant-moves.ts";
import { ok, type Result } from "../../../shared/contracts/result.ts";
import type { FrozenTenant, MovedObject } from "../../../shared/contracts/tenant-move.ts";
import { PartWriter } from "./part-format.ts";
import { contentPrefixes, type MovingParts, refused } from "./parts.ts";
import { type Position, placeIn, placeOut } from "./position.ts";

/** What a part was made of; `bytes` null: nothing was found on the way to `next`. */
export interface MadePart {
  bytes: Uint8Array | null;
  next: Position;
  steps: number;
}

/**
 * One part of a frozen tenant's archive, from a position on, in the memory of one part and at most so many calls. The
 * same position answers the same, but for what expired meanwhile.
 */
export class PartMaker {
  readonly #parts: MovingParts;
  readonly #tenant: TenantId;
  readonly #part: number;
  readonly #writer = new PartWriter();
  #names: MovedObject[] = [];
  #keys: string[] = [];
  #steps = 0;

  constructor(parts: MovingParts, tenant: TenantId, part: number) {
    this.#parts = parts;
    this.#tenant = tenant;
    this.#part = part;
  }

  /** The head of the first part: the data key, and the rows of the control database. */
  async begin(frozen: FrozenTenant): Promise<Result<Position, MoveRefusal>> {
    const control = await this.#parts.scopes.read(this.#tenant);
    if (control === null) return refused("unavailable", "the control database does not answer", LIMITS.movedRetryMs);
    if (control.pending > 0)
      return refused("busy", "changes of its scopes are on their way to its ledger", LIMITS.movedRetryMs);
    this.#writer.add({ kind: "data_key" }, await this.#parts.keyring.openDataKey(this.#tenant, frozen.data_key));
    this.#writer.add({ kind: "scopes", ...control.scopes });
    return ok({ at: "rows", object: { class: "tenant", name: this.#tenant }, table: null, after: null });
  }

  async from(position: Position): Promise<Result<MadePart, MoveRefusal>> {
    let at = position;
    while (at.at !== "end" && !this.#writer.full && this.#steps < LIMITS.movedPartStepsMax) {
      const next = await this.#step(at);
      if (!next.ok) return next;
      at = next.value;
    }
    return ok({ bytes: this.#writer.isEmpty ? null : this.#writer.take(), next: at, steps: this.#steps });
  }

  async #step(at: Exclude<Position, { at: "end" }>): Promise<Result<Position, MoveRefusal>> {
    switch (at.at) {
      case "rows":
        return this.#rows(at);
      case "names":
        return ok(await this.#named(at.after));
      case "keys":
        return ok(await this.#keyed(at.folder, at.after));
      case "blob":
        return this.#blob(at);
    }
  }

  async #rows({ object, table, after }: Extract<Position, { at: "rows" }>): Promise<Result<Position, MoveRefusal>> {
    const cursor = table === null ? null : { table, after: placeIn(after) };
    this.#steps++;
    const dumped = await this.#parts.objects.dump(object, cursor, Math.max(this.#writer.room, 1));
    const behind: Position = { at: "names", after: object.class === "tenant" ? null : object };
    if (dumped === null) {
      // One that is only named was perhaps never made, and one that expired before it was begun is not the tenant's any
      // more; what goes away in between would be half.
      // The archive says so: where the tenant goes, or comes back to, something of it may still stand.
      if (cursor === null && object.class !== "tenant") {
        this.#writer.add({ kind: "rows", ...object, tables: [] });
        return ok(behind);
      }
      return refused("changed", `a ${object.class} went away while it was copied`);
    }
    this.#writer.add({ kind: "rows", ...object, tables: dumped.tables });
    const { next } = dumped;
    return ok(next === null ? behind : { at: "rows", object, table: next.table, after: placeOut(next.after) });
  }

  async #named(after: MovedObject | null): Promise<Position> {
    if (this.#names.length === 0) {
      this.#steps++;
      this.#names = await this.#parts.objects.names(this.#tenant, after, LIMITS.movedNamesMax);
    }
    const object = this.#names.shift();
    return object === undefined
      ? { at: "keys", folder: 0, after: null }
      : { at: "rows", object, table: null, after: null };
  }

  async #keyed(folder: number, after: string | null): Promise<Position> {
    const prefix = [this.#parts.logPrefix(this.#tenant), ...contentPrefixes(this.#tenant)][folder];
    if (prefix === undefined) return { at: "end" };
    if (this.#keys.length === 0) {
      this.#steps++;
      const page = { limit: LIMITS.objectListKeysMax, ...(after === null ? {} : { after }) };
      this.#keys = [...(await this.#parts.store.list(prefix, page)).keys];
    }
    const key = this.#keys.shift();
    if (key === undefined) return { at: "keys", folder: folder + 1, after: null };
    this.#steps++;
    const head = await this.#parts.store.head(key);
    // A file that expired since it was listed.
    if (!head.ok) return { at: "keys", folder, after: key };
    const { size, version } = head.value;
    return { at: "blob", folder, key, size, version, offset: 0, first: this.#part };
  }

  async #blob(at: Extract<Position, { at: "blob" }>): Promise<Result<Position, MoveRefusal>> {
    const { folder, key, size, version, offset } = at;
    // One that is begun in this part stands in it with its first piece.
    const first = offset === 0 ? this.#part : at.first;
    const length = Math.min(size - offset, Math.max(this.#writer.room, 1));
    let body = new Uint8Array();
    if (length > 0) {
      this.#steps++;
      const range = { range: { offset, length }, ...(version === null ? {} : { version }) };
      const got = await this.#parts.store.get(key, range);
      if (!got.ok || got.value.bytes.length !== length || got.value.size !== size)
        return refused("changed", "an object went away while it was copied");
      body = got.value.bytes;
    }
    this.#writer.add({ kind: "blob", key, size, at: offset, first }, body);
    const end = offset + length;
    return ok(end < size ? { ...at, first, offset: end } : { at: "keys", folder, after: key });
  }
}
