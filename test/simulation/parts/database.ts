import { DatabaseSync, type StatementSync } from "node:sqlite";
import { migrate } from "../../../durable/runtime/migrate.ts";
import { NodeSql } from "../../../durable/runtime/node-sql.ts";
import type { ObjectClass } from "../../../durable/runtime/object-class.ts";
import { touchOf } from "../../../durable/runtime/table-versions.ts";

const PROVISIONED = "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = '_migrations'";
const DROP = /^DROP TABLE ("(?:[^"]|"")+")$/;

/**
 * A database in memory that has the tables of its class from the beginning and counts as provisioned once a migration
 * is noted in it. Schema and prepared statements live on from one simulated object to the next, which saves a third of
 * what objects cost; rows never do, and neither does a table that no migration makes.
 */
export class SimulatedDatabase extends DatabaseSync {
  readonly of: ObjectClass;
  /** Moves whenever what is durable may have changed. */
  commits = 0;
  readonly #statements = new Map<string, StatementSync>();
  readonly #tables: readonly string[];
  readonly #steps: ReadonlySet<string>;

  constructor(of: ObjectClass) {
    super(":memory:");
    this.of = of;
    this.#steps = new Set(of.migrations.flatMap(({ sql }) => sql).filter((step) => touchOf(step).kind === "schema"));
    this.deserialize(imageOf(of));
    this.#tables = this.#named();
    this.empty();
  }

  #named(): string[] {
    return super
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
      .all()
      .map(({ name }) => String(name));
  }

  /** What changes the schema is there already, or becomes the same change of rows; everything else is itself. */
  override prepare(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = super.prepare(this.#meant(text));
      this.#statements.set(text, statement);
    }
    return statement;
  }

  #meant(text: string): string {
    if (text === PROVISIONED) return "SELECT 1 AS found FROM _migrations LIMIT 1";
    if (this.#steps.has(text)) return "SELECT 1 WHERE 0";
    const [, dropped] = DROP.exec(text) ?? [];
    return dropped !== undefined && this.#tables.some((table) => dropped === `"${table}"`)
      ? `DELETE FROM ${dropped}`
      : text;
  }

  /** As if it were new. */
  empty(): void {
    this.commits++;
    if (this.isTransaction) this.prepare("ROLLBACK").run();
    for (const table of this.#tables) this.prepare(`DELETE FROM "${table}"`).run();
    for (const table of this.#named()) if (!this.#tables.includes(table)) super.prepare(`DROP TABLE "${table}"`).run();
  }
}

const images = new Map<string, Uint8Array>();

/** The bytes of a database that all migrations of a class have run in. */
function imageOf({ name, migrations }: ObjectClass): Uint8Array {
  let image = images.get(name);
  if (image === undefined) {
    const db = new DatabaseSync(":memory:");
    migrate(new NodeSql(db), migrations);
    image = db.serialize();
    db.close();
    images.set(name, image);
  }
  return image;
}

/** Databases of objects that are over, by class. */
const spare = new Map<string, SimulatedDatabase[]>();

export function takeDatabase(of: ObjectClass): SimulatedDatabase {
  return spare.get(of.name)?.pop() ?? new SimulatedDatabase(of);
}

export function giveDatabase(db: SimulatedDatabase): void {
  db.empty();
  const kept = spare.get(db.of.name) ?? [];
  kept.push(db);
  spare.set(db.of.name, kept);
}
