import type {
  ObjectGetOptions,
  ObjectPutCondition,
  ObjectPutOptions,
  ObjectStore,
} from "../../shared/contracts/ports/object-store.ts";
import { err, ok } from "../../shared/contracts/result.ts";

interface Version {
  bytes: Uint8Array<ArrayBuffer>;
  version: string;
  atMs: number;
  lockedUntilMs: number | null;
}

/**
 * The whole-object part of the port in memory, for tests that need thousands of calls; versions and locks as the file
 * adapter has them. Streams are not there: the log uses none.
 */
export class MemoryObjectStore implements ObjectStore {
  readonly placement = { technology: "file-system", jurisdiction: "local", worm: "not WORM" } as const;
  /** Newest last. */
  readonly objects = new Map<string, Version[]>();
  readonly #now: () => number;
  #versions = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Another store with the same objects. */
  clone(now: () => number): MemoryObjectStore {
    const copy = new MemoryObjectStore(now);
    copy.#versions = this.#versions;
    for (const [key, versions] of this.objects) copy.objects.set(key, [...versions]);
    return copy;
  }

  async check() {
    return ok(null);
  }
  async put(key: string, bytes: Uint8Array, options: ObjectPutOptions & ObjectPutCondition = {}) {
    const before = this.objects.get(key) ?? [];
    if (options.if_absent && before.length > 0) return err({ reason: "exists" } as const);
    if (options.if_match !== undefined && before.at(-1)?.version !== options.if_match)
      return err({ reason: "exists" } as const);
    const version = `v${++this.#versions}`;
    const kept = before.filter((old) => this.#locked(old));
    kept.push({ bytes: bytes.slice(), version, atMs: this.#now(), lockedUntilMs: options.lock?.until_ms ?? null });
    this.objects.set(key, kept);
    return ok({ version, etag: version });
  }
  async get(key: string, options: ObjectGetOptions = {}) {
    const versions = this.objects.get(key) ?? [];
    const found = options.version ? versions.find((one) => one.version === options.version) : versions.at(-1);
    if (!found) return err({ reason: "not_found" } as const);
    const { bytes, version } = found;
    return ok({ bytes: bytes.slice(), size: bytes.length, version, etag: version });
  }
  async head(key: string) {
    const found = this.objects.get(key)?.at(-1);
    if (!found) return err({ reason: "not_found" } as const);
    const { bytes, version, atMs, lockedUntilMs } = found;
    return ok({ size: bytes.length, version, etag: version, locked_until_ms: lockedUntilMs, modified_ms: atMs });
  }
  async list(prefix: string, { after = "", limit }: { after?: string; limit: number }) {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    return { keys: keys.slice(0, limit), more: keys.length > limit };
  }
  async delete(key: string) {
    const locked = (this.objects.get(key) ?? []).filter((one) => this.#locked(one));
    const untilMs = Math.max(...locked.map(({ lockedUntilMs }) => lockedUntilMs ?? 0));
    if (locked.length > 0) return err({ reason: "locked", until_ms: untilMs } as const);
    this.objects.delete(key);
    return ok(null);
  }
  putStream(): never {
    throw new Error("no streams here");
  }
  getStream(): never {
    throw new Error("no streams here");
  }

  /** What no lock of a port prevents whoever owns the store from. */
  tamper(key: string, bytes: Uint8Array<ArrayBuffer> | null): void {
    const version = `v${++this.#versions}`;
    if (bytes) this.objects.set(key, [{ bytes, version, atMs: this.#now(), lockedUntilMs: null }]);
    else this.objects.delete(key);
  }

  #locked = ({ lockedUntilMs }: Version): boolean => lockedUntilMs !== null && lockedUntilMs > this.#now();
}
