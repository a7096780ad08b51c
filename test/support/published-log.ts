import { formatKeyDocument, type KeyPair } from "../../functions/adapters/signer/key-document.ts";
import { keySetSigner } from "../../functions/adapters/signer/key-set.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import type { LogPeriod, LogState, PublishedCheckpoint, TaskProof } from "../../shared/contracts/log.ts";
import type { ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import type { Signer } from "../../shared/contracts/ports/signer.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { encodeBase64 } from "../../shared/crypto/log/base64.ts";
import { encodeBundle } from "../../shared/crypto/log/entry-bundle.ts";
import { entriesPath, newTiles, TILE_WIDTH, tilePath } from "../../shared/crypto/log/tiles.ts";
import { leafHash, rootOfLeaves } from "../../shared/crypto/log/tree.ts";
import { foldNodes, inclusionNodes, type TreeNode } from "../../shared/crypto/log/tree-nodes.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";

export const ORIGIN = "bailiwick.example.com";

const unixMs = (ms: number) => ms as UnixMs; // safe because: a test's own milliseconds

/** A signer whose pairs are made of the given numbers, all in force since 1970. */
export function testSigner(...numbers: number[]): { signer: Signer; document: string } {
  const pairs = numbers.map(
    (number): KeyPair => ({
      id: `test-${number}`,
      ed25519Seed: new Uint8Array(32).fill(number),
      mlDsa65Seed: new Uint8Array(32).fill(100 + number),
      notBeforeMs: unixMs(0),
      notAfterMs: null,
      revoked: null,
    }),
  );
  const clock = { now: () => unixMs(Date.now()) };
  return { signer: keySetSigner({ pairs: () => pairs, clock }), document: formatKeyDocument(pairs) };
}

/** A log that a test writes and publishes itself, in the layout of docs/ledger.md. */
export class TestLog {
  readonly texts: string[] = [];
  readonly #leaves: Uint8Array[] = [];
  readonly name: string;
  readonly #archive: ObjectStore;
  readonly #signer: Signer;
  readonly prefix: string;
  published: PublishedCheckpoint | null = null;
  halted: LogState["halted"] = null;

  constructor(name: string, archive: ObjectStore, signer: Signer, prefix = `${name}/`) {
    [this.name, this.#archive, this.#signer, this.prefix] = [name, archive, signer, prefix];
  }

  get origin(): string {
    return `${ORIGIN}/${this.name}`;
  }

  append(atMs: number, members: JsonObject): number {
    const seq = this.texts.length;
    const last = this.#leaves.at(-1);
    const text = canonicalJson({
      ...ENTRY,
      tenant: this.name,
      ...members,
      seq,
      at: new Date(atMs).toISOString(),
      prev: last === undefined ? "0".repeat(64) : encodeHex(last),
    });
    this.texts.push(text);
    this.#leaves.push(leafHash(utf8(text)));
    return seq;
  }

  /** Undoes the last append of what is not published. */
  withdraw(): void {
    this.texts.pop();
    this.#leaves.pop();
  }

  /** Everything that is written: tiles, envelope, checkpoint, in the order of durability. */
  async publish(atMs: number): Promise<void> {
    const [from, to] = [this.published?.size ?? 0, this.texts.length];
    for (const tile of newTiles(from, to)) {
      const height = TILE_WIDTH ** tile.level;
      const hashes = Array.from({ length: tile.width }, (_, at) => {
        const first = (tile.n * TILE_WIDTH + at) * height;
        return rootOfLeaves(this.#leaves.slice(first, first + height));
      });
      await this.#put(tilePath(tile), Buffer.concat(hashes));
      if (tile.level > 0) continue;
      const first = tile.n * TILE_WIDTH;
      const entries = this.texts.slice(first, first + tile.width).map((text) => utf8(text));
      await this.#put(entriesPath(tile), encodeBundle(entries));
    }
    const root = encodeBase64(rootOfLeaves(this.#leaves));
    const signed = await this.#signer.signCheckpoint({ origin: this.origin, size: to, root });
    const history = `checkpoint-history/${String(to).padStart(16, "0")}`;
    await this.#put(`${history}.dsse.json`, utf8(signed.dsse));
    await this.#put(history, utf8(signed.note));
    await this.#put("checkpoint", utf8(signed.note));
    this.published = { size: to, root, ...signed, published_ms: unixMs(atMs) };
  }

  async #put(path: string, bytes: Uint8Array): Promise<void> {
    await this.#archive.put(`${this.prefix}${path}`, bytes);
  }

  state(): LogState {
    const { origin, published, halted } = this;
    return { origin, size: this.texts.length, published, halted, pruned: 0 };
  }

  period({ from_ms, to_ms }: { from_ms: number; to_ms: number }): LogPeriod {
    const times = this.texts.map((text) => Date.parse(JSON.parse(text).at));
    const size = this.published?.size ?? 0;
    const waits = times.slice(size).some((ms) => ms >= from_ms && ms < to_ms);
    return {
      origin: this.origin,
      checkpoint: this.published,
      first: times.slice(0, size).filter((ms) => ms < from_ms).length,
      count: times.slice(0, size).filter((ms) => ms >= from_ms && ms < to_ms).length,
      pending: waits ? { reason: "pending", retry_after_ms: 1_000 } : null,
    };
  }

  /** Null while an entry of the task is not published. */
  proof(task: string): TaskProof | "pending" | null {
    const { published } = this;
    const indices = this.texts.flatMap((text, index) => (JSON.parse(text).task === task ? [index] : []));
    if (indices.length === 0) return null;
    if (published === null || indices.some((index) => index >= published.size)) return "pending";
    const hashOf = ({ height, index }: TreeNode) =>
      rootOfLeaves(this.#leaves.slice(index * 2 ** height, (index + 1) * 2 ** height));
    const entries = indices.map((index) => ({
      index,
      text: this.texts[index] ?? "",
      proof: inclusionNodes(index, published.size).map((nodes) => encodeBase64(foldNodes(nodes.map(hashOf)))),
    }));
    return { origin: this.origin, checkpoint: published, entries };
  }
}

/** What an entry has when a test says nothing about it. */
const ENTRY = {
  schema_version: 1,
  kind: "config.changed",
  outcome: "success",
  action: "config:write",
  task: null,
  request: "req_0000000000000000000000000a",
  subject: "service:demo",
  credential: "key:000000000001",
  acr: null,
  workspace: "default",
  project: "default",
  environment: "default",
  cell: "local",
  region: "local",
  source: "192.0.2.7",
  release: "0.1.0+0123456789abcdef",
  snapshot: `sha256:${"0".repeat(64)}`,
  decision: null,
  policy: null,
  detail: {},
} satisfies JsonObject;
