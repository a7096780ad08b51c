import type { LogOwner } from "../../durable/runtime/log/owner.ts";
import { LOG_SCHEMA } from "../../durable/runtime/log/schema.ts";
import { type CheckpointRow, notePublished } from "../../durable/runtime/log/state.ts";
import { type NodeSql, openMemorySql } from "../../durable/runtime/node-sql.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { leafHash } from "../../shared/crypto/log/tree.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";

/** A log of entries that say nothing, in memory, without archive and signer: for the steps of its object alone. */
export class SmallLog {
  readonly sql: NodeSql = openMemorySql();
  /** What the log said about itself. */
  readonly told: { kind: string; detail: JsonObject }[] = [];
  /** Entries below are passed by the object's own work. */
  passed = Number.MAX_SAFE_INTEGER;
  size = 0;
  readonly owner: LogOwner = {
    size: () => this.size,
    append: (_sql, _env, kind, detail) => void this.told.push({ kind, detail }),
    passed: () => this.passed,
    needed: "needed = 1",
  };

  constructor() {
    this.sql.run(
      "CREATE TABLE ledger (seq INTEGER PRIMARY KEY, at_ms INTEGER, hash TEXT, body TEXT, needed INTEGER DEFAULT 0)",
    );
    for (const text of LOG_SCHEMA) this.sql.run(text);
  }

  /** The entry of that place. */
  static text(seq: number, atMs: number): string {
    return JSON.stringify({ at: new Date(atMs).toISOString(), seq });
  }

  /** Writes so many further entries of one moment. */
  append(count: number, atMs: number): void {
    this.sql.enter();
    for (let n = 0; n < count; n++) {
      const text = SmallLog.text(this.size, atMs);
      const hash = Buffer.from(leafHash(utf8(text))).toString("hex");
      this.sql.run("INSERT INTO ledger (seq, at_ms, hash, body) VALUES (?, ?, ?, ?)", this.size++, atMs, hash, text);
    }
    this.sql.leave();
  }

  /** Notes a checkpoint of that size, whatever the archive has. */
  publish(size: number, published_ms: number, members: Partial<CheckpointRow> = {}): void {
    notePublished(this.sql, { size, root: "r", note: "n", dsse: "d", version: null, published_ms, ...members });
  }

  seqs(): number[] {
    return this.sql.all<{ seq: number }>("SELECT seq FROM ledger ORDER BY seq").map(({ seq }) => seq);
  }
}
