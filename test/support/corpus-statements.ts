import type { JsonValue } from "../../shared/contracts/json.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { broken, flipped, good, put, resigned, row, sealed } from "./corpus-rows.ts";
import { A, APPROVED, type CorpusRow, FORK, LOG, OTHER_LOG, REFUSED, SIZE, STRANGER, timeOf } from "./corpus-world.ts";
import { BODIES, json, type MadeStatement, seal, sealCheckpoint } from "./evidence-maker.ts";
/** What a cell might sign although it does not hold. */
export function statements(): CorpusRow[] {
  const statement = good();
  const says = (name: string, changed: JsonValue, expected: CorpusRow["expected"]) =>
    row(name, sealed(changed), expected);
  const unspaced = seal(utf8(JSON.stringify(JSON.parse(canonicalJson(statement)), null, 1)), [A]);
  return [
    row("another payload type", seal(json(statement), [A], "application/json"), {
      check: "statement",
      reason: "payload_type_unknown",
    }),
    says(
      "another statement type",
      { ...statement, _type: "https://in-toto.io/Statement/v2" },
      { check: "statement", reason: "statement_malformed" },
    ),
    says(
      "another predicate type",
      { ...statement, predicateType: "https://example.com/other" },
      { check: "statement", reason: "predicate_type_unknown" },
    ),
    says("a later schema version", put(statement, "predicate.schema_version", 2), {
      check: "statement",
      reason: "schema_version_unknown",
    }),
    row("not in canonical form", unspaced, { check: "statement", reason: "statement_malformed" }),
    ...(
      [
        [300, "task.id", "task_other"],
        [300, "task.operation", "embeddings.create"],
        [300, "task.intent", "embedding"],
        [301, "task.status", "ERROR"],
        [300, "task.created", timeOf(299)],
        [301, "task.finished", timeOf(302)],
        [300, "actor.subject", "service:other"],
        [300, "actor.credential", "key:other"],
        [300, "actor.acr", null],
        [300, "actor.tenant", "other"],
        [300, "actor.workspace", "other"],
        [300, "decision.id", "dec_other"],
        [301, "decision.obligations", []],
        [301, "route.model", "demo-70b"],
        [301, "route.model_digest", null],
        [301, "route.reasons", []],
        [301, "usage", [{ meter: "tokens_in", quantity: 11 }]],
        [301, "cost_nusd", 4_199],
        [301, "estimated", true],
        [300, "idempotency.keyed", false],
        [300, "residency.cell", "us1"],
        [300, "residency.region", "us-east-1"],
        [300, "release.digest", "sha256:00"],
      ] as const
    ).map(([index, path, value]) =>
      says(
        `another ${path} than in the entries`,
        // safe because: the table has JSON values only
        put(statement, `predicate.${path}`, structuredClone(value) as JsonValue),
        { check: "claims", reason: path === "task.id" ? "task_differs" : "claim_differs", index },
      ),
    ),
    says("another commitment to the request", put(statement, "predicate.commitments.request.digest", "00".repeat(32)), {
      check: "commitments",
      reason: "commitment_differs",
      index: 300,
    }),
    says("no commitment to the response", put(statement, "predicate.commitments.response", null), {
      check: "commitments",
      reason: "commitment_differs",
      index: 301,
    }),
    says("a salt of 15 bytes", put(statement, "predicate.commitments.request.salt", "00".repeat(15)), {
      check: "commitments",
      reason: "salt_malformed",
    }),
    says(
      "without salts",
      put(put(statement, "predicate.commitments.request.salt", null), "predicate.commitments.response.salt", null),
      "verified",
    ),
    says(
      "erased, without salts",
      put(
        put(put(statement, "predicate.commitments.erased", true), "predicate.commitments.request.salt", null),
        "predicate.commitments.response.salt",
        null,
      ),
      "verified",
    ),
    says("erased, and yet with salts", put(statement, "predicate.commitments.erased", true), {
      check: "commitments",
      reason: "salt_malformed",
    }),
    row("the request that was committed to", sealed(statement), "verified", { request: BODIES.request }),
    row(
      "another request than was committed to",
      sealed(statement),
      { check: "commitments", reason: "commitment_not_opened" },
      { request: BODIES.response },
    ),
    row("an approved task", sealed(good(LOG, APPROVED)), "verified"),
    row("a refused task", sealed(good(LOG, REFUSED)), "verified"),
    row("an open task", sealed(good(LOG, [300])), "verified"),
  ];
}

export function checkpoints(): CorpusRow[] {
  const statement = good();
  const note = LOG.note(SIZE, [A]);
  const envelope = LOG.envelope(SIZE, [A]);
  const other = OTHER_LOG.note(320, [A]);
  const says = (name: string, changed: MadeStatement, expected: CorpusRow["expected"], more: Partial<CorpusRow> = {}) =>
    row(name, sealed(changed), expected, more);
  const checkpoint = "predicate.log.checkpoint";
  const dsse = `${checkpoint}_dsse`;
  const at = (
    reason: "checkpoint_malformed" | "signature_invalid" | "key_unknown" | "text_differs" | "origin_differs",
  ) => ({
    check: "checkpoint",
    reason,
  });
  const [sig = ""] = note.split(" ").slice(-1);
  return [
    says(
      "the note's signature flipped",
      put(statement, checkpoint, note.replace(sig, flipped(sig, 40))),
      at("signature_invalid"),
    ),
    says(
      "the note's signature dropped",
      put(statement, checkpoint, note.slice(0, note.indexOf("—"))),
      at("checkpoint_malformed"),
    ),
    says(
      "the note's size changed",
      put(statement, checkpoint, note.replace("\n600\n", "\n601\n")),
      at("signature_invalid"),
    ),
    says("the note signed by a stranger", put(statement, checkpoint, LOG.note(SIZE, [STRANGER])), at("key_unknown")),
    says("a stranger's line beside the cell's", put(statement, checkpoint, LOG.note(SIZE, [STRANGER, A])), "verified"),
    says("the envelope of another checkpoint", put(statement, dsse, { ...LOG.envelope(512, [A]) }), at("text_differs")),
    says(
      "the envelope signed by a stranger",
      put(statement, dsse, { ...LOG.envelope(SIZE, [STRANGER]) }),
      at("key_unknown"),
    ),
    says(
      "the envelope's signature flipped",
      put(statement, dsse, resigned(envelope, broken(0))),
      at("signature_invalid"),
      { mlDsaOnly: true },
    ),
    says("the envelope with another payload type", put(statement, `${dsse}.payloadType`, "text/plain"), {
      check: "checkpoint",
      reason: "payload_type_unknown",
    }),
    says(
      "an origin that is not the note's",
      put(statement, "predicate.log.origin", "bailiwick.example.com/other"),
      at("origin_differs"),
    ),
    says(
      "the checkpoint of another tenant",
      put(put(statement, checkpoint, other), dsse, { ...OTHER_LOG.envelope(320, [A]) }),
      at("origin_differs"),
    ),
    says(
      "a checkpoint of more lines",
      put(put(statement, checkpoint, note), dsse, { ...sealCheckpoint(`${LOG.checkpointText(SIZE)}more\n`, [A]) }),
      at("text_differs"),
    ),
    row("your checkpoint at the same size", sealed(statement), "verified", { checkpoint: utf8(note) }),
    row("your checkpoint at another size", sealed(statement), "verified", { checkpoint: utf8(LOG.note(512, [A])) }),
    row(
      "your checkpoint with another root: a fork",
      sealed(statement),
      { check: "own checkpoint", reason: "root_differs" },
      { checkpoint: utf8(FORK.note(SIZE, [A])) },
    ),
    row(
      "your checkpoint of another log",
      sealed(statement),
      { check: "own checkpoint", reason: "origin_differs" },
      { checkpoint: utf8(other) },
    ),
    row(
      "your checkpoint by a stranger",
      sealed(statement),
      { check: "own checkpoint", reason: "key_unknown" },
      { checkpoint: utf8(LOG.note(SIZE, [STRANGER])) },
    ),
  ];
}
