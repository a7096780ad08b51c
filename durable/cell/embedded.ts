import type { CellStore } from "../../shared/contracts/ports/cell-store.ts";
import type { Result } from "../../shared/contracts/result.ts";
import { always } from "../runtime/always.ts";
import type { ObjectBody, ObjectHost } from "../runtime/object-class.ts";
import { activate, active, cellClass, count, registerTenant, system, systemLedger, tenants } from "./core.ts";
import { EMPTY_LEDGER } from "./empty-ledger.ts";
import type { CellOrigin } from "./system-ledger.ts";

/** The port over the cell's object in this process; it is provisioned by its first write. */
export function embeddedCellStore(host: ObjectHost, origin: CellOrigin): CellStore {
  const { cell } = origin;
  async function write<T>(body: ObjectBody<Result<T, never>>): Promise<T> {
    return always(await host.provision(cellClass, cell, body));
  }
  return {
    activate: (digest, files) => write((sql, env) => activate(sql, env, origin, digest, files)),
    active: async () => (await host.call(cellClass, cell, active)) ?? null,
    system: async (events) => {
      await write((sql, env) => system(sql, env, origin, events));
    },
    systemLedger: async (page) => (await host.call(cellClass, cell, (sql) => systemLedger(sql, page))) ?? EMPTY_LEDGER,
    count: (increments) => write((sql) => count(sql, increments)),
    tenants: async (page) => (await host.call(cellClass, cell, (sql) => tenants(sql, page))) ?? [],
    registerTenant: async (tenant) => {
      await write((sql, env) => registerTenant(sql, env, tenant));
    },
  };
}
