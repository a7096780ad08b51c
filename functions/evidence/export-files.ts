import type { JsonObject } from "../../shared/contracts/json.ts";
import { constantTimeEqual } from "../../shared/crypto/constant-time-equal.ts";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { TILE_WIDTH, type Tile, tilePath } from "../../shared/crypto/log/tiles.ts";
import { HASH_BYTES, leafHash } from "../../shared/crypto/log/tree.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { entryPlace } from "./entry-facts.ts";
import { exportTiles } from "./export-tiles.ts";
import { Silences } from "./silences.ts";
import { type Subject, statementText } from "./statement.ts";
import type { ArchiveFile } from "./tar.ts";

export const EXPORT_TYPE = "https://bailiwick.example.com/evidence/ledger-export/v1";

/** A period of a published log: its entries are `[first, first + count)` of the `size` that the checkpoint covers. */
export interface ExportPeriod {
  origin: string;
  fromMs: number;
  toMs: number;
  first: number;
  count: number;
  size: number;
  note: string;
  dsse: string;
  generatedMs: number;
  cell: string;
  jurisdiction: string;
  worm: string;
}

/** The published log, read. Each call rejects when the archive does not have what was published. */
export interface PublishedLog {
  /** Of `size` entries as the checkpoint has them; a tile that has grown since is cut. */
  tile(tile: Tile): Promise<Uint8Array>;
  /** Entries `[first, end)` of one bundle. */
  entries(first: number, end: number): Promise<Uint8Array[]>;
  /** Sizes of the archived checkpoints in `(after, upTo]`, ascending. */
  checkpoints(after: number, upTo: number): AsyncIterable<number>;
  checkpoint(size: number): Promise<{ note: Uint8Array; dsse: Uint8Array }>;
}

/** Of a checkpoint in the archive. */
export const historyName = (size: number): string => `checkpoint-history/${padded(size)}`;
const padded = (number: number): string => String(number).padStart(16, "0");

/** The exported entries: those of the period and its two neighbours, as far as the log has them. */
export const exportedRange = ({ first, count, size }: Pick<ExportPeriod, "first" | "count" | "size">) => ({
  start: Math.max(0, first - 1),
  end: Math.min(size, first + count + 1),
});

/**
 * The files of docs/ledger.md §5 in their order, one in memory at a time; the last one is signed over all others. What
 * the archive holds is held against itself on the way: an entry that its tile does not know ends the export.
 */
export async function* exportFiles(
  period: ExportPeriod,
  log: PublishedLog,
  keys: string,
  sign: (statement: string) => Promise<string>,
): AsyncGenerator<ArchiveFile> {
  const subjects: Subject[] = [];
  const file = (name: string, content: Uint8Array | string): ArchiveFile => {
    const bytes = typeof content === "string" ? utf8(content) : content;
    subjects.push({ name, sha256: sha256Hex(bytes) });
    return { name, bytes };
  };
  yield file("keys.json", keys);
  yield file("checkpoint", period.note);
  yield file("checkpoint.dsse.json", period.dsse);
  const periodEnd = period.first + period.count;
  for await (const size of log.checkpoints(period.first, periodEnd)) {
    const { note, dsse } = await log.checkpoint(size);
    yield file(historyName(size), note);
    yield file(`${historyName(size)}.dsse.json`, dsse);
  }
  const { start, end } = exportedRange(period);
  for (const tile of exportTiles(start, end, period.size)) yield file(tilePath(tile), await log.tile(tile));

  const silences = new Silences(period.fromMs, period.toMs);
  const borders = { before: null as Border | null, after: null as Border | null };
  const chain = new Chain();
  for (let first = start; first < end; ) {
    const until = Math.min(end, (Math.floor(first / TILE_WIDTH) + 1) * TILE_WIDTH);
    const entries = await log.entries(first, until);
    const tile = await log.tile(tileOf(first, period.size));
    const lines: string[] = [];
    for (const [offset, bytes] of entries.entries()) {
      const index = first + offset;
      const { text, at } = chain.next(index, bytes, tile);
      lines.push(`${text}\n`);
      silences.entry(index, Date.parse(at));
      if (index === period.first - 1) borders.before = { index, at };
      if (index === periodEnd) borders.after = { index, at };
    }
    yield file(`entries/${padded(first)}.jsonl`, lines.join(""));
    first = until;
  }
  const spans: JsonObject = {
    from: new Date(period.fromMs).toISOString(),
    to: new Date(period.toMs).toISOString(),
    first: period.first,
    count: period.count,
    size: period.size,
    before: borders.before === null ? null : { ...borders.before },
    after: borders.after === null ? null : { ...borders.after },
    spans: silences.end().map((silence) => ({ ...silence })),
    gaps: [],
  };
  yield file("spans.json", JSON.stringify(spans));
  const predicate: JsonObject = {
    schema_version: 1,
    generated_at: new Date(period.generatedMs).toISOString(),
    origin: period.origin,
    cell: period.cell,
    jurisdiction: period.jurisdiction,
    worm: period.worm,
    ...spans,
  };
  const manifest = await sign(statementText(subjects, EXPORT_TYPE, predicate));
  yield { name: "manifest.dsse.json", bytes: utf8(manifest) };
}

interface Border {
  index: number;
  at: string;
}

/** The level-0 tile of an entry at this size. */
function tileOf(index: number, size: number): Tile {
  const n = Math.floor(index / TILE_WIDTH);
  return { level: 0, n, width: Math.min(TILE_WIDTH, size - n * TILE_WIDTH) };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Holds entries in order against their place, the entry before, and their tile. Throws at the first that differs. */
class Chain {
  #prev: string | null = null;

  next(index: number, bytes: Uint8Array, tile: Uint8Array): { text: string; at: string } {
    const text = decoder.decode(bytes);
    const { seq, prev, at } = entryPlace(text);
    const hash = leafHash(bytes);
    const place = (index % TILE_WIDTH) * HASH_BYTES;
    if (seq !== index) throw new Error(`entry ${index} of the archive says that it is ${seq}`);
    if (!constantTimeEqual(hash, tile.subarray(place, place + HASH_BYTES)))
      throw new Error(`entry ${index} of the archive is not the one of its tile`);
    if (this.#prev !== null && prev !== this.#prev) throw new Error(`entry ${index} does not follow the one before`);
    this.#prev = encodeHex(hash);
    return { text, at };
  }
}
