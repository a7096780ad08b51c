import { DurableObject } from "cloudflare:workers";
import type { JsonObject } from "../../shared/contracts/json.ts";
import type { ActiveSnapshot, SystemEvent } from "../../shared/contracts/ports/cell-store.ts";
import { always } from "../runtime/always.ts";
import type { DurableState } from "../runtime/durable-object.ts";
import { DurableObjectShell } from "../runtime/durable-object-shell.ts";
import { activate, active, cellClass, count, registerTenant, system, systemLedger, tenants } from "./core.ts";
import { EMPTY_LEDGER } from "./empty-ledger.ts";
import type { CellOrigin } from "./system-ledger.ts";

/** The cell's own object on the Workers platform; provisioned by its first write. */
export class CellObject extends DurableObject {
  readonly #shell: DurableObjectShell;

  constructor(ctx: DurableState, env: unknown) {
    super(ctx, env);
    this.#shell = new DurableObjectShell(ctx, cellClass);
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
  async systemLedger(page: { from: number; limit: number }) {
    return (await this.#shell.call((sql) => systemLedger(sql, page))) ?? EMPTY_LEDGER;
  }
  async count(increments: Readonly<Record<string, number>>): Promise<Record<string, number>> {
    return { ...always(await this.#shell.provision((sql) => count(sql, increments))) };
  }
  async tenants(page: { after: string | null; limit: number }): Promise<string[]> {
    return (await this.#shell.call((sql) => tenants(sql, page))) ?? [];
  }
  async registerTenant(tenant: string): Promise<void> {
    await this.#shell.provision((sql, env) => registerTenant(sql, env, tenant));
  }

  alarm(): Promise<void> {
    return this.#shell.alarm();
  }
}
