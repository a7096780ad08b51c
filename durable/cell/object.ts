import { DurableObject } from "cloudflare:workers";
import type { JsonObject } from "../../shared/contracts/json.ts";
import type { ActiveSnapshot, SystemEvent } from "../../shared/contracts/ports/cell-store.ts";
import type { StatementSigner } from "../../shared/crypto/policy-statement.ts";
import { always } from "../runtime/always.ts";
import type { DurableState } from "../runtime/durable-object.ts";
import { DurableObjectShell } from "../runtime/durable-object-shell.ts";
import type { ObjectHost } from "../runtime/object-class.ts";
import type { PolicyLayerStore } from "../runtime/policy-layers.ts";
import { activate, active, cellClass, count, registerTenant, system, systemLedger, tenants } from "./core.ts";
import { embeddedCellPolicies } from "./embedded.ts";
import { EMPTY_LEDGER } from "./empty-ledger.ts";
import type { CellOrigin } from "./system-ledger.ts";

type Args<M extends keyof PolicyLayerStore> = Parameters<PolicyLayerStore[M]>;

/**
 * The cell's own object on the Workers platform; provisioned by its first write. The entry's subclass gives it what signs
 * its statements.
 */
export class CellObject extends DurableObject {
  readonly #shell: DurableObjectShell;
  readonly #policies: (origin: CellOrigin) => PolicyLayerStore;

  constructor(ctx: DurableState, env: unknown, sign: StatementSigner) {
    super(ctx, env);
    const shell = new DurableObjectShell(ctx, cellClass);
    this.#shell = shell;
    // The port's own code over the single object that this is.
    const host: ObjectHost = {
      call: (_of, _name, body) => shell.call(body),
      provision: (_of, _name, body) => shell.provision(body),
    };
    this.#policies = (origin) => embeddedCellPolicies(host, origin, sign);
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
