import { DurableObject } from "cloudflare:workers";
import type { JsonObject } from "../../shared/contracts/json.ts";
import type { PoolReport, PoolState } from "../../shared/contracts/pool-load.ts";
import type { ActiveSnapshot, CellStore, SystemEvent } from "../../shared/contracts/ports/cell-store.ts";
import type { StatementSigner } from "../../shared/crypto/policy-statement.ts";
import { always } from "../runtime/always.ts";
import type { DurableState } from "../runtime/durable-object.ts";
import { DurableObjectShell } from "../runtime/durable-object-shell.ts";
import type { LogParts } from "../runtime/log/parts.ts";
import type { ObjectHost } from "../runtime/object-class.ts";
import type { PolicyLayerStore } from "../runtime/policy-layers.ts";
import { activate, active, count, registerTenant, system, tenants } from "./core.ts";
import { embeddedCellPolicies, embeddedCellStore } from "./embedded.ts";
import { cellObjectClass } from "./object-class.ts";
import { poolReport, pools } from "./pools.ts";
import type { CellOrigin } from "./system-ledger.ts";

type Args<M extends keyof PolicyLayerStore> = Parameters<PolicyLayerStore[M]>;

/**
 * The cell's own object on the Workers platform; provisioned by its first write. The entry's subclass gives it what signs
 * its statements, and where its ledger is published.
 */
export class CellObject extends DurableObject {
  readonly #shell: DurableObjectShell;
  readonly #policies: (origin: CellOrigin) => PolicyLayerStore;
  readonly #store: (origin: CellOrigin) => CellStore;

  constructor(ctx: DurableState, env: unknown, sign: StatementSigner, log: LogParts | null = null) {
    super(ctx, env);
    const of = cellObjectClass(log);
    const shell = new DurableObjectShell(ctx, of);
    this.#shell = shell;
    // The port's own code over the single object that this is.
    const host: ObjectHost = {
      call: (_of, _name, body) => shell.call(body),
      provision: (_of, _name, body) => shell.provision(body),
    };
    this.#policies = (origin) => embeddedCellPolicies(host, origin, sign);
    this.#store = (origin) => embeddedCellStore(host, origin, of);
  }

  async activate(origin: CellOrigin, digest: string, files: JsonObject): Promise<ActiveSnapshot> {
    return always(await this.#shell.provision((sql, env) => activate(sql, env, origin, digest, files)));
  }
  async active(): Promise<ActiveSnapshot | null> {
    return (await this.#shell.call(active)) ?? null;
  }
  async system(origin: CellOrigin, events: readonly SystemEvent[]): Promise<void> {
    await this.#shell.provision((sql, env) => system(sql, env, origin, events));
  }
  systemLedger(origin: CellOrigin, page: { from: number; limit: number }) {
    return this.#store(origin).systemLedger(page);
  }
  systemLog(origin: CellOrigin) {
    return this.#store(origin).systemLog();
  }
  systemPeriod(origin: CellOrigin, period: { from_ms: number; to_ms: number }) {
    return this.#store(origin).systemPeriod(period);
  }
  async count(increments: Readonly<Record<string, number>>): Promise<Record<string, number>> {
    return { ...always(await this.#shell.provision((sql) => count(sql, increments))) };
  }
  async poolReport(report: PoolReport): Promise<PoolState[]> {
    return always(await this.#shell.provision((sql, env) => poolReport(sql, env, report)));
  }
  async pools(): Promise<PoolState[]> {
    return (await this.#shell.call(pools)) ?? [];
  }
  async tenants(page: { after: string | null; limit: number }): Promise<string[]> {
    return (await this.#shell.call((sql) => tenants(sql, page))) ?? [];
  }
  async registerTenant(tenant: string): Promise<void> {
    await this.#shell.provision((sql, env) => registerTenant(sql, env, tenant));
  }
  policyState(origin: CellOrigin) {
    return this.#policies(origin).state();
  }
  policyBundle(origin: CellOrigin, ...args: Args<"bundle">) {
    return this.#policies(origin).bundle(...args);
  }
  putBundle(origin: CellOrigin, ...args: Args<"put">) {
    return this.#policies(origin).put(...args);
  }
  activateBundle(origin: CellOrigin, ...args: Args<"activate">) {
    return this.#policies(origin).activate(...args);
  }
  listBundles(origin: CellOrigin, ...args: Args<"list">) {
    return this.#policies(origin).list(...args);
  }

  alarm(): Promise<void> {
    return this.#shell.alarm();
  }
}
