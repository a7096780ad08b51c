import type { TenantId } from "../../shared/contracts/ids.ts";
import type { Attribution } from "../../shared/contracts/ledger.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { TableRows, TenantMove } from "../../shared/contracts/tenant-move.ts";
import { movedRows } from "../runtime/moved-rows.ts";
import type { ObjectBody, ObjectHost } from "../runtime/object-class.ts";
import type { DumpOrder } from "../runtime/object-rows.ts";
import * as core from "./core.ts";
import type { TenantClass } from "./object-class.ts";

/** The tenant's row first, so that it is known from the first part on; the log's last, because publishing may still prune. */
const ORDER: DumpOrder = {
  first: ["tenant"],
  last: ["log_partial", "log_checkpoint", "log"],
  never: core.MOVE_TABLES,
};

type Begun = Pick<TenantMove, "id" | "from" | "to">;
const unknown = err({ reason: "unknown_tenant" } as const);

/** What a move asks of tenants' own objects, each call one atomic step, over objects in this process or a Durable Object over itself. */
export function tenantMoving(host: ObjectHost, of: TenantClass) {
  const own = async <T, E>(tenant: TenantId, body: ObjectBody<Result<T, E>>) =>
    (await host.call(of, tenant, body)) ?? unknown;
  const rows = movedRows(host, of, ORDER);
  return {
    leave: (tenant: TenantId, move: Begun & { listed: boolean }, by: Attribution) =>
      own(tenant, (sql, env) => core.leave(sql, env, move, by)),
    state: (tenant: TenantId) => own(tenant, (sql): Result<TenantMove | null, never> => ok(core.moveOf(sql))),
    freeze: (tenant: TenantId) => own(tenant, core.freeze),
    partBegins: (tenant: TenantId, move: string, part: number) =>
      own(tenant, (sql) => core.partBegins(sql, move, part)),
    notePart: (tenant: TenantId, move: string, made: { part: number; sha256: string | null; next: string }) =>
      own(tenant, (sql) => core.notePart(sql, move, made)),
    partDigests: (tenant: TenantId, move: string, parts: number) =>
      own(tenant, (sql) => core.partDigests(sql, move, parts)),
    noteArchive: (tenant: TenantId, move: string, manifest: string) =>
      own(tenant, (sql) => core.noteArchive(sql, move, manifest)),
    stay: (tenant: TenantId, by: Attribution) => own(tenant, (sql, env) => core.stay(sql, env, by)),
    release: (tenant: TenantId, manifest: string) => own(tenant, (sql) => core.release(sql, manifest)),
    names: async (tenant: TenantId, after: core.NamedObject | null, limit: number) =>
      (await host.call(of, tenant, (sql) => core.namedObjects(sql, after, limit))) ?? [],
    dump: rows.dump,
    arrive: (tenant: TenantId, move: Begun & { manifest: string }) =>
      host.provision(of, tenant, (sql, env) => core.arrive(sql, env, of.migrations, move)),
    writePart: (tenant: TenantId, part: number, tables: TableRows[], dataKey: string) =>
      own(tenant, (sql) => core.writePart(sql, part, tables, dataKey)),
    holdsEntries: async (tenant: TenantId, first: number, texts: string[]) =>
      (await host.call(of, tenant, (sql) => core.holdsEntries(sql, first, texts))) === true,
    complete: (tenant: TenantId, log: { size: number; root: string }) =>
      own(tenant, (sql) => core.complete(sql, log, tenant)),
    settleIn: (
      tenant: TenantId,
      receipt: {
        move: string;
        from: string;
        to: string;
        manifest: string;
        size: number;
        root: string;
        version: number;
      },
      by: Attribution,
    ) => own(tenant, (sql, env) => core.settleIn(sql, env, receipt, by)),
    discard: (tenant: TenantId) => own(tenant, core.discard),
  };
}
export type TenantMoving = ReturnType<typeof tenantMoving>;
