import type { Result } from "../contracts/result.ts";
import { type HeldCheckpoint, holdCheckpoint } from "./export-checkpoints.ts";
import { EntryFiles } from "./export-entries.ts";
import { type ExportFile, exportFile, FileList } from "./export-files.ts";
import { Passage } from "./export-spans.ts";
import { ExportTiles } from "./export-tiles.ts";
import { type Fault, fault, shown } from "./fault.ts";
import { parseKeysFile, type TrustedKey } from "./keys-file.ts";
import { openOwnCheckpoint } from "./own-checkpoint.ts";
import { Findings } from "./report.ts";
import type { TarFile } from "./tar-reader.ts";
import type { Trust } from "./trust.ts";

/** The steps of docs/ledger.md §5, in its order. */
export const EXPORT_CHECKS = [
  "archive",
  "signatures",
  "statement",
  "files",
  "checkpoint",
  "entries",
  "tiles",
  "root",
  "borders",
  "archived checkpoints",
  "spans",
  "own checkpoint",
] as const;

/**
 * Reads an export file by file and keeps what the last steps need: hashes, checkpoints, tiles above the lowest level, the
 * period's ends. What is wrong with a file alone, or with it after those before, is found here.
 */
export class ExportReader {
  readonly findings = new Findings(EXPORT_CHECKS, ["own checkpoint"]);
  readonly files = new FileList();
  readonly passage = new Passage();
  readonly archived: HeldCheckpoint[] = [];
  main: HeldCheckpoint | null = null;
  /** The checkpoint of the verifier's user, opened as soon as there are keys. */
  own: Result<HeldCheckpoint, Fault> | null = null;
  spansFile: Uint8Array | null = null;
  manifestFile: Uint8Array | null = null;
  keys: readonly TrustedKey[] | null;
  readonly #trust: Trust;
  readonly #tileBytesKept: number | undefined;
  /** A checkpoint's note, until its envelope comes; `size` null for the newest one. */
  #note: { size: number | null; bytes: Uint8Array } | null = null;
  /** How many of `archived` have seen their newest entry. */
  #covered = 0;
  #tiles: ExportTiles | null = null;
  #entries: EntryFiles | null = null;

  constructor(trust: Trust, tileBytesKept: number | undefined) {
    this.#trust = trust;
    this.#tileBytesKept = tileBytesKept;
    this.keys = trust.keys;
  }

  /** Whether the next file is wanted. */
  take(read: Result<TarFile, Fault>): boolean {
    if (!read.ok) {
      this.findings.fail(read.error.reason === "file_unexpected" ? "files" : "archive", read.error);
      return false;
    }
    const file = exportFile(read.value.name);
    const misplaced = file === null ? null : this.files.add(file, read.value);
    if (misplaced) this.findings.fail("files", misplaced);
    if (file === null || misplaced) return false;
    this.#read(file, read.value.bytes);
    return true;
  }

  #read(file: ExportFile, bytes: Uint8Array): void {
    switch (file.kind) {
      case "keys":
        this.#readKeys(bytes);
        break;
      case "checkpoint":
        this.#note = { size: null, bytes };
        break;
      case "archived":
        this.demandNoNote();
        this.#note = { size: file.size, bytes };
        break;
      case "checkpoint_dsse":
        this.#readCheckpoint(null, bytes);
        break;
      case "archived_dsse":
        this.#readCheckpoint(file.size, bytes);
        break;
      case "tile": {
        const wrong = this.tree()?.add(file.tile, bytes);
        if (wrong) this.findings.fail("root", wrong);
        break;
      }
      case "entries":
        this.#readEntries(file.first, bytes);
        break;
      case "spans":
        this.spansFile = bytes;
        break;
      case "manifest":
        this.manifestFile = bytes;
    }
  }

  /** The file's own keys are for who has no others; who has some need not read them. */
  #readKeys(bytes: Uint8Array): void {
    if (this.keys !== null) return;
    const keys = parseKeysFile(bytes);
    if (keys.ok) this.keys = keys.value;
    else this.findings.fail("signatures", keys.error);
  }

  demandNoNote(): void {
    if (this.#note) this.findings.fail("files", fault("file_missing", "a checkpoint is there without its envelope"));
  }

  #readCheckpoint(size: number | null, envelope: Uint8Array): void {
    const note = this.#note;
    this.#note = null;
    if (note === null || note.size !== size) {
      this.findings.fail("files", fault("file_missing", "an envelope is there without its checkpoint"));
      return;
    }
    const held = holdCheckpoint(note.bytes, envelope, this.keys);
    const wrong = held === null ? fault("checkpoint_malformed", "not a checkpoint in a signed note") : null;
    if (size === null) {
      this.main = held;
      this.own = this.#openOwn();
      if (wrong) this.findings.fail("checkpoint", wrong);
      return;
    }
    const misfit = held === null ? wrong : this.#misfit(held, size);
    if (misfit) this.findings.fail("archived checkpoints", misfit);
    else if (held) this.archived.push(held);
  }

  /** Why an archived checkpoint does not belong under its name. */
  #misfit(held: HeldCheckpoint, size: number): Fault | null {
    if (held.size !== size) return fault("size_differs", `the one named ${size} is at ${held.size}`);
    if (held.origin !== this.main?.origin)
      return fault("origin_differs", `that at ${size} is of ${shown(held.origin)}`);
    return null;
  }

  #openOwn(): Result<HeldCheckpoint, Fault> | null {
    if (this.#trust.checkpoint === null || this.keys === null) return null;
    const own = openOwnCheckpoint(this.#trust.checkpoint, this.keys);
    return own.ok ? { ok: true, value: { ...own.value, signed: null, newestMs: null } } : own;
  }

  /** The tree of the export's checkpoint: all sizes that it must tell the root of are known when the first tile comes. */
  tree(): ExportTiles | null {
    if (this.main === null) return null;
    const sizes = this.archived.map(({ size }) => size);
    if (this.own?.ok) sizes.push(this.own.value.size);
    this.#tiles ??= new ExportTiles(this.main.size, sizes, this.#tileBytesKept);
    return this.#tiles;
  }

  #readEntries(first: number, bytes: Uint8Array): void {
    const tree = this.tree();
    if (this.main === null || this.findings.failed("entries")) return;
    this.#entries ??= new EntryFiles(this.main.origin);
    const read = this.#entries.read(first, bytes);
    for (const entry of read.entries) {
      this.passage.add(entry);
      this.#coveredBy(entry.seq, entry.atMs);
    }
    if (read.entries.length > 0 && !this.findings.failed("tiles")) {
      const leaves = read.entries.map(({ leaf }) => leaf);
      const wrong = tree?.leavesFault(first, leaves);
      if (wrong) this.findings.fail("tiles", wrong);
    }
    if (read.fault) this.findings.fail("entries", read.fault);
  }

  /** Tells the checkpoints whose newest entry this is when they were made. */
  #coveredBy(index: number, atMs: number): void {
    const size = index + 1;
    if (this.main?.size === size) this.main.newestMs = atMs;
    for (let next = this.archived[this.#covered]; next && next.size <= size; next = this.archived[this.#covered]) {
      if (next.size === size) next.newestMs = atMs;
      this.#covered++;
    }
  }
}
