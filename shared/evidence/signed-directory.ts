import { CellDirectory, DIRECTORY_TYPE } from "../contracts/cell-directory.ts";
import { LIMITS } from "../contracts/limits.ts";
import { err, ok, type Result } from "../contracts/result.ts";
import { canonicalJson } from "../crypto/canonical-json.ts";
import { type DsseSigner, formatDsse, parseDsse, signDsse } from "../crypto/log/dsse.ts";
import { parseStrictJson } from "../crypto/strict-json.ts";
import { utf8 } from "../crypto/utf8.ts";
import type { TrustedKey } from "./keys-file.ts";
import { judgeSigners, verifyEnvelope } from "./trust.ts";

/** One line for an operator: what is wrong with a directory, never what is in it. */
export interface DirectoryFault {
  reason: "malformed" | "signature" | "not_yet" | "expired";
  detail: string;
}

/** The document as it was written down, before its times are read. */
export type DirectoryDocument = Omit<CellDirectory, "issued" | "expires"> & { issued: string; expires: string };

/** The directory in a DSSE envelope with a signature of each signer. Throws `ZodError` for what is no directory. */
export function signDirectory(document: DirectoryDocument, signers: readonly DsseSigner[]): string {
  CellDirectory.parse(document);
  return `${formatDsse(signDsse(DIRECTORY_TYPE, utf8(canonicalJson(document)), signers))}\n`;
}

/**
 * The directory in `text`, if trusted keys of both kinds signed it while they were in force and it is in force at
 * `nowMs`. Nothing in it is read before its signatures held.
 */
export function readDirectory(
  text: string,
  keys: readonly TrustedKey[],
  nowMs: number,
): Result<CellDirectory, DirectoryFault> {
  if (text.length > LIMITS.directoryBytesMax) return err({ reason: "malformed", detail: "too large" });
  const envelope = parseDsse(text);
  if (envelope === null) return err({ reason: "malformed", detail: "not a DSSE envelope" });
  const verified = verifyEnvelope(envelope, keys, "both");
  if (!verified.ok) return err({ reason: "signature", detail: verified.error.detail });
  if (verified.value.payloadType !== DIRECTORY_TYPE)
    return err({ reason: "malformed", detail: "not a cell directory" });
  const json = parseStrictJson(verified.value.body);
  const parsed = json.ok ? CellDirectory.safeParse(json.value) : null;
  if (!parsed?.success) {
    const [issue] = parsed?.error.issues ?? [];
    const detail = issue === undefined ? "not JSON" : `${issue.path.join(".")}: ${issue.message}`;
    return err({ reason: "malformed", detail });
  }
  const directory = parsed.data;
  const standing = judgeSigners(verified.value.signers, { fromMs: directory.issued, toMs: directory.issued });
  if (standing !== null) return err({ reason: "signature", detail: standing.detail });
  if (directory.issued > nowMs + LIMITS.clockSkewS * 1_000) return err({ reason: "not_yet", detail: "issued later" });
  if (directory.expires <= nowMs) return err({ reason: "expired", detail: "its time is over" });
  return ok(directory);
}
