import type { DurableNamespace, DurableStorage } from "../../durable/runtime/durable-object.ts";
import { TenantObject } from "../../durable/tenant/object.ts";
import { remoteTenantStore } from "../../durable/tenant/remote.ts";
import { fromBytesJson, toBytesJson } from "../support/bytes-json.ts";

export class TenantProbe extends TenantObject {
  tables(): string[] {
    const { sql }: DurableStorage = this.ctx.storage;
    return sql
      .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf\\_%' ESCAPE '\\'")
      .toArray()
      .map(({ name }) => String(name));
  }
}

interface Env {
  TENANTS: DurableNamespace<TenantProbe>;
}

/** `POST /<method>` with the arguments, on the port or, for `tables`, around it; the answer is the method's. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const method = new URL(request.url).pathname.slice(1);
    if (method === "") return new Response("ready");
    const args = fromBytesJson(await request.text());
    if (!Array.isArray(args)) return new Response("arguments are an array", { status: 400 });
    // safe because: the probe has every method of the object, and its stub likewise
    const port = remoteTenantStore(env.TENANTS as unknown as DurableNamespace<TenantObject>);
    const tables = (name: string) => env.TENANTS.getByName(name).tables();
    const run: unknown = Reflect.get({ ...port, tables }, method);
    if (typeof run !== "function") return new Response("no such method", { status: 404 });
    try {
      return new Response(toBytesJson({ value: (await run(...args)) ?? null }));
    } catch (cause) {
      const message = cause instanceof Error ? `${cause.stack} ${String(cause.cause ?? "")}` : String(cause);
      return new Response(message, { status: 500 });
    }
  },
};
