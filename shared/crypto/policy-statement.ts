import { isJsonObject } from "../contracts/json.ts";
import { LIMITS } from "../contracts/limits.ts";
import { FreshnessStatement } from "../contracts/policy/freshness.ts";
import type { RegisteredKey } from "../contracts/policy/registered-key.ts";
import { err, ok, type Result } from "../contracts/result.ts";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";
import { canonicalJson } from "./canonical-json.ts";
import { constantTimeEqual } from "./constant-time-equal.ts";
import { hkdfSha256 } from "./hkdf.ts";
import { hmacSha256 } from "./hmac-sha256.ts";
import { registeredKeysDigest } from "./registered-keys-digest.ts";
import { utf8 } from "./utf8.ts";

/**
 * Why a statement proves nothing: it is no statement, nobody of this cell signed it, it is about another cell or tenant,
 * or it is not of this moment.
 */
export type StatementRefusal = { reason: "malformed" | "signature" | "foreign" | "expired" };

/** The key of a cell's root secret that signs statements and nothing else (HKDF-SHA-256, ADR 0008). */
export const statementKey = (root: Uint8Array): Uint8Array =>
  hkdfSha256(root, undefined, "bailiwick/keyring/v1/policy-statement", 32);

const macOf = (key: Uint8Array, payload: string): Uint8Array =>
  hmacSha256(key, `bailiwick.policy-statement.v1.${payload}`);

/** `base64url(canonical JSON) "." base64url(HMAC-SHA-256)`, over a text that names its use. */
export function signStatement(statement: FreshnessStatement, key: Uint8Array): string {
  const { keys, ...rest } = statement;
  const payload = encodeBase64url(utf8(canonicalJson(keys === undefined ? rest : { ...rest, keys })));
  return `${payload}.${encodeBase64url(macOf(key, payload))}`;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * The statement, if one of `keys` signed it for this cell and tenant (null: the cell's own layer) and it is in force at
 * `nowMs`: issued at most `clockSkewS` ahead, not expired, and good for no longer than statements may be. The signature is
 * compared in constant time and before anything inside is read.
 */
export function verifyStatement(
  text: string,
  keys: readonly Uint8Array[],
  expected: { cell: string; tenant: string | null; nowMs: number },
): Result<FreshnessStatement, StatementRefusal> {
  if (text.length > LIMITS.policyStatementCharsMax) return err({ reason: "malformed" });
  const [payload = "", signature = "", ...rest] = text.split(".");
  const mac = decodeBase64url(signature);
  const bytes = decodeBase64url(payload);
  if (rest.length > 0 || bytes === null || bytes.length === 0 || mac === null) return err({ reason: "malformed" });
  let signed = false;
  for (const key of keys) signed = constantTimeEqual(macOf(key, payload), mac) || signed;
  if (!signed) return err({ reason: "signature" });
  const statement = parse(bytes);
  if (statement === null) return err({ reason: "malformed" });
  if (statement.cell !== expected.cell || statement.tenant !== expected.tenant) return err({ reason: "foreign" });
  const { issued_ms, expires_ms } = statement;
  const inForce =
    issued_ms <= expected.nowMs + LIMITS.clockSkewS * 1000 &&
    expires_ms > expected.nowMs &&
    expires_ms - issued_ms <= LIMITS.policyStatementMsMax;
  return inForce ? ok(statement) : err({ reason: "expired" });
}

/** Signed bytes that do not parse come from newer code of the same cell: nothing is made of them. */
function parse(bytes: Uint8Array): FreshnessStatement | null {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    const parsed = isJsonObject(value) ? FreshnessStatement.safeParse(value) : null;
    return parsed?.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** What a shell is given to answer its object's state with. */
export type StatementSigner = (
  state: Pick<FreshnessStatement, "tenant" | "version" | "active" | "canary"> & { keys?: readonly RegisteredKey[] },
  nowMs: number,
) => string;

/** Signs for one cell with the newest of its keys; statements are good for `policyStatementMsMax`. */
export function statementSigner(cell: string, key: Uint8Array): StatementSigner {
  return ({ tenant, version, active, canary, keys = [] }, nowMs) => {
    const digest = registeredKeysDigest(keys);
    return signStatement(
      {
        schema_version: 1,
        cell,
        tenant,
        version,
        active,
        canary,
        ...(digest === null ? {} : { keys: digest }),
        issued_ms: nowMs,
        expires_ms: nowMs + LIMITS.policyStatementMsMax,
      },
      key,
    );
  };
}
