import { CellObject } from "../../durable/cell/object.ts";
import { remoteCellPolicies, remoteCellStore } from "../../durable/cell/remote.ts";
import type { DurableNamespace, DurableState, DurableStorage } from "../../durable/runtime/durable-object.ts";
import type { LogParts } from "../../durable/runtime/log/parts.ts";
import { policyStore } from "../../durable/runtime/policy-layers.ts";
import { TenantObject } from "../../durable/tenant/object.ts";
import { remoteTenantPolicies, remoteTenantStore } from "../../durable/tenant/remote.ts";
import { fromBytesJson, toBytesJson } from "../support/bytes-json.ts";
import { checkArchive } from "../support/check-archive.ts";
import { MemoryObjectStore } from "../support/memory-object-store.ts";
import { SIGN } from "../support/policy-fixtures.ts";
import { testSigner } from "../support/published-log.ts";

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

/** Archives of this isolate; they are gone with it. */
const archive = new MemoryObjectStore(() => Date.now());
const { signer } = testSigner(1);
const log: LogParts = {
  archive,
  signer,
  prefix: (name) => `${name}/`,
  origin: (name) => `bailiwick.example.com/${name}`,
  retention_days: () => 1,
  onHalted: () => {},
  onUnpublished: () => {},
};

/** A tenant whose ledger is published. */
export class LoggedProbe extends TenantObject {
  constructor(ctx: DurableState, env: unknown) {
    super(ctx, env, { sink: null, log, sign: SIGN });
  }
}

export class CellProbe extends CellObject {
  constructor(ctx: DurableState, env: unknown) {
    super(ctx, env, SIGN, log);
  }
}

interface Env {
  TENANTS: DurableNamespace<TenantProbe>;
  LOGGED: DurableNamespace<LoggedProbe>;
  CELLS: DurableNamespace<CellProbe>;
}

/**
 * `POST /<method>` with the arguments, on the tenants' port or, for `tables`, around it; `POST /policies.<method>` on that
 * of policies, `POST /logged.<method>` on tenants that publish, and `POST /cell.<method>` on the cell's; the header `x-cell` names the cell. The answer is the method's.
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
    const others = {
      ...prefixed("policies", policies),
      ...prefixed("cell", remoteCellStore(cells, origin)),
      // safe because: as above
      ...prefixed("logged", remoteTenantStore(env.LOGGED as unknown as DurableNamespace<TenantObject>)),
      "logged.check": (name: string) => checkArchive(archive, `${name}/`, log.origin(name), signer),
    };
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
