import { LIMITS } from "../../../shared/contracts/limits.ts";
import { decodeBase64 } from "../../../shared/crypto/log/base64.ts";
import { parseStatement } from "../../../shared/crypto/log/statement.ts";
import { HASH_BYTES } from "../../../shared/crypto/log/tree.ts";
import { isKeyName } from "../../../shared/crypto/log/verifier-key.ts";

/** DSSE payload type of a checkpoint's text (docs/ledger.md §2). */
export const CHECKPOINT_PAYLOAD_TYPE = "application/vnd.bailiwick.checkpoint";

/** What was to be signed is none of our formats; asking again changes nothing. */
export class SigningRefused extends Error {
  override readonly name = "SigningRefused";
}

/** Evidence of ours in any version; another party's statement is never signed. */
const PREDICATE_TYPE = /^https:\/\/bailiwick\.example\.com\/evidence\/[a-z]+(?:-[a-z]+)*\/v[1-9]\d*$/;
/** `<ledger origin of the deployment>/<tenant>`: a schema-less URL, and the name of the key that signs it. */
const ORIGIN = /^[0-9A-Za-z](?:[0-9A-Za-z.-]*[0-9A-Za-z])?(?::\d{1,5})?(?:\/[0-9A-Za-z._~-]+)+$/;
const ORIGIN_CHARS_MAX = 255;

/** Throws `SigningRefused` unless it is the checkpoint of a log. */
export function refuseCheckpoint({ origin, size, root }: { origin: string; size: number; root: string }): void {
  if (origin.length > ORIGIN_CHARS_MAX || !ORIGIN.test(origin) || !isKeyName(origin))
    throw new SigningRefused("a checkpoint's origin is <ledger origin>/<log>");
  if (!Number.isSafeInteger(size) || size < 0) throw new SigningRefused("a checkpoint's size counts entries");
  if (decodeBase64(root)?.length !== HASH_BYTES) throw new SigningRefused("a checkpoint's root is 32 bytes in base64");
}

/** Base64 makes four bytes of three. */
const STATEMENT_BYTES_MAX = Math.floor(LIMITS.dsseBytesMax / 4) * 3 - LIMITS.signingKeysBytesMax;

/** Throws `SigningRefused` unless the bytes are the canonical form of an in-toto statement with a predicate of ours. */
export function refuseStatement(body: Uint8Array): void {
  if (body.length > STATEMENT_BYTES_MAX) throw new SigningRefused("the statement is too large for an envelope");
  const statement = parseStatement(body);
  if (statement === null) throw new SigningRefused("not an in-toto statement in canonical form");
  if (!PREDICATE_TYPE.test(statement.predicateType)) throw new SigningRefused("the predicate type is not ours");
}
