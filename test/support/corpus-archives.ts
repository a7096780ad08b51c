import { utf8 } from "../../shared/crypto/utf8.ts";
import { A, B, type CorpusRow, FORK, KEYS, LOG, SIZE, STRANGER, timeOf } from "./corpus-world.ts";
import { json, keysFile, type MadeFile } from "./evidence-maker.ts";
import { archiveOf } from "./export-maker.ts";

type Fault = Exclude<CorpusRow["expected"], string>;
const at = (check: string, reason: Fault["reason"], index?: number): Fault =>
  index === undefined ? { check, reason } : { check, reason, index };

const row = (
  name: string,
  content: MadeFile[],
  expected: CorpusRow["expected"],
  more: Partial<CorpusRow> = {},
): CorpusRow => ({
  kind: "archive",
  name,
  content,
  keys: KEYS,
  expected,
  ...more,
});

const FILES = archiveOf(LOG, [100, 256, 400, SIZE], [A]);

function bent(name: string, content: (bytes: Uint8Array) => Uint8Array | null): MadeFile[] {
  if (!FILES.some((file) => file.name === name)) throw new Error(`no file ${name}`);
  return FILES.flatMap((file) => {
    const bytes = file.name === name ? content(Uint8Array.from(file.bytes)) : file.bytes;
    return bytes === null ? [] : [{ name: file.name, bytes }];
  });
}

const flip = (place: number) => (bytes: Uint8Array) => {
  bytes[place] = (bytes[place] ?? 0) ^ 1;
  return bytes;
};
const gone = () => null;
const HISTORY = "checkpoint-history/0000000000000400";
const NEWEST = "checkpoint-history/0000000000000600";

/** Folders with a log's archive, after somebody was there. */
export function archiveCorpus(): CorpusRow[] {
  const altered = (bytes: Uint8Array) => {
    const place = Buffer.from(bytes).indexOf('"cost_nusd":4200');
    bytes[place + '"cost_nusd":'.length] = 0x35;
    return bytes;
  };
  const rewound = archiveOf(LOG, [100, 256, 300], [A]);
  const later = "2026-11-23T00:00:00.000Z";
  const both = (revoked: { at: string; reason: string }) => keysFile([...A.rows({ revoked }), ...B.rows()]);
  const rotated = archiveOf(LOG, [100, 300], [A]).filter(({ name }) => name.startsWith("checkpoint-history"));
  const mixed = [...archiveOf(LOG, [SIZE], [B]), ...rotated];
  const cutWider = [
    ...FILES.filter(({ name }) => name !== "tile/0/002.p/88"),
    { name: "tile/0/002.p/89", bytes: Buffer.concat([LOG.tile({ level: 0, n: 2, width: 88 }), new Uint8Array(32)]) },
  ];
  return [
    row("as the cell keeps it", FILES, "verified"),
    row("no keys file", FILES, at("checkpoint", "keys_missing"), { keys: null }),
    row("a hash of a level-0 tile altered", bent("tile/0/001", flip(44 * 32)), at("tiles", "leaf_differs", 300)),
    row("a hash of a level-1 tile altered", bent("tile/1/000.p/2", flip(40)), at("tiles", "tile_differs", 256)),
    row("a hash of the right edge altered", bent("tile/0/002.p/88", flip(33)), at("tiles", "leaf_differs", 513)),
    row("a tile deleted", bent("tile/0/001", gone), at("tiles", "tile_missing", 256)),
    row(
      "a tile cut",
      bent("tile/0/000", (bytes) => bytes.slice(0, -32)),
      at("tiles", "tile_differs", 0),
    ),
    row("a partial tile that has grown on", cutWider, "verified"),
    row("an entry altered", bent("tile/entries/001", altered), at("entries", "prev_differs", 301)),
    row(
      "a bundle cut",
      bent("tile/entries/001", (bytes) => bytes.slice(0, -7)),
      at("entries", "truncated", 256),
    ),
    row("a bundle deleted", bent("tile/entries/000", gone), at("entries", "file_missing", 0)),
    row(
      "the bundle of another log",
      bent("tile/entries/001", () => FORK.bundle(1, 256)),
      at("tiles", "leaf_differs", 300),
    ),
    row(
      "an archived checkpoint of a fork",
      [
        ...bent(HISTORY, () => utf8(FORK.note(400, [A]))).filter(({ name }) => name !== `${HISTORY}.dsse.json`),
        { name: `${HISTORY}.dsse.json`, bytes: json({ ...FORK.envelope(400, [A]) }) },
      ],
      at("archived checkpoints", "root_differs"),
    ),
    row(
      "the newest checkpoint of a fork",
      [
        ...FILES.filter(({ name }) => !name.startsWith("checkpoint")),
        ...archiveOf(FORK, [SIZE], [A]).filter(({ name }) => name.startsWith("checkpoint")),
      ],
      at("checkpoint", "root_differs"),
    ),
    row(
      "an archived checkpoint under another size",
      bent(HISTORY, () => utf8(LOG.note(399, [A]))),
      at("archived checkpoints", "size_differs"),
    ),
    row(
      "an archived checkpoint by a stranger",
      bent(HISTORY, () => utf8(LOG.note(400, [STRANGER]))),
      at("archived checkpoints", "key_unknown"),
    ),
    row(
      "an archived checkpoint without its envelope",
      bent(`${HISTORY}.dsse.json`, gone),
      at("archived checkpoints", "file_missing"),
    ),
    row(
      "the newest checkpoint not archived",
      bent(NEWEST, gone).filter(({ name }) => name !== `${NEWEST}.dsse.json`),
      at("checkpoint", "file_missing"),
    ),
    row(
      "an older checkpoint put back beside the archived ones",
      bent("checkpoint", () => utf8(LOG.note(300, [A]))),
      "verified",
    ),
    row("a log that was cut, without your checkpoint", rewound, "verified"),
    row("a log that was cut, with your checkpoint", rewound, at("own checkpoint", "size_differs", 300), {
      checkpoint: utf8(LOG.note(SIZE, [A])),
    }),
    row("your checkpoint of a fork", FILES, at("own checkpoint", "root_differs"), {
      checkpoint: utf8(FORK.note(400, [A])),
    }),
    row("your checkpoint of an earlier time", FILES, "verified", { checkpoint: utf8(LOG.note(123, [A])) }),
    row(
      "`checkpoint` no signed note",
      bent("checkpoint", () => utf8("hello\n")),
      at("checkpoint", "checkpoint_malformed"),
    ),
    row(
      "`checkpoint` with its signature flipped",
      bent("checkpoint", (bytes) => flip(bytes.length - 10)(bytes)),
      at("checkpoint", "signature_invalid"),
    ),
    row("older checkpoints by a pair that was superseded since", mixed, "verified", {
      keys: both({ at: later, reason: "superseded" }),
    }),
    row("older checkpoints by a pair that was superseded before", mixed, at("archived checkpoints", "key_revoked"), {
      keys: both({ at: timeOf(200), reason: "superseded" }),
    }),
    row("older checkpoints by a compromised pair, the newest proves them", mixed, "verified", {
      keys: both({ at: later, reason: "compromised" }),
    }),
    row("every checkpoint by a compromised pair", FILES, at("checkpoint", "key_compromised"), {
      keys: both({ at: later, reason: "compromised" }),
    }),
    row("every checkpoint by a compromised pair, yours proves them", FILES, "verified", {
      keys: both({ at: later, reason: "compromised" }),
      checkpoint: utf8(LOG.note(SIZE, [B])),
    }),
  ];
}
