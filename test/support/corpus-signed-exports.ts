import { isJsonObject, type JsonObject } from "../../shared/contracts/json.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import {
  ARCHIVED,
  at,
  edited,
  FIRST_TILE,
  flippedByte,
  gone,
  LAST,
  lines,
  MIDDLE,
  row,
  signed,
  swapped,
} from "./corpus-export-rows.ts";
import { A, type CorpusRow, EXPORT, FORK, LOG, SIZE, STRANGER, timeOf, WISH } from "./corpus-world.ts";
import { json, type MadePair } from "./evidence-maker.ts";
import { exportOf } from "./export-maker.ts";

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
