import { DurableObject } from "cloudflare:workers";
import { CellObject as Cell } from "../../durable/cell/object.ts";
import { remoteCellStore } from "../../durable/cell/remote.ts";
import type { DurableNamespace, DurableState, DurableStorage, Stub } from "../../durable/runtime/durable-object.ts";
import { DurableObjectShell } from "../../durable/runtime/durable-object-shell.ts";
import { durableSql } from "../../durable/runtime/durable-sql.ts";
import type { ObjectClass } from "../../durable/runtime/object-class.ts";
import { drainOutbox, enqueue, nextDelivery, OUTBOX_SCHEMA } from "../../durable/runtime/outbox.ts";
import { SessionObject } from "../../durable/session/object.ts";
import { remoteSessionStore } from "../../durable/session/remote.ts";
import { TaskObject } from "../../durable/task/object.ts";
import { remoteTaskStore } from "../../durable/task/remote.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { ok } from "../../shared/contracts/result.ts";
import { SQL_CASES } from "../contract/sql.cases.ts";
import { fromBytesJson, toBytesJson } from "../support/bytes-json.ts";
import { SIGN } from "../support/policy-fixtures.ts";

interface Env {
  SQL: DurableNamespace<SqlProbe>;
  SESSIONS: DurableNamespace<SessionProbe>;
  TASKS: DurableNamespace<TaskProbe>;
  CELLS: DurableNamespace<CellObject>;
  OUTBOXES: DurableNamespace<OutboxProbe>;
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
export class CellObject extends Cell {
  constructor(ctx: DurableState, env: unknown) {
    super(ctx, env, SIGN);
  }
}

/** What the receiver of the outbox probe took; its first delivery fails. */
const delivered: number[] = [];
let attempts = 0;
const outboxClass: ObjectClass = {
  name: "outbox",
  migrations: [{ id: 1, sql: OUTBOX_SCHEMA }],
  nextDue: nextDelivery,
  effects: (object) =>
    drainOutbox(object, async (_source, rows) => {
      if (attempts++ === 0) throw new Error("the receiver is down");
      delivered.push(...rows.map(({ seq }) => seq));
    }),
};
/** An object with nothing but an outbox, around the shipped shell. */
export class OutboxProbe extends DurableObject {
  readonly #shell = new DurableObjectShell(this.ctx, outboxClass);

  async send(subjects: string[]): Promise<void> {
    await this.#shell.provision((sql, env) => {
      const at_ms = env.now as UnixMs; // safe because: shells give Unix milliseconds
      for (const subject of subjects) enqueue(sql, { type: "bailiwick.test.v1", subject, at_ms, data: {} });
      return ok(null);
    });
  }
  delivered(): number[] {
    return delivered;
  }
  alarm(): Promise<void> {
    return this.#shell.alarm();
  }
}

/** `POST /<port>/<method>` with the arguments; the answer is the method's. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, port, method] = new URL(request.url).pathname.split("/");
    if (!port || !method) return new Response("ready");
    const args = fromBytesJson(await request.text());
    if (!Array.isArray(args)) return new Response("arguments are an array", { status: 400 });
    const origin = { cell: String(request.headers.get("x-cell")), region: "local", release: "test" };
    const targets: Record<string, object> = {
      sql: { run: (title: string) => env.SQL.getByName(title).run(title) },
      tables: {
        session: (name: string) => env.SESSIONS.getByName(name).tables(),
        task: (name: string) => env.TASKS.getByName(name).tables(),
      },
      outbox: {
        send: (subjects: string[]) => env.OUTBOXES.getByName("one").send(subjects),
        delivered: () => env.OUTBOXES.getByName("one").delivered(),
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
