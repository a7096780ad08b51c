import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import {
  ARCHIVED,
  at,
  edited,
  FILES,
  FIRST_TILE,
  flippedByte,
  gone,
  LAST,
  lines,
  MANIFEST,
  MIDDLE,
  row,
  signed,
  swapped,
} from "./corpus-export-rows.ts";
import { A, B, type CorpusRow, EXPORT, FORK, GENERATED_AT, LOG, SIZE, STRANGER, timeOf, WISH } from "./corpus-world.ts";
import { keysFile, type MadePair, tarball } from "./evidence-maker.ts";
import { type ExportWish, exportOf } from "./export-maker.ts";

/** What somebody did to an archive on its way: the manifest is still the cell's. */
export function exportsOnTheWay(): CorpusRow[] {
  const whole = tarball(FILES);
  const bent = (name: string, content: (bytes: Uint8Array) => Uint8Array | null) =>
    tarball(swapped(FILES, name, content));
  const moved = (from: number, to: number) => {
    const files = [...FILES];
    files.splice(to, 0, ...files.splice(from, 1));
    return tarball(files);
  };
  const placeOf = (name: string) => FILES.findIndex((file) => file.name === name);
  const altered = (index?: number) => at("files", "file_altered", index);
  const link = Uint8Array.from(whole);
  link[156] = 0x32;
  const header = link.subarray(0, 512);
  const sum = header.reduce((total, byte, place) => total + (place >= 148 && place < 156 ? 32 : byte), 0);
  header.set(utf8(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return [
    row("as the cell made it", whole, "verified"),
    row("under its own keys alone", whole, "own keys", { keys: null }),
    ...["keys.json", "checkpoint.dsse.json", `${ARCHIVED}.dsse.json`, "tile/1/000.p/2"].map((name) =>
      row(`a byte of ${name} flipped`, bent(name, flippedByte(20)), altered()),
    ),
    row("a byte of spans.json flipped", bent("spans.json", flippedByte(20)), altered(520)),
    row("a byte of checkpoint flipped", bent("checkpoint", flippedByte(-10)), altered()),
    row("a byte of an archived checkpoint flipped", bent(ARCHIVED, flippedByte(-10)), altered()),
    // Of a tile and of entries, the exact place is named beside the file.
    row("a byte of a tile flipped", bent(FIRST_TILE, flippedByte(44 * 32)), altered(300)),
    row(
      "a byte of an entry flipped",
      bent(
        MIDDLE,
        edited((text) => text.replace("listed", "listee")),
      ),
      altered(259),
    ),
    row(
      "an entry cut out",
      bent(
        MIDDLE,
        lines((all) => all.toSpliced(10, 1)),
      ),
      altered(269),
    ),
    row(
      "a byte of the manifest's statement flipped",
      bent(
        "manifest.dsse.json",
        edited((text) => text.replace(/("payload":".{400})./, "$1_")),
      ),
      at("signatures", "malformed"),
    ),
    row("a file of entries dropped", bent(MIDDLE, gone), at("files", "file_missing", 259)),
    row("the last file of entries dropped", bent(LAST, gone), at("files", "file_missing", 512)),
    row("a tile dropped", bent(FIRST_TILE, gone), at("files", "file_missing", 259)),
    row(
      "an archived checkpoint dropped with its envelope",
      tarball(swapped(swapped(FILES, ARCHIVED, gone), `${ARCHIVED}.dsse.json`, gone)),
      at("files", "file_missing"),
    ),
    row("the keys dropped", bent("keys.json", gone), at("files", "file_missing")),
    row("the spans dropped", bent("spans.json", gone), at("files", "file_missing")),
    row("the manifest dropped", bent("manifest.dsse.json", gone), at("signatures", "manifest_missing")),
    row(
      "a tile that is not listed",
      tarball(
        FILES.toSpliced(placeOf(FIRST_TILE), 0, {
          name: "tile/0/000",
          bytes: LOG.tile({ level: 0, n: 0, width: 256 }),
        }),
      ),
      at("files", "file_unlisted"),
    ),
    row(
      "a file that no export has",
      tarball(FILES.toSpliced(3, 0, { name: "readme.txt", bytes: utf8("read me") })),
      at("files", "file_unexpected"),
    ),
    row(
      "a file behind the manifest",
      tarball([...FILES, { name: "spans.json", bytes: utf8("{}") }]),
      at("files", "file_duplicated"),
    ),
    row("a file twice", tarball(FILES.toSpliced(1, 0, FILES[0] ?? MANIFEST)), at("files", "file_duplicated")),
    row(
      "two tiles in each other's place",
      moved(placeOf(FIRST_TILE), placeOf(FIRST_TILE) + 1),
      at("files", "file_order"),
    ),
    row("the spans before the entries", moved(placeOf("spans.json"), placeOf(MIDDLE)), at("files", "file_order")),
    row("cut in the middle of a file", whole.slice(0, whole.length / 2), at("archive", "truncated")),
    row("cut before its end", whole.slice(0, -1_024), at("archive", "truncated")),
    row("something behind its end", Buffer.concat([whole, utf8("x".repeat(512))]), at("archive", "trailing_bytes")),
    row("a byte of a header flipped", flippedByte(2)(whole), at("archive", "tar_malformed")),
    row("a link instead of a file", link, at("archive", "not_a_file")),
  ];
}

/** Periods at the log's ends, and keys that had their day. */
export function periodsAndKeys(): CorpusRow[] {
  const made = (wish: Partial<ExportWish>) => {
    const { files, predicate } = exportOf(LOG, { ...WISH, ...wish });
    return signed(files, predicate, wish.pairs ?? [A]);
  };
  const none = { history: [] };
  const later = "2026-11-23T00:00:00.000Z";
  const compromised = { revoked: { at: later, reason: "compromised" } };
  const both = (rows: JsonObject) => keysFile([...A.rows(rows), ...B.rows()]);
  const by = (pair: MadePair, history: MadePair = pair) =>
    made({ pairs: [pair], history: [300, 420].map((size) => ({ size, pairs: [history] })) });
  /** The manifest by the next pair, all below it by the first. */
  const { files, predicate } = EXPORT;
  const rotated = signed(files, predicate, [B]);
  const altered = { ...predicate, worm: "none" } satisfies JsonObject;
  const forked: JsonValue = FORK.note(512, [B]);
  return [
    row("a period of the whole log", made({ ...none, from: timeOf(0), to: GENERATED_AT }), "verified"),
    row(
      "a period without an entry",
      made({ ...none, from: timeOf(400).replace("00.000", "30.000"), to: timeOf(401) }),
      "verified",
    ),
    row(
      "a period before the log",
      made({ ...none, from: "2026-11-01T00:00:00.000Z", to: "2026-11-02T00:00:00.000Z" }),
      "verified",
    ),
    row(
      "a period after the log",
      made({ ...none, from: "2026-11-21T20:00:00.000Z", to: "2026-11-21T22:00:00.000Z" }),
      "verified",
    ),
    row("a period within one tile", made({ ...none, from: timeOf(10), to: timeOf(20) }), "verified"),
    row("a kind of protection that is none", signed(files, altered), at("statement", "predicate_malformed")),
    row("a key revoked as superseded before", by(A), at("signatures", "key_revoked"), {
      keys: keysFile(A.rows({ revoked: { at: timeOf(500), reason: "superseded" } })),
    }),
    row("a key revoked as superseded afterwards", by(A), "verified", {
      keys: keysFile(A.rows({ revoked: { at: later, reason: "superseded" } })),
    }),
    row("a key that had expired", by(A), at("signatures", "key_expired"), {
      keys: keysFile(A.rows({ not_after: GENERATED_AT })),
    }),
    row("a key that the reader does not know", by(STRANGER), at("signatures", "key_unknown")),
    row("a compromised key", by(A), at("signatures", "key_compromised"), {
      keys: both(compromised),
      checkpoint: utf8(LOG.note(SIZE, [B])),
    }),
    row("archived checkpoints by a compromised pair, the newest proves them", by(B, A), "verified", {
      keys: both(compromised),
    }),
    row(
      "archived checkpoints by a pair from before its time",
      by(B, A),
      at("archived checkpoints", "key_not_yet_valid"),
      { keys: both({ not_before: timeOf(350) }) },
    ),
    row(
      "archived checkpoints by a pair that was superseded before",
      by(B, A),
      at("archived checkpoints", "key_revoked"),
      { keys: both({ revoked: { at: timeOf(400), reason: "superseded" } }) },
    ),
    row("archived checkpoints by a pair that was superseded since", by(B, A), "verified", {
      keys: both({ revoked: { at: timeOf(420), reason: "superseded" } }),
    }),
    row("all checkpoints by a compromised pair", rotated, at("checkpoint", "key_compromised"), {
      keys: both(compromised),
    }),
    row("all checkpoints by a compromised pair, yours covers the period", rotated, "verified", {
      keys: both(compromised),
      checkpoint: utf8(LOG.note(560, [B])),
    }),
    row(
      "all checkpoints by a compromised pair, yours ends before the period does",
      rotated,
      at("checkpoint", "key_compromised"),
      { keys: both(compromised), checkpoint: utf8(LOG.note(512, [B])) },
    ),
    row("your checkpoint within the period", by(A), "verified", { checkpoint: utf8(LOG.note(333, [A])) }),
    row("your checkpoint of a fork", by(B), at("own checkpoint", "root_differs"), {
      keys: both({}),
      checkpoint: utf8(String(forked)),
    }),
    row("your checkpoint of a larger log", by(A), "verified", { checkpoint: utf8(madeLarger().note(640, [A])) }),
  ];
}

/** The log as it went on. */
function madeLarger() {
  const log = LOG.with(-1, new Uint8Array());
  while (log.entries.length < 640) log.append({ kind: "data.read", at: timeOf(log.entries.length) });
  return log;
}
