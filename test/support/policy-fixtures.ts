import type { DecisionId, UnixMs } from "../../shared/contracts/ids.ts";
import type { Access, Change, RecordedDecision } from "../../shared/contracts/ports/tenant-store.ts";
import { statementKey, statementSigner } from "../../shared/crypto/policy-statement.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { access, attribution } from "./tenant-fixtures.ts";

/** The cell whose objects the fixtures sign for, and the key that they sign with. */
export const SIGNING_CELL = "test";
export const STATEMENT_KEY = statementKey(new Uint8Array(32).fill(9));
export const SIGN = statementSigner(SIGNING_CELL, STATEMENT_KEY);

/** Bytes that only the object must keep; what is in a bundle is no concern of it. */
export function storable(revision: number, bytes = 64) {
  const archive = Uint8Array.from({ length: bytes }, (_, at) => (at * 31 + revision) & 0xff);
  return { revision, digest: `sha256:${sha256Hex(archive)}`, contract: "1.0.0", signed_by: "release-1", archive };
}

/** Who changes a policy that was changed so many times before. */
export const policyChange = (changes = 0, over: Partial<Access> = {}): Change => ({
  access: access({ versions: { credential: 1, state: 1, policy: 1 + changes }, ...over }),
  by: attribution({ subject: "user:officer" }),
});

/** In force for all, unless said otherwise. */
export const target = (revision: number | null, over: object = {}) => ({
  revision,
  canary_percent: null,
  rollback: false,
  expected_version: null,
  ...over,
});

export const at = (ms: number): UnixMs => ms as UnixMs; // safe because: a test's own milliseconds

export const decisionId = (n: number): DecisionId =>
  `dec_${n.toString(36).toUpperCase().padStart(26, "0")}` as DecisionId; // safe because: of the minted shape

/** A decision as an edge hands it over; the object never looks inside. */
export const recorded = (n: number, record = JSON.stringify({ n })): RecordedDecision => ({
  id: decisionId(n),
  record,
});
