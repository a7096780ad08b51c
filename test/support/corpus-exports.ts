import { isJsonObject, type JsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import {
  A,
  B,
  type CorpusRow,
  EXPORT,
  FORK,
  GENERATED_AT,
  KEYS,
  LOG,
  SIZE,
  STRANGER,
  timeOf,
  WISH,
} from "./corpus-world.ts";
import { json, keysFile, type MadeFile, type MadePair, tarball } from "./evidence-maker.ts";
import { type ExportWish, exportOf, manifestOf } from "./export-maker.ts";

type Expected = CorpusRow["expected"];
type Fault = Exclude<Expected, string>;

const at = (check: string, reason: Fault["reason"], index?: number): Fault =>
  index === undefined ? { check, reason } : { check, reason, index };

const row = (name: string, content: Uint8Array, expected: Expected, more: Partial<CorpusRow> = {}): CorpusRow => ({
  kind: "export",
  name,
  content,
  keys: KEYS,
  expected,
  ...more,
});

const MANIFEST = manifestOf(EXPORT.files, EXPORT.predicate, [A]);
const FILES: readonly MadeFile[] = [...EXPORT.files, MANIFEST];

/** The files with another content at a name; nothing for null. */
function swapped(
  files: readonly MadeFile[],
  name: string,
  content: (bytes: Uint8Array) => Uint8Array | null,
): MadeFile[] {
  if (!files.some((file) => file.name === name)) throw new Error(`no file ${name}`);
  return files.flatMap((file) => {
    const bytes = file.name === name ? content(file.bytes) : file.bytes;
    return bytes === null ? [] : [{ name: file.name, bytes }];
  });
}

const flippedByte = (place: number) => (bytes: Uint8Array) => {
  const copy = Uint8Array.from(bytes);
  const index = place < 0 ? copy.length + place : place;
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
};
const gone = () => null;
const edited = (change: (text: string) => string) => (bytes: Uint8Array) =>
  utf8(change(new TextDecoder().decode(bytes)));
const lines = (change: (lines: string[]) => string[]) =>
  edited((text) =>
    change(text.split("\n").slice(0, -1))
      .map((line) => `${line}\n`)
      .join(""),
  );

const MIDDLE = "entries/0000000000000259.jsonl";
const LAST = "entries/0000000000000512.jsonl";
const FIRST_TILE = "tile/0/001";
const ARCHIVED = "checkpoint-history/0000000000000420";

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

/** The archive with other files, and a manifest that the cell signed over these. */
function signed(
  files: readonly MadeFile[],
  predicate: JsonObject = EXPORT.predicate,
  pairs: readonly MadePair[] = [A],
  more: JsonObject = {},
) {
  return tarball([...files, manifestOf(files, predicate, pairs, more)]);
}

/** What a cell might sign although it does not hold. */
export function signedExports(): CorpusRow[] {
  const { files, spans, predicate } = EXPORT;
  const bent = (name: string, content: (bytes: Uint8Array) => Uint8Array | null) =>
    signed(swapped(files, name, content));
  /** `spans.json` and the manifest say the same. */
  const saying = (members: JsonObject) =>
    signed(
      swapped(files, "spans.json", () => json({ ...spans, ...members })),
      { ...predicate, ...members },
    );
  const [silence] = Array.isArray(spans.spans) ? spans.spans : [];
  if (!isJsonObject(silence ?? null)) throw new Error("the period has no silence");
  const told = (members: JsonObject) => saying({ spans: [{ ...(silence as JsonObject), ...members }] }); // safe because: looked at above
  const placeOf = (name: string) => files.findIndex((file) => file.name === name);
  const note = (size: number, pairs: readonly MadePair[]) => () => utf8(LOG.note(size, pairs));
  const cheap = (text: string) => text.replace('"cost_nusd":4200', '"cost_nusd":42');
  const history = (sizes: readonly number[]) =>
    signed(exportOf(LOG, { ...WISH, history: sizes.map((size) => ({ size, pairs: [A] })) }).files);
  const forked = json({ ...FORK.envelope(420, [A]) });
  return [
    row(
      "another predicate type",
      signed(files, predicate, [A], { predicateType: "https://example.com/other" }),
      at("statement", "predicate_type_unknown"),
    ),
    row(
      "a later schema version",
      signed(files, { ...predicate, schema_version: 2 }),
      at("statement", "schema_version_unknown"),
    ),
    row(
      "a manifest of another log",
      signed(files, { ...predicate, origin: "bailiwick.example.com/other" }),
      at("checkpoint", "origin_differs"),
    ),
    row(
      "the files in another order",
      signed(
        files.toSpliced(placeOf(FIRST_TILE), 2, ...files.slice(placeOf(FIRST_TILE), placeOf(FIRST_TILE) + 2).reverse()),
      ),
      at("files", "file_order"),
    ),
    row("an entry altered", bent(MIDDLE, edited(cheap)), at("entries", "prev_differs", 301)),
    row(
      "an entry that is not canonical",
      bent(
        MIDDLE,
        lines((all) => all.with(20, ` ${all[20]}`)),
      ),
      at("entries", "not_canonical", 279),
    ),
    row(
      "an entry dropped",
      bent(
        MIDDLE,
        lines((all) => all.toSpliced(10, 1)),
      ),
      at("entries", "gap", 269),
    ),
    row("a file of entries never made", bent(MIDDLE, gone), at("borders", "border_missing", 259)),
    row(
      "two entries in each other's place",
      bent(
        MIDDLE,
        lines((all) => [...all.slice(0, 9), ...all.slice(9, 11).reverse(), ...all.slice(11)]),
      ),
      at("entries", "gap", 268),
    ),
    row(
      "an entry twice",
      bent(
        MIDDLE,
        lines((all) => all.toSpliced(9, 0, all[9] ?? "")),
      ),
      at("entries", "too_many", 259),
    ),
    row(
      "an entry of another tenant",
      bent(
        LAST,
        lines((all) => all.with(-1, (all.at(-1) ?? "").replace('"tenant":"default"', '"tenant":"other"'))),
      ),
      at("entries", "tenant_differs", 520),
    ),
    row(
      "the last line without its end",
      bent(LAST, (bytes) => bytes.slice(0, -1)),
      at("entries", "entry_malformed", 512),
    ),
    row("a hash of a level-0 tile altered", bent(FIRST_TILE, flippedByte(44 * 32)), at("tiles", "leaf_differs", 300)),
    row("a hash of a level-1 tile altered", bent("tile/1/000.p/2", flippedByte(40)), at("root", "tile_differs", 256)),
    row("a hash of the right edge altered", bent("tile/0/002.p/88", flippedByte(80 * 32)), at("root", "root_differs")),
    row("a tile left out", bent("tile/1/000.p/2", gone), at("root", "tile_missing")),
    row(
      "a tile of another width",
      signed(
        files.map((file) =>
          file.name === "tile/0/002.p/88" ? { name: "tile/0/002.p/87", bytes: file.bytes.slice(32) } : file,
        ),
      ),
      at("tiles", "leaf_differs", 512),
    ),
    row(
      "a tile that no entry needs",
      signed(
        files.toSpliced(placeOf("tile/0/001"), 0, {
          name: "tile/0/000",
          bytes: LOG.tile({ level: 0, n: 0, width: 256 }),
        }),
      ),
      "verified",
    ),
    row(
      "a checkpoint with a signature flipped",
      bent("checkpoint", flippedByte(-10)),
      at("checkpoint", "signature_invalid"),
    ),
    row("a checkpoint by a stranger", bent("checkpoint", note(SIZE, [STRANGER])), at("checkpoint", "key_unknown")),
    row(
      "a checkpoint whose envelope is of another",
      bent("checkpoint.dsse.json", () => json({ ...LOG.envelope(512, [A]) })),
      at("checkpoint", "text_differs"),
    ),
    row(
      "the checkpoint of a fork",
      signed(
        swapped(
          swapped(files, "checkpoint", () => utf8(FORK.note(SIZE, [A]))),
          "checkpoint.dsse.json",
          () => json({ ...FORK.envelope(SIZE, [A]) }),
        ),
      ),
      at("root", "root_differs"),
    ),
    row(
      "an archived checkpoint of a fork",
      signed(
        swapped(
          swapped(files, ARCHIVED, () => utf8(FORK.note(420, [A]))),
          `${ARCHIVED}.dsse.json`,
          () => forked,
        ),
      ),
      at("archived checkpoints", "root_differs"),
    ),
    row(
      "an archived checkpoint under another size",
      bent(ARCHIVED, note(419, [A])),
      at("archived checkpoints", "size_differs"),
    ),
    row(
      "an archived checkpoint by a stranger",
      bent(ARCHIVED, note(420, [STRANGER])),
      at("archived checkpoints", "key_unknown"),
    ),
    row(
      "an archived checkpoint without its envelope",
      bent(`${ARCHIVED}.dsse.json`, gone),
      at("files", "file_missing"),
    ),
    row("an archived checkpoint of before the period", history([260, 300]), at("archived checkpoints", "border_wrong")),
    row("an archived checkpoint of after the period", history([300, 521]), at("archived checkpoints", "border_wrong")),
    row("archived checkpoints in the wrong order", history([420, 300]), at("files", "file_order")),
    row("a silence that is not told", saying({ spans: [] }), at("spans", "spans_differ", 400)),
    row("a silence that is longer than it was", told({ to: timeOf(402) }), at("spans", "spans_differ", 400)),
    row("a silence elsewhere", told({ after: 410, before: 411 }), at("spans", "spans_differ", 400)),
    row(
      "a silence that was none",
      saying({ spans: [silence ?? null, { from: timeOf(450), to: timeOf(510), after: 450, before: 510 }] }),
      at("spans", "spans_differ", 450),
    ),
    row(
      "a manifest that says less than its spans",
      signed(files, { ...predicate, count: 259 }),
      at("spans", "spans_differ"),
    ),
    row("entries declared lost", saying({ gaps: [{ first: 270, count: 2 }] }), at("spans", "gap", 270)),
    row("a period with fewer entries than it had", saying({ count: 259 }), at("borders", "border_missing", 520)),
    row(
      "a period that begins earlier than its entries",
      saying({ from: timeOf(258) }),
      at("borders", "border_wrong", 259),
    ),
    row("a period that ends later than its entries", saying({ to: timeOf(521) }), at("borders", "border_wrong", 520)),
    row(
      "a period that begins after its first entry",
      saying({ from: timeOf(261) }),
      at("borders", "border_wrong", 260),
    ),
    row("a period that ends before its last entry", saying({ to: timeOf(519) }), at("borders", "border_wrong", 519)),
    row(
      "a border at another time",
      saying({ before: { index: 259, at: timeOf(258) } }),
      at("borders", "border_wrong", 259),
    ),
    row("a border that is kept silent", saying({ after: null }), at("borders", "border_wrong", 520)),
    row("another size than the checkpoint's", saying({ size: 599 }), at("borders", "size_differs")),
    row(
      "a neighbour of the period left out",
      signed(
        swapped(
          files,
          LAST,
          lines((all) => all.slice(0, -1)),
        ),
      ),
      at("borders", "border_missing", 520),
    ),
    row(
      "a period that ends after the manifest",
      signed(files, { ...predicate, generated_at: timeOf(519) }),
      at("spans", "border_wrong"),
    ),
    row(
      "spans that are no JSON",
      bent("spans.json", () => utf8("{")),
      at("spans", "malformed"),
    ),
    row(
      "spans with a member twice",
      bent(
        "spans.json",
        edited((text) => text.replace("{", '{"count":1,')),
      ),
      at("spans", "malformed"),
    ),
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
