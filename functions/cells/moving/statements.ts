import type { z } from "zod";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Signer } from "../../../shared/contracts/ports/signer.ts";
import type { MoveRefusal } from "../../../shared/contracts/ports/tenant-moves.ts";
import { ok, type Result } from "../../../shared/contracts/result.ts";
import { parseDsse } from "../../../shared/crypto/log/dsse.ts";
import {
  formatStatement,
  parseStatement,
  STATEMENT_PAYLOAD_TYPE,
  type Statement,
} from "../../../shared/crypto/log/statement.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { parseKeysFile, type TrustedKey } from "../../../shared/evidence/keys-file.ts";
import { judgeSigners, verifyEnvelope } from "../../../shared/evidence/trust.ts";
import { refused } from "./parts.ts";

const decoder = new TextDecoder();

/** The DSSE envelope of a statement, signed by every key of the cell that is in force. */
export const signed = (
  signer: Signer,
  subject: Statement["subject"],
  predicateType: string,
  predicate: JsonObject,
): Promise<string> => signer.signStatement(decoder.decode(formatStatement({ subject, predicateType, predicate })));

export function trusted(keys: string): Result<TrustedKey[], MoveRefusal> {
  const parsed = parseKeysFile(utf8(keys));
  return parsed.ok ? parsed : refused("not_verified", parsed.error.detail);
}

export interface Verified<P> {
  predicate: P;
  subject: Statement["subject"];
}

/** What an envelope states, if trusted keys of both kinds signed it while they were in force; `signedAt` of the predicate says when that was. */
export function verified<P>(
  envelope: string,
  keys: readonly TrustedKey[],
  { type, schema, signedAt }: { type: string; schema: z.ZodType<P>; signedAt(predicate: P): string },
): Result<Verified<P>, MoveRefusal> {
  const parsed = parseDsse(envelope);
  if (parsed === null) return refused("not_verified", "not a DSSE envelope");
  const opened = verifyEnvelope(parsed, keys, "both");
  if (!opened.ok) return refused("not_verified", opened.error.detail);
  const statement = opened.value.payloadType === STATEMENT_PAYLOAD_TYPE ? parseStatement(opened.value.body) : null;
  if (statement?.predicateType !== type) return refused("not_verified", "another statement than the one asked for");
  const predicate = schema.safeParse(statement.predicate);
  if (!predicate.success) return refused("not_verified", "a statement that this version does not know");
  const atMs = Date.parse(signedAt(predicate.data));
  const standing = judgeSigners(opened.value.signers, { fromMs: atMs, toMs: atMs });
  return standing === null
    ? ok({ predicate: predicate.data, subject: statement.subject })
    : refused("not_verified", standing.detail);
}
