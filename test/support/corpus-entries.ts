import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { ABOUT, deep, flipped, good, put, row, sealed } from "./corpus-rows.ts";
import { A, type CorpusRow, LOG, madeLog, ORIGIN, OTHER_LOG, RAN, SIZE, timeOf } from "./corpus-world.ts";
import type { MadeLog, MadeStatement } from "./evidence-maker.ts";

/** The entry at `at` of the statement replaced, and its subject with it, as somebody does who can sign. */
function withEntry(statement: MadeStatement, at: number, text: string): MadeStatement {
  const changed = put(statement, `predicate.log.entries.${at}.entry`, text);
  return put(changed, `subject.${at}.digest.sha256`, sha256Hex(text));
}

export function entries(): CorpusRow[] {
  const statement = good();
  const about = (log: MadeLog, indices: readonly number[] = RAN) => sealed(good(log, indices));
  const wrong = (reason: Exclude<CorpusRow["expected"], string>["reason"], index?: number) => ({
    check: "entries",
    reason,
    ...(index === undefined ? {} : { index }),
  });
  const proofs = RAN.map((index) => LOG.proof(index, SIZE).map((hash) => Buffer.from(hash).toString("base64")));
  const [first = [], second = []] = proofs;
  const reversed = {
    ...deep(statement),
    subject: deep(statement).subject.toReversed(),
  };
  const list = `predicate.log.entries`;
  const listed = (statement.predicate.log as JsonObject).entries as JsonValue[]; // safe because: the maker wrote it so
  const cheap = LOG.text(301).replace('"cost_nusd":4200', '"cost_nusd":42');
  const chained = (change: (index: number) => JsonObject) => madeLog(SIZE, change);
  const spaced = LOG.with(300, utf8(LOG.text(300).replace(",", ", ")));
  return [
    row("an entry altered", sealed(put(statement, `${list}.1.entry`, cheap)), wrong("subject_differs", 301)),
    row("an entry replaced, its subject too", sealed(withEntry(statement, 1, cheap)), wrong("proof_invalid", 301)),
    row(
      "a subject altered",
      sealed(put(statement, "subject.0.digest.sha256", "00".repeat(32))),
      wrong("subject_differs", 300),
    ),
    row(
      "a subject too many",
      sealed({ ...statement, subject: [...statement.subject, { name: "more", digest: { sha256: "00".repeat(32) } }] }),
      wrong("subject_differs"),
    ),
    row(
      "a subject too few",
      sealed({ ...statement, subject: statement.subject.slice(0, 1) }),
      wrong("subject_differs", 301),
    ),
    row("the proof of another index", sealed(put(statement, `${list}.0.proof`, second)), wrong("proof_invalid", 300)),
    row(
      "a hash of a proof flipped",
      sealed(put(statement, `${list}.1.proof.3`, flipped(second[3] ?? "", 3))),
      wrong("proof_invalid", 301),
    ),
    row("a proof cut", sealed(put(statement, `${list}.0.proof`, first.slice(0, -1))), wrong("proof_invalid", 300)),
    row(
      "a proof prolonged",
      sealed(put(statement, `${list}.0.proof`, [...first, first[0] ?? ""])),
      wrong("proof_invalid", 300),
    ),
    row("a proof that is no base64", sealed(put(statement, `${list}.0.proof.0`, "*")), wrong("proof_invalid", 300)),
    row(
      "an index of another place",
      sealed(put(put(statement, `${list}.1.index`, 302), "subject.1.name", `${ORIGIN}#302`)),
      wrong("proof_invalid", 302),
    ),
    row(
      "a checkpoint older than the entries",
      sealed(
        put(put(statement, "predicate.log.checkpoint", LOG.note(300, [A])), "predicate.log.checkpoint_dsse", {
          ...LOG.envelope(300, [A]),
        }),
      ),
      wrong("proof_invalid", 300),
    ),
    row("an entry that is not canonical", about(spaced, [300]), wrong("not_canonical", 300)),
    row(
      "an entry that says another place",
      about(chained((at) => (at === 301 ? { seq: 302 } : {}))),
      wrong("seq_differs", 301),
    ),
    row(
      "an entry of another tenant in this log",
      about(chained((at) => (at === 301 ? { tenant: "other" } : {}))),
      wrong("tenant_differs", 301),
    ),
    row(
      "an entry of a later version",
      about(chained((at) => (at === 300 ? { schema_version: 2 } : {}))),
      wrong("schema_version_unknown", 300),
    ),
    row(
      "an entry without a time",
      about(chained((at) => (at === 300 ? { at: "yesterday" } : {}))),
      wrong("entry_malformed", 300),
    ),
    row("the entries in reverse", sealed(put(reversed, list, listed.toReversed())), {
      check: "chain",
      reason: "order",
      index: 300,
    }),
    row(
      "an entry twice",
      sealed({
        ...put(statement, list, [listed[0] ?? null, listed[0] ?? null]),
        subject: [statement.subject[0], statement.subject[0]] as JsonValue[],
      } as JsonObject),
      { check: "chain", reason: "order", index: 300 },
    ), // safe because: JSON of the maker
    row("an entry chained to another one", about(chained((at) => (at === 301 ? { prev: "00".repeat(32) } : {}))), {
      check: "chain",
      reason: "prev_differs",
      index: 301,
    }),
    row("an entry earlier than the one before", about(chained((at) => (at === 301 ? { at: timeOf(299) } : {}))), {
      check: "chain",
      reason: "time_reversed",
      index: 301,
    }),
    row(
      "an entry dropped",
      sealed(put({ ...deep(statement), subject: statement.subject.slice(0, 1) }, list, listed.slice(0, 1))),
      { check: "claims", reason: "claim_differs", index: 300 },
    ),
    row("an entry of another task among them", about(LOG, [300, 301, 303]), {
      check: "claims",
      reason: "task_differs",
      index: 303,
    }),
    row("without the entry that opens", about(LOG, [301]), { check: "claims", reason: "opening_missing", index: 301 }),
    row(
      "evidence of another tenant under its own name",
      sealed(good(OTHER_LOG, RAN, { ...ABOUT, size: 320 })),
      "verified",
    ),
  ];
}
