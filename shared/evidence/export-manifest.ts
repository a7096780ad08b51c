import { z } from "zod";
import { isJsonObject } from "../contracts/json.ts";
import { err, ok, type Result } from "../contracts/result.ts";
import { canonicalJson } from "../crypto/canonical-json.ts";
import { decodeBase64 } from "../crypto/log/base64.ts";
import { DsseEnvelope } from "../crypto/log/dsse.ts";
import { parseStatement, STATEMENT_PAYLOAD_TYPE, type Statement } from "../crypto/log/statement.ts";
import { parseStrictJson } from "../crypto/strict-json.ts";
import { SPANS_SHAPE, Spans } from "./export-spans.ts";
import { type Fault, fault, shown } from "./fault.ts";
import type { TrustedKey } from "./keys-file.ts";
import { UtcTime } from "./times.ts";
import { judgeSigners, type Signers, verifyEnvelope } from "./trust.ts";

export const LEDGER_EXPORT_TYPE = "https://bailiwick.example.com/evidence/ledger-export/v1";

const Predicate = z.strictObject({
  schema_version: z.literal(1),
  generated_at: UtcTime,
  origin: z.string(),
  cell: z.string(),
  jurisdiction: z.string(),
  worm: z.enum(["object-lock", "bucket-lock", "not WORM"]),
  ...SPANS_SHAPE,
});
export type ManifestPredicate = z.infer<typeof Predicate>;

/** A small JSON document of an export as its schema has it. */
export function readDocument<T>(bytes: Uint8Array, schema: z.ZodType<T>, what: string): Result<T, Fault> {
  const json = parseStrictJson(bytes);
  if (!json.ok) return err(fault("malformed", `${what} is not JSON (${json.error.reason})`));
  const parsed = schema.safeParse(json.value);
  if (parsed.success) return ok(parsed.data);
  const [issue] = parsed.error.issues;
  return err(fault("malformed", `${what}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`));
}

export interface Manifest {
  statement: Statement;
  predicate: ManifestPredicate;
}

/** What became of the two first checks of an export. */
export interface OpenedManifest {
  signatures: { ok: Signers } | { fault: Fault } | null;
  manifest: Result<Manifest, Fault> | null;
}

/** Signatures as of task evidence, then what is signed. `keys` null: nothing is known to check signatures with. */
export function openManifest(bytes: Uint8Array, keys: readonly TrustedKey[] | null): OpenedManifest {
  const envelope = readDocument(bytes, DsseEnvelope, "the manifest");
  if (!envelope.ok) return { signatures: { fault: envelope.error }, manifest: null };
  const manifest = readManifest(envelope.value);
  if (keys === null) return { signatures: null, manifest };
  const verified = verifyEnvelope(envelope.value, keys, "both");
  if (!verified.ok) return { signatures: { fault: verified.error }, manifest };
  const { signers } = verified.value;
  if (!manifest.ok) return { signatures: { ok: signers }, manifest };
  const generatedMs = manifest.value.predicate.generated_at;
  const bad = judgeSigners(signers, { fromMs: generatedMs, toMs: generatedMs });
  return { signatures: bad ? { fault: bad } : { ok: signers }, manifest };
}

function readManifest({ payload, payloadType }: DsseEnvelope): Result<Manifest, Fault> {
  if (payloadType !== STATEMENT_PAYLOAD_TYPE)
    return err(fault("payload_type_unknown", `the manifest holds a ${shown(payloadType)}`));
  const body = decodeBase64(payload);
  const statement = body === null ? null : parseStatement(body);
  if (statement === null)
    return err(fault("statement_malformed", "the manifest is no in-toto Statement v1 in RFC 8785 form"));
  if (statement.predicateType !== LEDGER_EXPORT_TYPE)
    return err(fault("predicate_type_unknown", `the manifest is a ${shown(statement.predicateType)}`));
  if (statement.predicate.schema_version !== 1)
    return err(fault("schema_version_unknown", "the manifest's schema version is not known"));
  const predicate = Predicate.safeParse(statement.predicate);
  if (!predicate.success) {
    const [issue] = predicate.error.issues;
    return err(fault("predicate_malformed", `predicate.${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`));
  }
  return ok({ statement, predicate: predicate.data });
}

/** Whether the manifest repeats what `spans.json` says, and the period had ended when it was made. */
export function repeatedFault({ statement, predicate }: Manifest, spansFile: Uint8Array): Fault | null {
  const json = parseStrictJson(spansFile);
  if (!json.ok || !isJsonObject(json.value)) return fault("malformed", "spans.json is not an object");
  for (const member of Object.keys(Spans.shape))
    if (canonicalJson(statement.predicate[member] ?? null) !== canonicalJson(json.value[member] ?? null))
      return fault("spans_differ", `the manifest's ${member} is not that of spans.json`);
  return predicate.to > predicate.generated_at
    ? fault("border_wrong", "the period reaches beyond the time of the manifest")
    : null;
}
