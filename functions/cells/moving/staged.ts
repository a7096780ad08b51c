import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ObjectStore } from "../../../shared/contracts/ports/object-store.ts";
import { open } from "../../../shared/crypto/open.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import { emptied } from "./called-off.ts";
import { type PartEntry, partContext, readPart } from "./part-format.ts";
import { stagePrefix } from "./parts.ts";

const key = (tenant: string, sha256: string): string => `${stagePrefix(tenant)}${sha256}`;

/** Parts of an archive as they lie at the new home until they are written. */
export class Staged {
  readonly #store: ObjectStore;
  readonly #tenant: string;

  constructor(store: ObjectStore, tenant: string) {
    this.#store = store;
    this.#tenant = tenant;
  }

  /** The same part again changes nothing. */
  async put(sha256: string, bytes: Uint8Array): Promise<void> {
    await this.#store.put(key(this.#tenant, sha256), bytes);
  }

  async missing(digests: readonly string[]): Promise<string[]> {
    const there = new Set<string>();
    const prefix = stagePrefix(this.#tenant);
    for (let after: string | undefined; ; ) {
      const page = { limit: LIMITS.objectListKeysMax, ...(after === undefined ? {} : { after }) };
      const { keys, more } = await this.#store.list(prefix, page);
      for (const found of keys) there.add(found.slice(prefix.length));
      after = keys.at(-1);
      if (!more || after === undefined) break;
    }
    return digests.filter((sha256) => !there.has(sha256));
  }

  /** The records of a part; null where it is not there, not the one that was signed, or does not open. */
  async read(sha256: string, transferKey: Uint8Array, move: string, part: number): Promise<PartEntry[] | null> {
    const got = await this.#store.get(key(this.#tenant, sha256));
    if (!got.ok || sha256Hex(got.value.bytes) !== sha256) return null;
    const opened = await open(transferKey, partContext(this.#tenant, move, part), got.value.bytes);
    return opened.ok ? readPart(opened.value) : null;
  }

  /** The archive's parts are not wanted any more. */
  async remove(): Promise<void> {
    await emptied(this.#store, stagePrefix(this.#tenant));
  }
}
