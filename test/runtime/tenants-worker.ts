import { CellObject } from "../../durable/cell/object.ts";
import { remoteCellPolicies, remoteCellStore } from "../../durable/cell/remote.ts";
import type { DurableNamespace, DurableState, DurableStorage } from "../../durable/runtime/durable-object.ts";
import { policyStore } from "../../durable/runtime/policy-layers.ts";
import { TenantObject } from "../../durable/tenant/object.ts";
import { remoteTenantPolicies, remoteTenantStore } from "../../durable/tenant/remote.ts";
import { fromBytesJson, toBytesJson } from "../support/bytes-json.ts";
import { SIGN } from "../support/policy-fixtures.ts";

export class TenantProbe extends TenantObject {
  constructor(ctx: DurableState, env: unknown) {
    super(ctx, env, { sink: null, sign: SIGN });
  }
  tables(): string[] {
    const { sql }: DurableStorage = this.ctx.storage;
    return sql
      .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf\\_%' ESCAPE '\\'")
      .toArray()
      .map(({ name }) => String(name));
  }
}

export class CellProbe extends CellObject {
  constructor(ctx: DurableState, env: unknown) {
    super(ctx, env, SIGN);
  }
}

interface Env {
  TENANTS: DurableNamespace<TenantProbe>;
  CELLS: DurableNamespace<CellProbe>;
}

/**
 * `POST /<method>` with the arguments, on the tenants' port or, for `tables`, around it; `POST /policies.<method>` on that
 * of policies and `POST /cell.<method>` on the cell's; the header `x-cell` names the cell. The answer is the method's.
 */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const method = new URL(request.url).pathname.slice(1);
    if (method === "") return new Response("ready");
    const args = fromBytesJson(await request.text());
    if (!Array.isArray(args)) return new Response("arguments are an array", { status: 400 });
    // safe because: the probe has every method of the object, and its stub likewise
    const port = remoteTenantStore(env.TENANTS as unknown as DurableNamespace<TenantObject>);
    const cells = env.CELLS as unknown as DurableNamespace<CellObject>; // safe because: as above
    const origin = { cell: String(request.headers.get("x-cell")), region: "local", release: "test" };
    const policies = policyStore({
      cell: remoteCellPolicies(cells, origin),
      tenant: remoteTenantPolicies(env.TENANTS as unknown as DurableNamespace<TenantObject>),
    });
    const tables = (name: string) => env.TENANTS.getByName(name).tables();
    const prefixed = (prefix: string, of: object) =>
      Object.fromEntries(Object.entries(of).map(([name, run]) => [`${prefix}.${name}`, run]));
    const others = { ...prefixed("policies", policies), ...prefixed("cell", remoteCellStore(cells, origin)) };
    const run: unknown = Reflect.get({ ...port, tables, ...others }, method);
    if (typeof run !== "function") return new Response("no such method", { status: 404 });
    try {
      return new Response(toBytesJson({ value: (await run(...args)) ?? null }));
    } catch (cause) {
      const message = cause instanceof Error ? `${cause.stack} ${String(cause.cause ?? "")}` : String(cause);
      return new Response(message, { status: 500 });
    }
  },
};
