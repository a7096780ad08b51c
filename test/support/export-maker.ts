import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import { STATEMENT_TYPE } from "../../shared/crypto/log/statement.ts";
import { entriesPath, TILE_WIDTH, type Tile, tilePath } from "../../shared/crypto/log/tiles.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { json, type MadeFile, type MadeLog, type MadePair, seal } from "./evidence-maker.ts";

export interface MadeExport {
  files: MadeFile[];
  /** What `spans.json` says, which the manifest repeats. */
  spans: JsonObject;
  predicate: JsonObject;
}

const padded = (value: number): string => String(value).padStart(16, "0");
const HOUR_MS = 3_600_000;

export interface ExportWish {
  from: string;
  to: string;
  size: number;
  /** Sizes of archived checkpoints and who signed each. */
  history: readonly { size: number; pairs: readonly MadePair[] }[];
  generatedAt: string;
  pairs: readonly MadePair[];
  keys: Uint8Array;
}

/** The tiles of docs/ledger.md §5, found the slow way: every tile of the log, asked whether it is needed. */
const isNeeded = ({ level, n, width }: Tile, start: number, end: number): boolean => {
  const span = TILE_WIDTH ** (level + 1);
  const holds = start < end && n * span < end && (n + 1) * span > start;
  return holds || width < TILE_WIDTH;
};

/** The files of an export by docs/ledger.md §5, without the manifest. */
export function exportOf(log: MadeLog, wish: ExportWish): MadeExport {
  const { size, history, pairs } = wish;
  const [fromMs, toMs] = [Date.parse(wish.from), Date.parse(wish.to)];
  const atMs = (index: number) => Date.parse(String(log.value(index).at));
  let first = 0;
  while (first < size && atMs(first) < fromMs) first++;
  let past = first;
  while (past < size && atMs(past) < toMs) past++;
  const [start, end] = [Math.max(0, first - 1), Math.min(size, past + 1)];
  const border = (index: number): JsonValue =>
    index < 0 || index >= size ? null : { index, at: log.value(index).at ?? null };

  const files: MadeFile[] = [
    { name: "keys.json", bytes: wish.keys },
    { name: "checkpoint", bytes: utf8(log.note(size, pairs)) },
    { name: "checkpoint.dsse.json", bytes: json({ ...log.envelope(size, pairs) }) },
  ];
  for (const archived of history) {
    const name = `checkpoint-history/${padded(archived.size)}`;
    files.push({ name, bytes: utf8(log.note(archived.size, archived.pairs)) });
    files.push({ name: `${name}.dsse.json`, bytes: json({ ...log.envelope(archived.size, archived.pairs) }) });
  }
  for (const tile of log.tiles(size))
    if (isNeeded(tile, start, end)) files.push({ name: tilePath(tile), bytes: log.tile(tile) });
  for (let at = start; at < end; ) {
    const until = Math.min(end, (Math.floor(at / TILE_WIDTH) + 1) * TILE_WIDTH);
    const lines = Array.from({ length: until - at }, (_, offset) => `${log.text(at + offset)}\n`);
    files.push({ name: `entries/${padded(at)}.jsonl`, bytes: utf8(lines.join("")) });
    at = until;
  }

  const indices = Array.from({ length: end - start }, (_, offset) => start + offset);
  const borders: (number | null)[] = [...(start === 0 ? [null] : []), ...indices, ...(end === size ? [null] : [])];
  const stretches: JsonObject[] = [];
  for (let at = 1; at < borders.length; at++) {
    const [after = null, before = null] = [borders[at - 1], borders[at]];
    const begin = Math.max(fromMs, after === null ? fromMs : atMs(after));
    const stop = Math.min(toMs, before === null ? toMs : atMs(before));
    if (stop - begin >= HOUR_MS)
      stretches.push({ from: new Date(begin).toISOString(), to: new Date(stop).toISOString(), after, before });
  }
  const spans: JsonObject = {
    from: wish.from,
    to: wish.to,
    first,
    count: past - first,
    size,
    before: border(first - 1),
    after: border(past),
    spans: stretches,
    gaps: [],
  };
  files.push({ name: "spans.json", bytes: json(spans) });
  const predicate: JsonObject = {
    schema_version: 1,
    generated_at: wish.generatedAt,
    origin: log.origin,
    cell: "eu1",
    jurisdiction: "eu",
    worm: "object-lock",
    ...spans,
  };
  return { files, spans, predicate };
}

/** The last file of an export: signed over all others. */
export function manifestOf(
  files: readonly MadeFile[],
  predicate: JsonObject,
  pairs: readonly MadePair[],
  more: JsonObject = {},
): MadeFile {
  const statement: JsonObject = {
    _type: STATEMENT_TYPE,
    subject: files.map(({ name, bytes }) => ({ name, digest: { sha256: sha256Hex(bytes) } })),
    predicateType: "https://bailiwick.example.com/evidence/ledger-export/v1",
    predicate,
    ...more,
  };
  return { name: "manifest.dsse.json", bytes: json({ ...seal(json(statement), pairs) }) };
}

/** The files of a log's archive (docs/ledger.md §2), its newest checkpoint among the archived ones. */
export function archiveOf(log: MadeLog, sizes: readonly number[], pairs: readonly MadePair[]): MadeFile[] {
  const size = Math.max(...sizes);
  const files: MadeFile[] = [{ name: "checkpoint", bytes: utf8(log.note(size, pairs)) }];
  for (const at of sizes) {
    const name = `checkpoint-history/${padded(at)}`;
    files.push({ name, bytes: utf8(log.note(at, pairs)) });
    files.push({ name: `${name}.dsse.json`, bytes: json({ ...log.envelope(at, pairs) }) });
  }
  for (const tile of log.tiles(size)) {
    files.push({ name: tilePath(tile), bytes: log.tile(tile) });
    if (tile.level === 0) files.push({ name: entriesPath(tile), bytes: log.bundle(tile.n, tile.width) });
  }
  return files;
}
