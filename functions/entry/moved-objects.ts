import { activeBatches } from "../../durable/batch/batches.ts";
import { dropEverything, isProvisioned, migrate } from "../../durable/runtime/migrate.ts";
import type { ObjectClass, ObjectHost } from "../../durable/runtime/object-class.ts";
import { objectNames } from "../../durable/runtime/object-names.ts";
import { dumpRows, restoreRows } from "../../durable/runtime/object-rows.ts";
import type { CoreEnv, Sql } from "../../durable/runtime/sql.ts";
import * as core from "../../durable/tenant/core.ts";
import type { TenantId } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { MoveRefusal } from "../../shared/contracts/ports/tenant-moves.ts";
import { ok, type Result } from "../../shared/contracts/result.ts";
import { MOVED_CLASSES, type MovedClass, type TenantMove } from "../../shared/contracts/tenant-move.ts";
import { type MovedObjects, refused } from "../cells/moving/parts.ts";

/** The tenant's row first, so that it is known from the first part on; the log's last, because publishing may still prune. */
const TENANT_ORDER = { first: ["tenant"], last: ["log_partial", "log_checkpoint", "log"] };

/** What each refusal of the tenant's core is to an operator. */
const WORDS = {
  moving: ["moving", "it is on its way already"],
  not_leaving: ["not_moving", "it does not leave this cell, or was given up already"],
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

type CoreRefusal = { reason: keyof typeof WORDS; detail?: string; retry_after_ms?: number };

function told<T>(done: Result<T, CoreRefusal> | undefined): Result<T, MoveRefusal> {
  if (done === undefined) return refused("unknown_tenant", "there is no such tenant here");
  if (done.ok) return done;
  const { reason, detail, retry_after_ms } = done.error;
  const [slug, words] = WORDS[reason];
  return refused(slug, detail === undefined ? words : `${words} (${detail})`, retry_after_ms);
}

/** The objects of tenants on an embedded host, whose files tell which ones there are. */
export function embeddedMovedObjects(
  host: ObjectHost,
  home: string,
  classes: Readonly<Record<MovedClass, ObjectClass>>,
): MovedObjects {
  const own = async <T>(tenant: TenantId, body: (sql: Sql, env: CoreEnv) => Result<T, CoreRefusal>) =>
    told(await host.call(classes.tenant, tenant, body));
  const schema = (of: ObjectClass): number => of.migrations.at(-1)?.id ?? 0;
  const schemas = {
    ...{ tenant: schema(classes.tenant), session: schema(classes.session) },
    ...{ task: schema(classes.task), batch: schema(classes.batch) },
  };
  return {
    schemas: () => schemas,
    leave: (tenant, move, by) => own(tenant, (sql, env) => core.leave(sql, env, move, by)),
    state: (tenant) => own<TenantMove | null>(tenant, (sql) => ok(core.moveOf(sql))),
    async freeze(tenant) {
      const batches = await host.call(classes.batch, tenant, activeBatches);
      if (batches !== undefined && batches > 0)
        return refused("busy", "a batch of it has not ended", LIMITS.movedRetryMs);
      return own(tenant, core.freeze);
    },
    noteArchive: (tenant, id, manifest) => own(tenant, (sql) => core.noteArchive(sql, id, manifest)),
    stay: (tenant, by) => own(tenant, (sql, env) => core.stay(sql, env, by)),
    release: (tenant, manifest) => own(tenant, (sql) => core.release(sql, manifest)),
    async names(tenant) {
      const found: { class: MovedClass; name: string }[] = [];
      for (const name of MOVED_CLASSES) {
        if (name === "tenant") continue;
        const names = await objectNames(home, classes[name].name, name === "batch" ? tenant : `${tenant}:`);
        for (const object of names.sort())
          if (name !== "batch" || object === tenant) found.push({ class: name, name: object });
      }
      return found;
    },
    async dump({ class: name, name: object }, cursor, bytesMax) {
      const order = name === "tenant" ? TENANT_ORDER : undefined;
      return (await host.call(classes[name], object, (sql) => dumpRows(sql, cursor, bytesMax, order))) ?? null;
    },
    async arrive(tenant, move) {
      const of = classes.tenant;
      return told(await host.provision(of, tenant, (sql, env) => core.arrive(sql, env, of.migrations, move)));
    },
    writePart: (tenant, part, tables, dataKey) => own(tenant, (sql) => core.writePart(sql, part, tables, dataKey)),
    async place({ class: name, name: object }, tables, begin) {
      const of = classes[name];
      return told(
        await host.provision(of, object, (sql) =>
          sql.transaction((): Result<null, CoreRefusal> => {
            if (begin && isProvisioned(sql)) {
              dropEverything(sql);
              migrate(sql, of.migrations);
            }
            return restoreRows(sql, tables);
          }),
        ),
      );
    },
    async holdsEntries(tenant, first, texts) {
      return (await host.call(classes.tenant, tenant, (sql) => core.holdsEntries(sql, first, texts))) === true;
    },
    complete: (tenant, log) => own(tenant, (sql) => core.complete(sql, log, tenant)),
    settleIn: (tenant, receipt, by) => own(tenant, (sql, env) => core.settleIn(sql, env, receipt, by)),
    discard: (tenant) => own(tenant, core.discard),
  };
}
