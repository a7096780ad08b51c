import { batchObjectName } from "../../durable/batch/name.ts";
import type { MovedRows } from "../../durable/runtime/moved-rows.ts";
import type { ObjectClass } from "../../durable/runtime/object-class.ts";
import { sessionObjectName } from "../../durable/session/name.ts";
import { taskObjectName } from "../../durable/task/name.ts";
import type { NamedObject } from "../../durable/tenant/core.ts";
import type { TenantMoving } from "../../durable/tenant/moving.ts";
import { TaskId, type TenantId } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { MoveRefusal } from "../../shared/contracts/ports/tenant-moves.ts";
import type { Result } from "../../shared/contracts/result.ts";
import type { MovedClass, MovedObject } from "../../shared/contracts/tenant-move.ts";
import { type MovedObjects, refused } from "../cells/moving/parts.ts";

/** What each refusal of the objects is to an operator. */
const WORDS = {
  unknown_tenant: ["unknown_tenant", "there is no such tenant here"],
  moving: ["moving", "it is on its way already"],
  unlisted: ["unlisted", "conversations of it were begun before this platform listed them"],
  not_leaving: ["not_moving", "it does not leave this cell, or was given up already"],
  no_such_part: ["changed", "parts before this one were not made, or were made anew"],
  left: ["left", "it was given up here: the move can only go on"],
  busy: ["busy", "calls of it are still running"],
  unpublished: ["unpublished", "its newest ledger entries are not published yet"],
  ledger_halted: ["ledger_halted", "its ledger and the archive disagree"],
  other_archive: ["not_verified", "that is not the newest archive which was read to its end"],
  exists: ["exists", "a tenant of this name lives here, or another archive of it is being written"],
  schema_differs: ["misplaced", "rows of another schema: both cells run one release for a move"],
  not_arriving: ["not_moving", "it does not arrive in this cell"],
  not_arrived: ["not_moving", "it has not arrived whole, or by another archive"],
  differs: ["not_verified", "what was written is not what the manifest says"],
} as const satisfies Record<string, readonly [MoveRefusal["reason"], string]>;

type ObjectRefusal = { reason: keyof typeof WORDS; detail?: string; retry_after_ms?: number };

async function told<T>(asked: Promise<Result<T, ObjectRefusal>>): Promise<Result<T, MoveRefusal>> {
  const done = await asked;
  if (done.ok) return done;
  const { reason, detail, retry_after_ms } = done.error;
  const [slug, words] = WORDS[reason];
  return refused(slug, detail === undefined ? words : `${words} (${detail})`, retry_after_ms);
}

/** The objects of tenants, wherever they are kept. */
export interface Kept {
  schemas: Record<MovedClass, number>;
  tenant: TenantMoving;
  rows: Readonly<Record<Exclude<MovedClass, "tenant">, MovedRows>>;
  activeBatches(tenant: TenantId): Promise<number>;
  /** Null: the host has no list of its own, and goes by what the tenant's object lists. */
  names: MovedObjects["names"] | null;
}

/** See `MovedObjects`: the objects as a move sees them, with refusals in words for an operator. */
export function movedObjects({ schemas, tenant: own, rows, activeBatches: active, names }: Kept): MovedObjects {
  return {
    schemas: () => schemas,
    leave: (tenant, move, by) => told(own.leave(tenant, { ...move, listed: names === null }, by)),
    state: (tenant) => told(own.state(tenant)),
    async freeze(tenant) {
      if ((await active(tenant)) > 0) return refused("busy", "a batch of it has not ended", LIMITS.movedRetryMs);
      return told(own.freeze(tenant));
    },
    partBegins: (tenant, id, part) => told(own.partBegins(tenant, id, part)),
    notePart: (tenant, id, made) => told(own.notePart(tenant, id, made)),
    partDigests: (tenant, id, parts) => told(own.partDigests(tenant, id, parts)),
    noteArchive: (tenant, id, manifest) => told(own.noteArchive(tenant, id, manifest)),
    stay: (tenant, by) => told(own.stay(tenant, by)),
    release: (tenant, manifest) => told(own.release(tenant, manifest)),
    names: names ?? ((tenant, after, limit) => listed(own, tenant, after, limit)),
    dump: ({ class: of, name }, cursor, bytesMax) => (of === "tenant" ? own : rows[of]).dump(name, cursor, bytesMax),
    arrive: (tenant, move) => told(own.arrive(tenant, move)),
    writePart: (tenant, part, tables, dataKey) => told(own.writePart(tenant, part, tables, dataKey)),
    place({ class: of, name }, archive, tables) {
      if (of === "tenant") throw new Error("a tenant's own rows are written part by part");
      return told(rows[of].place(name, archive, tables));
    },
    holdsEntries: (tenant, first, texts) => own.holdsEntries(tenant, first, texts),
    complete: (tenant, log) => told(own.complete(tenant, log)),
    settleIn: (tenant, receipt, by) => told(own.settleIn(tenant, receipt, by)),
    discard: (tenant) => told(own.discard(tenant)),
  };
}

/** Batches first, because there is one object of them; then what the tenant's object names. */
async function listed(
  own: TenantMoving,
  tenant: TenantId,
  after: MovedObject | null,
  limit: number,
): Promise<MovedObject[]> {
  const first: MovedObject[] = after === null ? [{ class: "batch", name: batchObjectName(tenant) }] : [];
  const prefix = `${tenant}:`;
  const from: NamedObject | null =
    after === null || after.class === "batch" || after.class === "tenant"
      ? null
      : { class: after.class, id: after.name.slice(prefix.length) };
  const named = await own.names(tenant, from, limit - first.length);
  return [
    ...first,
    ...named.map(({ class: of, id }) => ({
      class: of,
      name:
        of === "task" ? taskObjectName(tenant, TaskId.parse(id)) : (sessionObjectName(tenant, id) ?? `${prefix}${id}`),
    })),
  ];
}

/** Both homes must be at the same. */
export function schemasOf(classes: Readonly<Record<MovedClass, ObjectClass>>): Record<MovedClass, number> {
  const schema = (of: ObjectClass): number => of.migrations.at(-1)?.id ?? 0;
  return {
    ...{ tenant: schema(classes.tenant), session: schema(classes.session) },
    ...{ task: schema(classes.task), batch: schema(classes.batch) },
  };
}
