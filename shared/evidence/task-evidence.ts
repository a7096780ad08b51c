import { LIMITS } from "../contracts/limits.ts";
import { decodeBase64 } from "../crypto/log/base64.ts";
import type { Checkpoint } from "../crypto/log/checkpoint.ts";
import { DsseEnvelope } from "../crypto/log/dsse.ts";
import { parseStatement, STATEMENT_PAYLOAD_TYPE, type Statement } from "../crypto/log/statement.ts";
import { verifyInclusion } from "../crypto/log/tree.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { parseStrictJson } from "../crypto/strict-json.ts";
import { utf8 } from "../crypto/utf8.ts";
import { chainFault, placeFault, type ReadEntry, readEntry } from "./entry.ts";
import { type Fault, fault, shown } from "./fault.ts";
import { compareOwn, openOwnCheckpoint } from "./own-checkpoint.ts";
import { Findings, type Report, type Step } from "./report.ts";
import { openCheckpoint, readCheckpoint } from "./signed-checkpoint.ts";
import { claimsFault, commitmentsFault } from "./task-claims.ts";
import { readTaskPredicate, type TaskPredicate } from "./task-predicate.ts";
import { judgeSigners, type SignedDuring, type Signers, type Trust, verifyEnvelope } from "./trust.ts";

/** The steps of docs/ledger.md §4, in its order. */
const CHECKS = [
  "signatures",
  "statement",
  "checkpoint",
  "entries",
  "chain",
  "claims",
  "commitments",
  "own checkpoint",
] as const;

const NO_KEYS: Step = { skipped: "no keys were given (--keys)" };

/** What the steps share, filled from step to step. */
interface Evidence {
  statement: Statement;
  predicate: TaskPredicate;
  checkpoint: Checkpoint;
  entries: ReadEntry[];
}

/**
 * Verifies a task's evidence against what its reader trusts, by docs/ledger.md §4: offline, a function of its arguments,
 * and in bounded memory. Never throws for any bytes. The first step that fails ends it; those behind are `not checked`.
 */
export function verifyTaskEvidence(bytes: Uint8Array, trust: Trust): Report {
  const findings = new Findings(CHECKS, ["own checkpoint"]);
  const done = () => findings.report("task evidence", false);
  const envelope = parseEnvelope(bytes);
  if ("fault" in envelope) {
    findings.set("signatures", envelope);
    return done();
  }
  const body = decodeBase64(envelope.value.payload);
  let signers: Signers | null = null;
  if (trust.keys === null) findings.set("signatures", NO_KEYS);
  else {
    const verified = verifyEnvelope(envelope.value, trust.keys, "both");
    if (!verified.ok) {
      findings.fail("signatures", verified.error);
      return done();
    }
    signers = verified.value.signers;
  }
  const read = readStatement(envelope.value.payloadType, body);
  if ("fault" in read) {
    findings.set("statement", read);
    return done();
  }
  const { statement, predicate } = read;
  const generatedMs = predicate.generated_at;
  if (signers !== null) {
    const bad = judgeSigners(signers, { fromMs: generatedMs, toMs: generatedMs });
    findings.set("signatures", bad ? { fault: bad } : { ok: signedBy(signers) });
    if (bad) return done();
  }
  findings.set("statement", { ok: `evidence of task ${shown(predicate.task.id)}` });

  const { log } = predicate;
  const checkpoint = readCheckpoint(log.checkpoint);
  if (checkpoint === null) {
    findings.fail("checkpoint", fault("checkpoint_malformed", "not a checkpoint in a signed note"));
    return done();
  }
  const evidence: Evidence = { statement, predicate, checkpoint, entries: [] };
  for (const [check, step] of [
    ["checkpoint", () => checkpointStep(evidence, trust)],
    ["entries", () => entriesStep(evidence)],
    ["chain", () => chainStep(evidence)],
    ["claims", () => claimsStep(evidence)],
    ["commitments", () => commitmentsStep(evidence, trust)],
    ["own checkpoint", () => ownStep(evidence, trust)],
  ] as const) {
    const verdict = step();
    findings.set(check, verdict);
    if ("fault" in verdict) break;
  }
  return done();
}

function parseEnvelope(bytes: Uint8Array): { value: DsseEnvelope } | { fault: Fault } {
  if (bytes.length > LIMITS.dsseBytesMax) return { fault: fault("too_large", "evidence is smaller than that") };
  const json = parseStrictJson(bytes);
  if (!json.ok) return { fault: fault("malformed", `not JSON (${json.error.reason})`) };
  const envelope = DsseEnvelope.safeParse(json.value);
  return envelope.success ? { value: envelope.data } : { fault: fault("malformed", "not a DSSE envelope") };
}

function readStatement(
  payloadType: string,
  body: Uint8Array | null,
): { statement: Statement; predicate: TaskPredicate } | { fault: Fault } {
  if (payloadType !== STATEMENT_PAYLOAD_TYPE)
    return { fault: fault("payload_type_unknown", `the envelope holds a ${shown(payloadType)}`) };
  const statement = body === null ? null : parseStatement(body);
  if (statement === null)
    return { fault: fault("statement_malformed", "not an in-toto Statement v1 in RFC 8785 form") };
  const predicate = readTaskPredicate(statement);
  return predicate.ok ? { statement, predicate: predicate.value } : { fault: predicate.error };
}

const signedBy = ({ ed25519, mldsa65 }: Signers): string =>
  `Ed25519 ${ed25519.map(({ kid }) => kid).join(", ")}; ML-DSA-65 ${mldsa65.map(({ kid }) => kid).join(", ")}`;

function checkpointStep({ predicate, checkpoint }: Evidence, trust: Trust): Step {
  const { log } = predicate;
  if (trust.keys === null) return NO_KEYS;
  const opened = openCheckpoint(log.checkpoint, log.checkpoint_dsse, trust.keys);
  if (!opened.ok) return { fault: opened.error };
  if (checkpoint.origin !== log.origin)
    return { fault: fault("origin_differs", `the note is of ${shown(checkpoint.origin)}`) };
  const bad = judgeSigners(opened.value.signers, madeDuring(predicate, checkpoint.size));
  const about = `${shown(log.origin)} at size ${checkpoint.size}`;
  if (bad === null) return { ok: about };
  const own = trust.checkpoint === null ? null : openOwnCheckpoint(trust.checkpoint, trust.keys);
  const proven = bad.reason === "key_compromised" && own?.ok && "ok" in compareOwn(own.value, checkpoint);
  return proven ? { ok: `${about}; its key is compromised, your checkpoint proves it` } : { fault: bad };
}

/** Between the newest entry at hand and the statement; exactly then, if that entry is the newest covered one. */
function madeDuring({ log, generated_at }: TaskPredicate, size: number): SignedDuring {
  const newest = log.entries.reduce((found, entry) => (entry.index >= found.index ? entry : found));
  const read = readEntry(utf8(newest.entry), newest.index);
  // An entry that cannot be read is the next step's fault.
  const fromMs = read.ok ? read.value.atMs : generated_at;
  return { fromMs, toMs: newest.index === size - 1 ? fromMs : Math.max(fromMs, generated_at) };
}

function entriesStep({ predicate: { log }, statement: { subject }, checkpoint, entries }: Evidence): Step {
  for (const [at, { index, entry: text, proof }] of log.entries.entries()) {
    const bytes = utf8(text);
    const entry = readEntry(bytes, index);
    if (!entry.ok) return { fault: entry.error };
    const named = subject[at];
    const isNamed = named?.name === `${log.origin}#${index}` && named.digest.sha256 === sha256Hex(bytes);
    if (!isNamed) return { fault: fault("subject_differs", "the entry is not the subject at its place", index) };
    const path = proof.flatMap((hash) => decodeBase64(hash) ?? []);
    const { leaf } = entry.value;
    const included = { index, size: checkpoint.size, leaf, proof: path, root: checkpoint.root };
    if (path.length !== proof.length || !verifyInclusion(included))
      return { fault: fault("proof_invalid", "its inclusion proof does not lead to the checkpoint's root", index) };
    const misplaced = placeFault(entry.value, index, log.origin);
    if (misplaced) return { fault: misplaced };
    entries.push(entry.value);
  }
  if (subject.length !== entries.length)
    return { fault: fault("subject_differs", "there are more subjects than entries") };
  const [first, last] = [entries[0]?.seq, entries.at(-1)?.seq];
  return { ok: `${entries.length} in the log, from index ${first} to ${last}` };
}

function chainStep({ entries }: Evidence): Step {
  let before: ReadEntry | null = null;
  let neighbours = 0;
  for (const entry of entries) {
    if (before !== null && entry.seq <= before.seq)
      return { fault: fault("order", `the entry comes after the one at ${before.seq}`, entry.seq) };
    const broken = chainFault(before, entry);
    if (broken) return { fault: broken };
    if (before !== null && before.seq + 1 === entry.seq) neighbours++;
    before = entry;
  }
  return { ok: `ascending, ${neighbours} linked to the entry before` };
}

function claimsStep({ predicate, entries }: Evidence): Step {
  const wrong = claimsFault(predicate, entries);
  return wrong ? { fault: wrong } : { ok: "task, actor, decision, route, usage and cost are those of the entries" };
}

function commitmentsStep({ predicate, entries }: Evidence, trust: Trust): Step {
  const { request, response } = trust;
  const bodies = { ...(request ? { request } : {}), ...(response ? { response } : {}) };
  const wrong = commitmentsFault(predicate, entries, bodies);
  if (wrong) return { fault: wrong };
  const opened = Object.keys(bodies);
  return { ok: `those of the entries${opened.length > 0 ? `; opened by your ${opened.join(" and ")}` : ""}` };
}

function ownStep({ checkpoint }: Evidence, trust: Trust): Step {
  if (trust.checkpoint === null) return { skipped: "none was given (--checkpoint)" };
  if (trust.keys === null) return NO_KEYS;
  const own = openOwnCheckpoint(trust.checkpoint, trust.keys);
  return own.ok ? compareOwn(own.value, checkpoint) : { fault: own.error };
}
