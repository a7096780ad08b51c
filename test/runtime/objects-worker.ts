import { DurableObject } from "cloudflare:workers";
import { CellObject } from "../../durable/cell/object.ts";
import { remoteCellStore } from "../../durable/cell/remote.ts";
import type { DurableNamespace, DurableStorage, Stub } from "../../durable/runtime/durable-object.ts";
import { durableSql } from "../../durable/runtime/durable-sql.ts";
import { SessionObject } from "../../durable/session/object.ts";
import { remoteSessionStore } from "../../durable/session/remote.ts";
import { TaskObject } from "../../durable/task/object.ts";
import { remoteTaskStore } from "../../durable/task/remote.ts";
import { SQL_CASES } from "../contract/sql.cases.ts";
import { fromBytesJson, toBytesJson } from "../support/bytes-json.ts";

interface Env {
  SQL: DurableNamespace<SqlProbe>;
  SESSIONS: DurableNamespace<SessionProbe>;
  TASKS: DurableNamespace<TaskProbe>;
  CELLS: DurableNamespace<CellObject>;
}

const tablesOf = (storage: DurableStorage): string[] =>
  storage.sql
    .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf\\_%' ESCAPE '\\'")
    .toArray()
    .map(({ name }) => String(name));

/** Runs one case of the port's contract on its own storage. */
export class SqlProbe extends DurableObject {
  run(title: string): string {
    const found = SQL_CASES.find((entry) => entry.title === title);
    if (!found) throw new Error(`no case ${title}`);
    found.run(durableSql(this.ctx.storage));
    return "passed";
  }
}
/** The shipped objects, and a look at their tables that goes around their shell. */
export class SessionProbe extends SessionObject {
  tables() {
    return tablesOf(this.ctx.storage);
  }
}
export class TaskProbe extends TaskObject {
  tables() {
    return tablesOf(this.ctx.storage);
  }
}
export { CellObject };

/** `POST /<port>/<method>` with the arguments; the answer is the method's. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, port, method] = new URL(request.url).pathname.split("/");
    if (!port || !method) return new Response("ready");
    const args = fromBytesJson(await request.text());
    if (!Array.isArray(args)) return new Response("arguments are an array", { status: 400 });
    const origin = { cell: String(request.headers.get("x-cell")), release: "test" };
    const targets: Record<string, object> = {
      sql: { run: (title: string) => env.SQL.getByName(title).run(title) },
      tables: {
        session: (name: string) => env.SESSIONS.getByName(name).tables(),
        task: (name: string) => env.TASKS.getByName(name).tables(),
      },
      session: remoteSessionStore(env.SESSIONS as DurableNamespace<Stubbed<SessionObject>>),
      task: remoteTaskStore(env.TASKS as DurableNamespace<Stubbed<TaskObject>>),
      cell: remoteCellStore(env.CELLS, origin),
    };
    const target = targets[port];
    const run: unknown = target && Reflect.get(target, method);
    if (typeof run !== "function") return new Response("no such method", { status: 404 });
    try {
      return new Response(toBytesJson({ value: (await run(...args)) ?? null }));
    } catch (cause) {
      const message = cause instanceof Error ? `${cause.stack} ${String(cause.cause ?? "")}` : String(cause);
      return new Response(message, { status: 500 });
    }
  },
};

type Stubbed<T> = T & Stub<T>;
