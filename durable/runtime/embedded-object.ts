import { LIMITS } from "../../shared/contracts/limits.ts";
import type { AlarmIndex } from "./alarm-index.ts";
import type { HostFiles } from "./host-files.ts";
import { isProvisioned, migrate } from "./migrate.ts";
import { type ObjectClass, ObjectOverloaded, ObjectUnavailable } from "./object-class.ts";
import { type PendingCall, pendingCall } from "./pending-call.ts";
import type { CoreEnv } from "./sql.ts";
import { SqliteFile } from "./sqlite-file.ts";
import type { SyncRounds } from "./sync-rounds.ts";
import { runTick } from "./tick.ts";

/** What an object needs from its host. */
export interface EmbeddedObjectHost {
  readonly files: HostFiles;
  readonly alarms: AlarmIndex;
  readonly rounds: SyncRounds;
  env(): CoreEnv;
  /** Asks for a `tick` soon. */
  ready(object: EmbeddedObject): void;
  /** So many calls have their answer. */
  answered(calls: number): void;
  /** The object opened its file. */
  opened(object: EmbeddedObject): void;
  /** The object has no file and nothing waiting: it may be forgotten. */
  closed(object: EmbeddedObject): void;
  /** An entry of the alarm index moved to this time. */
  alarmAt(at_ms: number): void;
  onError(cause: unknown, object: EmbeddedObject): void;
}

/**
 * One object: a queue, and a file that is open while it is used. All calls waiting at a tick run in one transaction,
 * each atomic by itself, and are answered, reads too, once everything they could have seen is on disk.
 *
 *   idle ─ tick ─▶ run batch ─▶ [alarm earlier: wait for the index] ─▶ commit ─▶ answers after the sync
 *   busy (no batch runs): waiting for the index, copying or cutting the log, closing, discarding after a failure
 */
export class EmbeddedObject {
  readonly of: ObjectClass;
  readonly name: string;
  readonly #host: EmbeddedObjectHost;
  readonly #path: string;
  readonly #folder: string;
  #queue: PendingCall[] = [];
  #unanswered = 0;
  /** How many pieces of work hold batches back. */
  #busy = 0;
  #working: Promise<unknown> = Promise.resolve();
  #file: SqliteFile | null = null;
  #provisioned = false;
  /** The object's own earliest due work, and what the index says (never later). */
  #next: number | null = null;
  #indexed: number | null = null;
  #recover = false;
  /** While its due work keeps failing, the alarm is not set earlier than this. */
  notBefore = 0;
  /** Nothing is delivered to a receiver before this; whatever else is due does not wait for it. */
  deliverAfter = 0;

  constructor(host: EmbeddedObjectHost, of: ObjectClass, name: string, folder: string, path: string) {
    this.#host = host;
    this.of = of;
    this.name = name;
    this.#folder = folder;
    this.#path = path;
  }

  /** Nothing runs and nobody waits. */
  get isIdle(): boolean {
    return this.#unanswered === 0 && this.#busy === 0;
  }
  /** Idle, closed, and with nothing to remember. */
  get isForgettable(): boolean {
    return this.isIdle && this.#file === null && !this.#recover;
  }

  /** Throws `ObjectOverloaded` at the bound; then nothing of the call ran. */
  enqueue(call: PendingCall): void {
    if (this.#unanswered >= LIMITS.tenantQueueMax)
      throw new ObjectOverloaded(`${this.of.name} has too many waiting calls`);
    this.#unanswered++;
    this.#queue.push(call);
    if (this.#queue.length === 1 && this.#busy === 0) this.#host.ready(this);
  }

  /** Runs one batch of waiting calls. */
  tick(): void {
    if (this.#busy > 0 || this.#queue.length === 0) return;
    const calls = this.#queue.splice(0, LIMITS.tickCallsMax);
    if (this.#queue.length > 0) this.#host.ready(this);
    let file: SqliteFile | null;
    try {
      file = this.#file ?? this.#open(calls.some((call) => call.provisions));
    } catch (cause) {
      this.#failed(calls, cause);
      return;
    }
    if (!file) {
      if (calls.some((call) => call.reindexes)) this.#index(null);
      this.#answered(calls);
      return;
    }
    let earlier: number | null;
    try {
      earlier = this.#run(file, calls);
    } catch (cause) {
      this.#lost(file, calls, cause);
      return;
    }
    if (earlier === null) this.#commit(file, calls);
    else {
      // If we crash while the index is ahead of the object, the alarm only looks and finds nothing due.
      this.#indexed = earlier;
      this.#whileBusy(async () => {
        try {
          await this.#host.alarms.put(this.of.name, this.name, earlier);
        } catch (cause) {
          this.#indexed = null;
          this.#lost(file, calls, cause);
          return;
        }
        this.#host.alarmAt(earlier);
        this.#commit(file, calls);
      });
    }
  }

  /** Closes the file of an idle object; resolves once that is done, or has failed and was told. */
  async evict(): Promise<void> {
    const file = this.#file;
    if (!file || !this.isIdle) return;
    this.#whileBusy(() => this.#close(file));
    await this.#working;
  }

  /** Closes for good. Nothing may wait any more. */
  async shut(): Promise<void> {
    while (this.#busy > 0) await this.#working;
    const file = this.#file;
    if (file) this.#whileBusy(() => this.#close(file));
    await this.#working;
  }

  /** Runs the calls in an open transaction and answers the time of an alarm that has to be indexed before the commit. */
  #run(file: SqliteFile, calls: readonly PendingCall[]): number | null {
    const env = this.#host.env();
    const late = this.#next !== null && this.#next <= env.now ? this.#sweep() : null;
    this.#provisioned = runTick(file, late ? [late, ...calls] : calls, env, this.#provisioned);
    late?.settle();
    this.#next = this.#provisioned ? (this.of.nextDue?.(file.sql, this.deliverAfter) ?? null) : null;
    const wanted = this.#next === null ? null : Math.max(this.#next, this.notBefore);
    if (wanted !== null && (this.#indexed === null || wanted < this.#indexed)) return wanted;
    if (wanted !== this.#indexed && calls.some((call) => call.reindexes)) this.#index(wanted);
    return null;
  }

  /** Work that is due before the calls see anything; they do not depend on its success. */
  #sweep(): PendingCall {
    const sweep = pendingCall((sql, env) => this.of.sweep?.(sql, env));
    sweep.promise.catch((cause: unknown) => this.#host.onError(cause, this));
    return sweep;
  }

  /** Moves the alarm away. That needs no haste: if we crash here, it comes too early. */
  #index(at_ms: number | null): void {
    this.#indexed = at_ms;
    this.#host.alarms.put(this.of.name, this.name, at_ms).catch((cause: unknown) => this.#host.onError(cause, this));
  }

  #commit(file: SqliteFile, calls: readonly PendingCall[]): void {
    let durable: Promise<void> | null;
    try {
      file.commit();
      durable = file.durable();
    } catch (cause) {
      this.#lost(file, calls, cause);
      return;
    }
    if (file.sql.takeErased()) {
      this.#whileBusy(() =>
        file.scrub().then(
          () => this.#answered(calls),
          (cause: unknown) => this.#lost(file, calls, cause),
        ),
      );
      return;
    }
    if (durable) {
      durable.then(
        () => this.#answered(calls),
        (cause: unknown) => this.#lost(file, calls, cause),
      );
    } else this.#answered(calls);
    if (this.#file === file && file.checkpointDue()) {
      this.#whileBusy(() => file.checkpoint().catch((cause: unknown) => this.#lost(file, [], cause)));
    }
  }

  #answered(calls: readonly PendingCall[]): void {
    for (const call of calls) call.settle();
    this.#ended(calls);
  }

  #failed(calls: readonly PendingCall[], cause: unknown): void {
    const unavailable = new ObjectUnavailable(`${this.of.name} could not be written or read`, { cause });
    for (const call of calls) call.fail(unavailable);
    this.#ended(calls);
  }

  #ended(calls: readonly PendingCall[]): void {
    this.#unanswered -= calls.length;
    this.#host.answered(calls.length);
    this.#rest();
  }

  /** Commit or sync failed: rejects, drops what memory holds, and has the next call open the file anew. */
  #lost(file: SqliteFile, calls: readonly PendingCall[], cause: unknown): void {
    if (this.#file === file) {
      this.#file = null;
      this.#recover = true;
      this.#host.onError(cause, this);
      if (file.sql.inTransaction) file.sql.abandon();
      this.#whileBusy(() => file.discard());
    }
    this.#failed(calls, cause);
  }

  #open(create: boolean): SqliteFile | null {
    const { files } = this.#host;
    const exists = files.exists(this.#path);
    if (!exists && !create) return null;
    const foldersChanged = exists ? [] : [this.#folder, ...files.createFolder(this.#folder)];
    const file = new SqliteFile(this.#path, {
      files,
      foldersChanged,
      recover: this.#recover,
      checkpoints: "owner",
      overwrites: this.of.overwrites ?? false,
      rounds: this.#host.rounds,
    });
    try {
      this.#provisioned = isProvisioned(file.sql);
      if (this.#provisioned && migrate(file.sql, this.of.migrations)) file.wrote();
      file.sql.takeSchemaTouched();
      file.sql.takeChanged();
      this.#next = this.#provisioned ? (this.of.nextDue?.(file.sql, this.deliverAfter) ?? null) : null;
      this.#indexed = this.#host.alarms.get(this.of.name, this.name);
    } catch (cause) {
      this.#whileBusy(() => file.discard());
      throw cause;
    }
    this.#recover = false;
    this.#file = file;
    this.#host.opened(this);
    return file;
  }

  /** Nobody waits: an object that is not provisioned (any more) gives its files back. */
  #rest(): void {
    if (!this.isIdle) return;
    const file = this.#file;
    if (file && !this.#provisioned) this.#whileBusy(() => this.#close(file));
    else if (this.isForgettable) this.#host.closed(this);
  }

  async #close(file: SqliteFile): Promise<void> {
    this.#file = null;
    try {
      await file.close();
      if (this.#provisioned) return;
      // If we crash between these, an empty database stays and counts as never provisioned.
      this.#host.files.remove(`${this.#path}-wal`);
      this.#host.files.remove(this.#path);
      if (this.#indexed !== null) await this.#host.alarms.put(this.of.name, this.name, null);
    } catch (cause) {
      this.#recover = true;
      throw cause;
    }
  }

  /** Holds batches back until `work` is done, whatever its end. */
  #whileBusy(work: () => Promise<void>): void {
    this.#busy++;
    const done = work()
      .catch((cause: unknown) => this.#host.onError(cause, this))
      .finally(() => {
        this.#busy--;
        if (this.#busy > 0) return;
        if (this.#queue.length > 0) this.#host.ready(this);
        else this.#rest();
      });
    this.#working = Promise.all([this.#working, done]);
  }
}
