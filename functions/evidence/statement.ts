import type { JsonObject } from "../../shared/contracts/json.ts";
import type { TaskProof } from "../../shared/contracts/log.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { STATEMENT_TYPE } from "../../shared/crypto/log/statement.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { TASK_EVIDENCE_TYPE } from "./task-predicate.ts";

/** What a statement is about: a name, and SHA-256 in hex of its bytes. */
export interface Subject {
  name: string;
  sha256: string;
}

/** Canonical text of an in-toto Statement v1, for `Signer.signStatement`. */
export const statementText = (subjects: readonly Subject[], predicateType: string, predicate: JsonObject): string =>
  canonicalJson({
    _type: STATEMENT_TYPE,
    subject: subjects.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType,
    predicate,
  });

/** The statement of one task's evidence: its entries are the subjects. */
export const taskStatement = ({ origin, entries }: TaskProof, predicate: JsonObject): string =>
  statementText(
    entries.map(({ index, text }) => ({ name: `${origin}#${index}`, sha256: sha256Hex(text) })),
    TASK_EVIDENCE_TYPE,
    predicate,
  );
