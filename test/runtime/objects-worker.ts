import { DurableObject } from "cloudflare:workers";
import { CellObject as Cell } from "../../durable/cell/object.ts";
import { remoteCellStore } from "../../durable/cell/remote.ts";
import type { DurableNamespace, DurableState, DurableStorage, Stub } from "../../durable/runtime/durable-object.ts";
import { DurableObjectShell } from "../../durable/runtime/durable-object-shell.ts";
import { durableSql } from "../../durable/runtime/durable-sql.ts";
import type { ObjectClass } from "../../durable/runtime/object-class.ts";
import { remoteRows } from "../../durable/runtime/remote-rows.ts";
import { SessionObject } from "../../durable/session/object.ts";
import { remoteSessionStore } from "../../durable/session/remote.ts";
import { TaskObject } from "../../durable/task/object.ts";
import { remoteTaskStore } from "../../durable/task/remote.ts";
import { ok } from "../../shared/contracts/result.ts";
import { SQL_CASES } from "../contract/sql.cases.ts";
import { fromBytesJson, toBytesJson } from "../support/bytes-json.ts";
import { SIGN } from "../support/policy-fixtures.ts";

interface Env {
  SQL: DurableNamespace<SqlProbe>;
  SESSIONS: DurableNamespace<SessionProbe>;
  TASKS: DurableNamespace<TaskProbe>;
  CELLS: DurableNamespace<CellObject>;
  SENDERS: DurableNamespace<SenderProbe>;
}

const tablesOf = (storage: DurableStorage): string[] =>
  storage.sql
    .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf\\_%' ESCAPE '\\'")
    .toArray()
    .map(({ name }) => String(name));

/** Runs one case of the port's contract on its own storage. */
export class SqlProbe extends DurableObject {
  run(title: string, inStep: boolean): string {
    const found = SQL_CASES.find((entry) => entry.title === title);
    if (!found) throw new Error(`no case ${title}`);
    const sql = durableSql(this.ctx.storage);
    if (inStep) sql.step(() => found.run(sql));
    else found.run(sql);
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

/** What the receiver of the sender probe took; its first delivery fails. */
const delivered: string[] = [];
let attempts = 0;
const DELAY_MS = 500;
const senderClass: ObjectClass = {
  name: "sender",
  migrations: [{ id: 1, sql: ["CREATE TABLE waiting (seq INTEGER PRIMARY KEY, subject TEXT, due_ms INTEGER)"] }],
  nextDue: (sql) => sql.get<{ due: number | null }>("SELECT min(due_ms) AS due FROM waiting")?.due ?? null,
  async effects(object) {
    const rows = await object.call((sql) =>
      sql.all<{ seq: number; subject: string }>("SELECT seq, subject FROM waiting ORDER BY seq"),
    );
    const last = rows?.at(-1);
    if (!rows || !last) return;
    if (attempts++ === 0) throw new Error("the receiver is down");
    delivered.push(...rows.map(({ subject }) => subject));
    await object.call((sql) => sql.run("DELETE FROM waiting WHERE seq <= ?", last.seq));
  },
};
/** An object that does nothing but send, around the shipped shell. */
export class SenderProbe extends DurableObject {
  readonly #shell = new DurableObjectShell(this.ctx, senderClass);

  async send(subjects: string[]): Promise<void> {
    await this.#shell.provision((sql, env) => {
      for (const subject of subjects)
        sql.run("INSERT INTO waiting (subject, due_ms) VALUES (?, ?)", subject, env.now + DELAY_MS);
      return ok(null);
    });
  }
  delivered(): string[] {
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
      sql: {
        run: (title: string, inStep: boolean) => env.SQL.getByName(`${title} ${inStep}`).run(title, inStep),
      },
      tables: {
        session: (name: string) => env.SESSIONS.getByName(name).tables(),
        task: (name: string) => env.TASKS.getByName(name).tables(),
      },
      sender: {
        send: (subjects: string[]) => env.SENDERS.getByName("one").send(subjects),
        delivered: () => env.SENDERS.getByName("one").delivered(),
      },
      session: remoteSessionStore(env.SESSIONS as DurableNamespace<Stubbed<SessionObject>>),
      rows: remoteRows(env.SESSIONS as DurableNamespace<Stubbed<SessionObject>>),
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
