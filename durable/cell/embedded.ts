import type { CellStore } from "../../shared/contracts/ports/cell-store.ts";
import type { PolicyState } from "../../shared/contracts/ports/policy-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { StatementSigner } from "../../shared/crypto/policy-statement.ts";
import { always } from "../runtime/always.ts";
import { type ReadingBody, readingArchive } from "../runtime/log/archived-read.ts";
import { CELL_LOG } from "../runtime/log/parts.ts";
import { logPeriod } from "../runtime/log/period.ts";
import { logState } from "../runtime/log/state.ts";
import type { ObjectBody, ObjectHost } from "../runtime/object-class.ts";
import type { PolicyLayerStore } from "../runtime/policy-layers.ts";
import { activate, active, cellClass, count, registerTenant, system, systemLedger, tenants } from "./core.ts";
import { EMPTY_LEDGER } from "./empty-ledger.ts";
import { cellLog } from "./log.ts";
import { type CellClass, cellObjectClass } from "./object-class.ts";
import * as policy from "./policy.ts";
import { poolReport, pools } from "./pools.ts";
import type { CellOrigin } from "./system-ledger.ts";

const UNPUBLISHED = cellObjectClass(null);

/** The port over the cell's object in this process; it is provisioned by its first write. `of` is this host's class. */
export function embeddedCellStore(host: ObjectHost, origin: CellOrigin, of: CellClass = UNPUBLISHED): CellStore {
  const { cell } = origin;
  const logOrigin = () => of.log?.origin(CELL_LOG) ?? CELL_LOG;
  const read = <T>(body: ReadingBody<T>) => readingArchive(of.log, CELL_LOG, (step) => host.call(of, cell, step), body);
  async function write<T>(body: ObjectBody<Result<T, never>>): Promise<T> {
    return always(await host.provision(of, cell, body));
  }
  return {
    activate: (digest, files) => write((sql, env) => activate(sql, env, origin, digest, files)),
    active: async () => (await host.call(of, cell, active)) ?? null,
    system: async (events) => {
      await write((sql, env) => system(sql, env, origin, events));
    },
    systemLedger: async (page) =>
      (await read((sql, _env, bundles) => systemLedger(sql, page, bundles))) ?? EMPTY_LEDGER,
    systemLog: async () =>
      (await host.call(of, cell, (sql) => logState(sql, cellLog.size(sql), logOrigin()))) ?? {
        origin: logOrigin(),
        size: 0,
        published: null,
        halted: null,
        pruned: 0,
      },
    systemPeriod: async (period) =>
      (await read((sql, env, bundles) => {
        const asked = { size: cellLog.size(sql), origin: logOrigin(), publishes: of.log !== null, now_ms: env.now };
        return logPeriod(sql, asked, period, bundles);
      })) ?? { origin: logOrigin(), checkpoint: null, first: 0, count: 0, pending: null },
    count: (increments) => write((sql) => count(sql, increments)),
    poolReport: (report) => write((sql, env) => poolReport(sql, env, report)),
    pools: async () => (await host.call(of, cell, pools)) ?? [],
    tenants: async (page) => (await host.call(of, cell, (sql) => tenants(sql, page))) ?? [],
    registerTenant: async (tenant) => {
      await write((sql, env) => registerTenant(sql, env, tenant));
    },
  };
}

/** The cell's layer of the policy port over the same object; `sign` states its freshness. */
export function embeddedCellPolicies(host: ObjectHost, origin: CellOrigin, sign: StatementSigner): PolicyLayerStore {
  const { cell } = origin;
  const stated = (state: policy.PolicyLayerState, nowMs: number): PolicyState => ({
    ...state,
    statement: sign({ tenant: null, ...state }, nowMs),
  });
  return {
    // Asked before anything was written, the cell's object begins here: its own clock states the freshness.
    state: () => host.provision(cellClass, cell, (sql, env) => ok(stated(policy.policyState(sql), env.now))),
    bundle: async (digest) =>
      (await host.call(cellClass, cell, (sql) => policy.policyBundle(sql, digest))) ?? err({ reason: "not_found" }),
    put: (change, bundle) =>
      host.provision(cellClass, cell, (sql, env) => policy.putBundle(sql, env, origin, change, bundle)),
    activate: (change, target) =>
      host.provision(cellClass, cell, (sql, env) => {
        const done = policy.activateBundle(sql, env, origin, change, target);
        return done.ok ? ok(stated(done.value, env.now)) : done;
      }),
    list: async () => ok((await host.call(cellClass, cell, policy.listBundles)) ?? { version: 0, bundles: [] }),
  };
}
