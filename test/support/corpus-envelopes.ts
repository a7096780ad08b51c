import type { JsonObject } from "../../shared/contracts/json.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { ABOUT, broken, flipped, good, resigned, row, sealed } from "./corpus-rows.ts";
import { A, B, type CorpusRow, GENERATED_AT, LOG, RAN, REFUSED, SIZE, STRANGER, timeOf } from "./corpus-world.ts";
import { keysFile } from "./evidence-maker.ts";
/** What somebody did to a file on its way. */
export function onTheWay(): CorpusRow[] {
  const envelope = sealed(good());
  const [ed, ml] = envelope.signatures;
  if (!ed || !ml) throw new Error("an envelope without its two signatures");
  const text = canonicalJson({ ...envelope });
  const invalid = { check: "signatures", reason: "signature_invalid" } as const;
  const stranger = sealed(good(), [STRANGER]);
  const malformed = { check: "signatures", reason: "malformed" } as const;
  return [
    row("as the cell made it", envelope, "verified"),
    row("a byte of the payload flipped", { ...envelope, payload: flipped(envelope.payload) }, invalid),
    row("a byte of the Ed25519 signature flipped", resigned(envelope, broken(0)), invalid),
    row("a byte of the ML-DSA-65 signature flipped", resigned(envelope, broken(1)), invalid, { mlDsaOnly: true }),
    row(
      "the Ed25519 signature dropped",
      { ...envelope, signatures: [ml] },
      { check: "signatures", reason: "signature_missing" },
    ),
    row(
      "the ML-DSA-65 signature dropped",
      { ...envelope, signatures: [ed] },
      { check: "signatures", reason: "signature_missing" },
    ),
    row(
      "the key ids swapped",
      {
        ...envelope,
        signatures: [
          { ...ed, keyid: ml.keyid },
          { ...ml, keyid: ed.keyid },
        ],
      },
      invalid,
    ),
    row(
      "a signature twice",
      { ...envelope, signatures: [ed, ed, ml] },
      { check: "signatures", reason: "signature_duplicated" },
    ),
    row("signed by a stranger", stranger, { check: "signatures", reason: "key_unknown" }),
    row(
      "a stranger's Ed25519 signature in place of the cell's",
      { ...envelope, signatures: [stranger.signatures[0] ?? ed, ml] },
      { check: "signatures", reason: "key_unknown" },
    ),
    row(
      "the signatures of another statement",
      { ...envelope, signatures: sealed(good(LOG, REFUSED)).signatures },
      invalid,
    ),
    row("cut in the middle", utf8(text.slice(0, text.length / 2)), malformed),
    row("a member twice", utf8(text.replace('{"payload":', '{"payload":"e30=","payload":')), malformed),
    row("empty", utf8("{}"), malformed),
    row("no keys file", envelope, { check: "signatures", reason: "keys_missing" }, { keys: null }),
  ];
}

/** Keys that had their day. `generated_at` is a day after the log's newest entry. */
export function lifetimes(): CorpusRow[] {
  const envelope = sealed(good());
  const by = (check: string, reason: Exclude<CorpusRow["expected"], string>["reason"]) => ({ check, reason });
  const revoked = (at: string, reason: string) => keysFile(A.rows({ revoked: { at, reason } }));
  const later = "2026-11-23T00:00:00.000Z";
  const compromised = { revoked: { at: later, reason: "compromised" } };
  const [edA = {}, mlA = {}] = A.rows();
  /** The statement by the next pair, over a checkpoint by the first one. */
  const rotated = sealed(good(), [B]);
  const mixed = (rows: JsonObject) => keysFile([...A.rows(rows), ...B.rows()]);
  const both = sealed(good(LOG, RAN, { ...ABOUT, pairs: [A, B] }), [A, B]);
  const own = utf8(LOG.note(SIZE, [B]));
  return [
    row("a key revoked as superseded before", envelope, by("signatures", "key_revoked"), {
      keys: revoked("2026-11-21T12:00:00.000Z", "superseded"),
    }),
    row("a key revoked as retired at that very time", envelope, by("signatures", "key_revoked"), {
      keys: revoked(GENERATED_AT, "retired"),
    }),
    row("a key revoked as superseded afterwards", envelope, "verified", { keys: revoked(later, "superseded") }),
    row("a key revoked as compromised afterwards", envelope, by("signatures", "key_compromised"), {
      keys: revoked(later, "compromised"),
    }),
    row(
      "a compromised key, with your checkpoint: a statement is never rescued",
      envelope,
      by("signatures", "key_compromised"),
      { keys: mixed(compromised), checkpoint: own },
    ),
    row("a key that had expired", envelope, by("signatures", "key_expired"), {
      keys: keysFile(A.rows({ not_after: GENERATED_AT })),
    }),
    row("a key that was not in force yet", envelope, by("signatures", "key_not_yet_valid"), {
      keys: keysFile(A.rows({ not_before: later })),
    }),
    row("only the ML-DSA-65 key expired", envelope, by("signatures", "key_expired"), {
      keys: keysFile([edA, { ...mlA, not_after: GENERATED_AT }]),
    }),
    row("both pairs of a rotation", both, "verified", { keys: keysFile([...A.rows(), ...B.rows()]) }),
    row("both pairs, the reader knows one", both, "verified"),
    row("both pairs, one signature broken", resigned(both, broken(2)), by("signatures", "signature_invalid"), {
      keys: keysFile([...A.rows(), ...B.rows()]),
    }),
    row("the checkpoint by a pair that was superseded since", rotated, "verified", {
      keys: mixed({ revoked: { at: "2026-11-21T23:00:00.000Z", reason: "superseded" } }),
    }),
    row("the checkpoint by a pair that was superseded before its entries", rotated, by("checkpoint", "key_revoked"), {
      keys: mixed({ revoked: { at: timeOf(299), reason: "superseded" } }),
    }),
    row("the checkpoint by a pair that began after its evidence", rotated, by("checkpoint", "key_not_yet_valid"), {
      keys: mixed({ not_before: later }),
    }),
    row("the checkpoint by a compromised pair", rotated, by("checkpoint", "key_compromised"), {
      keys: mixed(compromised),
    }),
    row("the checkpoint by a compromised pair, yours proves it", rotated, "verified", {
      keys: mixed(compromised),
      checkpoint: own,
    }),
    row(
      "the checkpoint by a compromised pair, yours is at another size",
      rotated,
      by("checkpoint", "key_compromised"),
      { keys: mixed(compromised), checkpoint: utf8(LOG.note(512, [B])) },
    ),
    row("the checkpoint by a compromised pair, yours by the same", rotated, by("checkpoint", "key_compromised"), {
      keys: mixed(compromised),
      checkpoint: utf8(LOG.note(SIZE, [A])),
    }),
  ];
}
