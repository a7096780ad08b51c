import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { nextLogDue } from "../../durable/runtime/log/due.ts";
import type { LogBounds, LogParts } from "../../durable/runtime/log/parts.ts";
import { publishLog } from "../../durable/runtime/log/publish.ts";
import { logState } from "../../durable/runtime/log/state.ts";
import { migrate } from "../../durable/runtime/migrate.ts";
import { NodeSql } from "../../durable/runtime/node-sql.ts";
import {
  EffectPostponed,
  type ObjectBody,
  type ObjectHandle,
  type ObjectHost,
} from "../../durable/runtime/object-class.ts";
import type { CoreEnv } from "../../durable/runtime/sql.ts";
import { headOf, ledgerWriter } from "../../durable/tenant/core/ledger.ts";
import { feedDelivered, provision, tenantLog } from "../../durable/tenant/core.ts";
import { TENANT_MIGRATIONS } from "../../durable/tenant/migrations.ts";
import { nativeHashing } from "../../functions/entry/native-hashing.ts";
import type { LogFault, LogState } from "../../shared/contracts/log.ts";
import type { ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import type { Signer } from "../../shared/contracts/ports/signer.ts";
import { useHashing } from "../../shared/crypto/hashing.ts";
import { testSigner } from "./published-log.ts";
import { attribution, provisionSpec } from "./tenant-fixtures.ts";

// Tests of thousands of hashes; that both implementations agree is tested where the native one is.
useHashing(nativeHashing);

export const TENANT = "acme1";
export const LOG_ORIGIN = "bailiwick.example.com";
export const PREFIX = `tenants/${TENANT}/`;
const START = Date.UTC(2026, 10, 21, 12);

/** Signs the same checkpoint once, however many histories a test replays. */
function remembering({ keys, signCheckpoint, signStatement }: Signer): Signer {
  const signed = new Map<string, ReturnType<Signer["signCheckpoint"]>>();
  return {
    keys,
    signStatement,
    signCheckpoint(checkpoint) {
      const name = JSON.stringify(checkpoint);
      const known = signed.get(name) ?? signCheckpoint(checkpoint);
      signed.set(name, known);
      return known;
    },
  };
}
export const LAB_SIGNER = remembering(testSigner(1).signer);

/** Small bundles of work, so that histories of hundreds of entries reach every step. */
export const SMALL: LogBounds = { rows_kept: 300, turn_entries_max: 1_024, step_rows_max: 256 };

/** What stands around the calls that leave the object, and the object's own: to lose them, or their answers. */
export type Around = <T>(what: string, call: () => Promise<T>) => Promise<T>;
const straight: Around = (_what, call) => call();

/** One tenant's object in a file of its own, its archive, and a clock that only the test moves. */
export class LogLab {
  readonly env: CoreEnv = { now: START, mint: () => "0".repeat(26) };
  readonly archive: ObjectStore;
  readonly bounds: LogBounds;
  readonly faults: (LogFault | null)[] = [];
  unpublished = 0;
  around: Around = straight;
  signer: Signer = LAB_SIGNER;
  readonly #folder = mkdtempSync(join(tmpdir(), "bailiwick-log-"));
  #sql: NodeSql;
  #copies = 0;

  /** `from`: begins with a copy of that database, at its time. */
  constructor(archive: (now: () => number) => ObjectStore, bounds: LogBounds = SMALL, from?: LogLab) {
    this.archive = archive(() => this.env.now);
    this.bounds = bounds;
    if (from) {
      this.env.now = from.env.now;
      copyFileSync(from.backup(), join(this.#folder, "object"));
    }
    this.#sql = this.#open();
    if (from) return;
    migrate(this.#sql, TENANT_MIGRATIONS);
    provision(this.#sql, this.env, TENANT, provisionSpec());
  }

  get sql(): NodeSql {
    return this.#sql;
  }
  get size(): number {
    return headOf(this.#sql).size;
  }
  get state(): LogState {
    return logState(this.#sql, this.size, `${LOG_ORIGIN}/${TENANT}`);
  }
  kinds(): string[] {
    return this.#sql
      .all<{ kind: string }>("SELECT json_extract(body, '$.kind') AS kind FROM ledger ORDER BY seq")
      .map(({ kind }) => kind);
  }

  /** Entries of no task, delivered to whoever receives events. */
  append(count: number, stepMs = 0): void {
    this.#sql.enter();
    for (let at = 0; at < count; at++) {
      this.env.now += stepMs;
      ledgerWriter(this.#sql, this.env.now).append({
        kind: "data.changed",
        outcome: "success",
        action: "projects:create",
        task: null,
        by: attribution(),
        detail: { n: this.size },
      });
    }
    feedDelivered(this.#sql, this.size);
    this.#sql.leave();
  }

  get parts(): LogParts {
    const { archive, bounds, signer } = this;
    const around = <T>(what: string, call: () => Promise<T>) => this.around(what, call);
    return {
      archive: {
        ...archive,
        placement: archive.placement,
        put: (...args) => around(`put ${args[0]}`, () => archive.put(...args)),
        get: (...args) => around(`get ${args[0]}`, () => archive.get(...args)),
        list: (...args) => around(`list ${args[0]}`, () => archive.list(...args)),
        delete: (...args) => around(`delete ${args[0]}`, () => archive.delete(...args)),
      },
      signer: {
        ...signer,
        keys: () => around("keys", signer.keys),
        signCheckpoint: (checkpoint) => around("sign", () => signer.signCheckpoint(checkpoint)),
      },
      prefix: (name) => `tenants/${name}/`,
      origin: (name) => `${LOG_ORIGIN}/${name}`,
      retention_days: () => 365,
      onHalted: (_name, fault) => this.faults.push(fault),
      onUnpublished: (_name, entries) => {
        this.unpublished = entries;
      },
      bounds,
    };
  }

  readonly handle: ObjectHandle = {
    name: TENANT,
    call: <T>(body: ObjectBody<T>) =>
      this.around("object", async () => {
        this.#sql.enter();
        try {
          const value = body(this.#sql, this.env);
          this.#sql.leave();
          return value;
        } catch (cause) {
          this.#sql.abandon();
          throw cause;
        }
      }),
  };

  /** For stores over this one object. */
  readonly host: ObjectHost = {
    call: (_of, _name, body) => this.handle.call(body),
    provision: async () => {
      throw new Error("the tenant exists");
    },
  };

  /** One run of the alarm, at the time at which it is due. */
  async alarm(): Promise<void> {
    const dueMs = nextLogDue(this.#sql, this.size);
    if (dueMs === null) return;
    this.env.now = Math.max(this.env.now, dueMs);
    await publishLog(this.handle, TENANT, tenantLog(true), this.parts);
  }

  /** Alarms until everything is published; a failure that the log keeps is waited for and tried again. */
  async settle(): Promise<void> {
    for (let at = 0; at < 50; at++) {
      try {
        await this.alarm();
      } catch (cause) {
        if (!(cause instanceof EffectPostponed)) throw cause;
        continue;
      }
      if (this.state.halted || this.state.published?.size === this.size) return;
    }
    throw new Error("the log does not come to rest");
  }

  /** As after a crash: nothing but the file is left. */
  restart(): void {
    this.around = straight;
    this.#sql.close();
    this.#sql = this.#open();
  }

  /** A copy of the database as it is now. */
  backup(): string {
    const path = join(this.#folder, `copy-${this.#copies++}`);
    this.#sql.run("PRAGMA wal_checkpoint(TRUNCATE)");
    copyFileSync(join(this.#folder, "object"), path);
    return path;
  }
  rewind(path: string): void {
    this.#sql.close();
    copyFileSync(path, join(this.#folder, "object"));
    this.#sql = this.#open();
  }

  close(): void {
    this.#sql.close();
    rmSync(this.#folder, { recursive: true });
  }

  #open(): NodeSql {
    const db = new DatabaseSync(join(this.#folder, "object"));
    db.exec("PRAGMA synchronous = OFF");
    return new NodeSql(db);
  }
}
