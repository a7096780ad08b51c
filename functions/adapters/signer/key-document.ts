import { z } from "zod";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { REVOCATION_REASONS, type VerifierKey } from "../../../shared/contracts/ports/signer.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { decodeBase64url, encodeBase64url } from "../../../shared/crypto/base64url.ts";

/** An Ed25519 and an ML-DSA-65 key that come and go together. */
export interface KeyPair {
  /** For operators; never on the wire. */
  id: string;
  ed25519Seed: Uint8Array;
  mlDsa65Seed: Uint8Array;
  notBeforeMs: UnixMs;
  notAfterMs: UnixMs | null;
  revoked: VerifierKey["revoked"];
}

/** What is wrong, and where: `pairs[1].ed25519_seed`. Never a value: it may be a secret. */
export interface KeyDocumentFault {
  field: string;
  problem: string;
}

const SEED_BYTES = 32;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z$/;

const seed = z.string("a seed is text").transform((text, issues): Uint8Array => {
  const bytes = decodeBase64url(text);
  if (bytes?.length === SEED_BYTES) return bytes;
  issues.addIssue(`not ${SEED_BYTES} bytes in base64url`);
  return z.NEVER;
});
const time = z.string("not an RFC 3339 time in UTC").transform((text, issues): UnixMs => {
  const ms = TIME.test(text) ? Date.parse(text) : Number.NaN;
  // A day that no month has is read as one of the next month.
  if (Number.isFinite(ms) && new Date(ms).toISOString().slice(0, 19) === text.slice(0, 19)) return ms as UnixMs; // safe because: it is a time in ms
  issues.addIssue("not an RFC 3339 time in UTC");
  return z.NEVER;
});

const Pair = z
  .strictObject(
    {
      id: z.string("an id is text").regex(/^[0-9A-Za-z_-]{1,64}$/, "1 to 64 letters, digits, _ and -"),
      ed25519_seed: seed,
      ml_dsa_65_seed: seed,
      not_before: time,
      not_after: time.nullable(),
      revoked: z
        .strictObject(
          { at: time, reason: z.enum(REVOCATION_REASONS, `one of ${REVOCATION_REASONS.join(", ")}`) },
          "null, or an object of at and reason",
        )
        .nullable(),
    },
    "not an object with the members of a pair and no other",
  )
  .transform(
    (pair): KeyPair => ({
      id: pair.id,
      ed25519Seed: pair.ed25519_seed,
      mlDsa65Seed: pair.ml_dsa_65_seed,
      notBeforeMs: pair.not_before,
      notAfterMs: pair.not_after,
      revoked: pair.revoked && { at_ms: pair.revoked.at, reason: pair.revoked.reason },
    }),
  );

const Document = z.strictObject(
  {
    schema_version: z.literal(1, "this version is not known"),
    pairs: z
      .array(Pair, "not a list")
      .min(1, "at least one pair")
      .max(LIMITS.signingPairsMax, `at most ${LIMITS.signingPairsMax} pairs`),
  },
  "not an object of schema_version and pairs",
);

/** The pairs of a key document, checked one by one and against each other. */
export function parseKeyDocument(text: string): Result<KeyPair[], KeyDocumentFault> {
  if (text.length > LIMITS.signingKeysBytesMax) return err({ field: "document", problem: "too large" });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own words quote the text, which holds secrets.
    return err({ field: "document", problem: "not JSON" });
  }
  const parsed = Document.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const problem =
      issue?.code === "unrecognized_keys" ? "a member that is not known" : (issue?.message ?? "malformed");
    return err({ field: fieldOf(issue?.path ?? []), problem });
  }
  const fault = faultAmong(parsed.data.pairs);
  return fault ? err(fault) : ok(parsed.data.pairs);
}

const fieldOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (at, step) => (typeof step === "number" ? `${at}[${step}]` : `${at}${at === "" ? "" : "."}${String(step)}`),
    "",
  ) || "document";

/** What no single pair shows: the same key twice would make signatures that verifiers refuse as duplicates. */
function faultAmong(pairs: readonly KeyPair[]): KeyDocumentFault | null {
  const ids = new Set<string>();
  const seeds = new Set<string>();
  for (const [index, pair] of pairs.entries()) {
    const at = (field: string, problem: string): KeyDocumentFault => ({ field: `pairs[${index}].${field}`, problem });
    if (ids.has(pair.id)) return at("id", "another pair has it");
    ids.add(pair.id);
    for (const [field, bytes] of [
      ["ed25519_seed", pair.ed25519Seed],
      ["ml_dsa_65_seed", pair.mlDsa65Seed],
    ] as const) {
      const text = encodeBase64url(bytes);
      if (seeds.has(text)) return at(field, "used twice");
      seeds.add(text);
    }
    if (pair.notAfterMs !== null && pair.notAfterMs <= pair.notBeforeMs)
      return at("not_after", "not later than not_before");
    // The most are in force at a moment when one begins.
    if (inForceAt(pairs, pair.notBeforeMs).length > LIMITS.signingPairsInForceMax)
      return at("not_before", `more than ${LIMITS.signingPairsInForceMax} pairs are in force then`);
  }
  return null;
}

/** The pairs that sign at that moment, newest first. A revoked pair never does, whatever its times say. */
export const inForceAt = (pairs: readonly KeyPair[], at: number): KeyPair[] =>
  newestFirst(pairs).filter(
    ({ revoked, notBeforeMs, notAfterMs }) =>
      revoked === null && notBeforeMs <= at && (notAfterMs === null || at < notAfterMs),
  );

export const newestFirst = (pairs: readonly KeyPair[]): KeyPair[] =>
  [...pairs].sort((a, b) => b.notBeforeMs - a.notBeforeMs || (a.id < b.id ? -1 : 1));

/** The document as text: readable with `indent`, else as short as a secret binding wants it. */
export function formatKeyDocument(pairs: readonly KeyPair[], indent?: number): string {
  const time = (ms: UnixMs) => new Date(ms).toISOString();
  const document = {
    schema_version: 1,
    pairs: pairs.map((pair) => ({
      id: pair.id,
      ed25519_seed: encodeBase64url(pair.ed25519Seed),
      ml_dsa_65_seed: encodeBase64url(pair.mlDsa65Seed),
      not_before: time(pair.notBeforeMs),
      not_after: pair.notAfterMs === null ? null : time(pair.notAfterMs),
      revoked: pair.revoked && { at: time(pair.revoked.at_ms), reason: pair.revoked.reason },
    })),
  };
  return `${JSON.stringify(document, null, indent)}\n`;
}
