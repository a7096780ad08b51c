import { LIMITS } from "../contracts/limits.ts";
import { err, ok, type Result } from "../contracts/result.ts";
import { parseTilePath, TILE_WIDTH, type Tile } from "../crypto/log/tiles.ts";
import { HASH_BYTES } from "../crypto/log/tree.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { type Fault, fault, shown } from "./fault.ts";
import type { TarFile } from "./tar-reader.ts";

/** A file of an export, by its name. */
export type ExportFile =
  | { kind: "keys" | "checkpoint" | "checkpoint_dsse" | "spans" | "manifest" }
  | { kind: "archived" | "archived_dsse"; size: number }
  | { kind: "tile"; tile: Tile }
  | { kind: "entries"; first: number };

const PLAIN: Readonly<Record<string, ExportFile>> = {
  "keys.json": { kind: "keys" },
  checkpoint: { kind: "checkpoint" },
  "checkpoint.dsse.json": { kind: "checkpoint_dsse" },
  "spans.json": { kind: "spans" },
  "manifest.dsse.json": { kind: "manifest" },
};

/** What a name stands for; null for a name that no export has. */
export function exportFile(name: string): ExportFile | null {
  if (Object.hasOwn(PLAIN, name)) return PLAIN[name] ?? null;
  const [, digits, envelope] = /^checkpoint-history\/(\d{16})(\.dsse\.json)?$/.exec(name) ?? [];
  if (digits !== undefined) return { kind: envelope ? "archived_dsse" : "archived", size: Number(digits) };
  const [, first] = /^entries\/(\d{16})\.jsonl$/.exec(name) ?? [];
  if (first !== undefined) return { kind: "entries", first: Number(first) };
  const tile = parseTilePath(name);
  if (tile?.kind !== "tile") return null;
  const { level, n, width } = tile;
  return { kind: "tile", tile: { level, n, width } };
}

/** Checkpoint envelopes hold one short text and a few signatures of 4.4 KB. */
const ENVELOPE_BYTES_MAX = 128 * 1024;

const BYTES_MAX: Record<ExportFile["kind"], number> = {
  keys: LIMITS.verifyKeysBytesMax,
  checkpoint: LIMITS.noteBytesMax,
  checkpoint_dsse: ENVELOPE_BYTES_MAX,
  archived: LIMITS.noteBytesMax,
  archived_dsse: ENVELOPE_BYTES_MAX,
  tile: TILE_WIDTH * HASH_BYTES,
  entries: TILE_WIDTH * (LIMITS.ledgerEntryBytesMax + 1),
  // A stretch takes about 130 bytes, and a year has 8,784 hours.
  spans: 4 * 1024 * 1024,
  manifest: LIMITS.dsseBytesMax,
};

/** How large a file of an export may be; a file that does not belong there is not read at all. */
export function exportFileBytesMax(name: string): Result<number, Fault> {
  const file = exportFile(name);
  return file === null
    ? err(fault("file_unexpected", `${shown(name)} is no file of an export`))
    : ok(BYTES_MAX[file.kind]);
}

const ORDER: Record<ExportFile["kind"], number> = {
  keys: 0,
  checkpoint: 1,
  checkpoint_dsse: 2,
  archived: 3,
  archived_dsse: 3,
  tile: 4,
  entries: 5,
  spans: 6,
  manifest: 7,
};
/** Where a file stands among the others: its kind, then what orders it there. */
function placeOf(file: ExportFile): readonly number[] {
  const place = ORDER[file.kind];
  switch (file.kind) {
    case "archived":
      return [place, file.size, 0];
    case "archived_dsse":
      return [place, file.size, 1];
    case "tile":
      return [place, file.tile.level, file.tile.n];
    case "entries":
      return [place, file.first];
    default:
      return [place];
  }
}

function isAfter(place: readonly number[], before: readonly number[]): boolean {
  const at = place.findIndex((number, level) => number !== before[level]);
  return at >= 0 && (place[at] ?? 0) > (before[at] ?? -1);
}

const ONCE: readonly ExportFile["kind"][] = ["keys", "checkpoint", "checkpoint_dsse", "spans"];

/** The files as they came: their order, each once, and the digests that the manifest must list. */
export class FileList {
  readonly #digests = new Map<string, string>();
  readonly #kinds = new Set<ExportFile["kind"]>();
  #reached: readonly number[] = [];

  /** Notes a file; its fault if it does not belong where it stands. */
  add(file: ExportFile, { name, bytes }: TarFile): Fault | null {
    if (this.#digests.has(name)) return fault("file_duplicated", `${shown(name)} is there twice`);
    const place = placeOf(file);
    if (!isAfter(place, this.#reached)) return fault("file_order", `${shown(name)} comes too late`);
    if (this.#digests.size >= LIMITS.exportFilesMax) return fault("too_many", "there are more files than exports have");
    this.#reached = place;
    this.#kinds.add(file.kind);
    if (file.kind !== "manifest") this.#digests.set(name, sha256Hex(bytes));
    return null;
  }

  /** Whether the files are those that the manifest lists, in its order. Which entry is concerned, other checks say. */
  listedFault(subjects: readonly { name: string; digest: Readonly<Record<string, string>> }[]): Fault | null {
    const missing = ONCE.find((kind) => !this.#kinds.has(kind));
    if (missing !== undefined) return fault("file_missing", `there is no file for its ${missing}`);
    const listed = new Map(subjects.map(({ name, digest }) => [name, digest.sha256]));
    if (listed.size < subjects.length) return fault("file_duplicated", "the manifest lists a file twice");
    for (const [name, sha256] of this.#digests) {
      if (!listed.has(name)) return fault("file_unlisted", `${shown(name)} is not in the manifest`);
      if (listed.get(name) !== sha256) return fault("file_altered", `${shown(name)} is not what the manifest lists`);
    }
    const lost = subjects.find(({ name }) => !this.#digests.has(name));
    if (lost) return fault("file_missing", `${shown(lost.name)} is listed and not there`);
    const present = this.#digests.keys();
    const moved = subjects.find(({ name }) => name !== present.next().value);
    return moved ? fault("file_order", `${shown(moved.name)} is not where the manifest lists it`) : null;
  }

  get size(): number {
    return this.#digests.size;
  }
}
