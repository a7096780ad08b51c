import { z } from "zod";
import { LIMITS } from "../contracts/limits.ts";
import { REVOCATION_REASONS } from "../contracts/ports/signer.ts";
import { err, ok, type Result } from "../contracts/result.ts";
import { decodeBase64url } from "../crypto/base64url.ts";
import { ED25519 } from "../crypto/log/ed25519.ts";
import { keyThumbprint, type SignatureAlgorithm } from "../crypto/log/jwk-thumbprint.ts";
import { ML_DSA_65 } from "../crypto/log/ml-dsa-65.ts";
import { parseStrictJson } from "../crypto/strict-json.ts";
import { type Fault, fault } from "./fault.ts";
import { UtcTime } from "./times.ts";

/** A key that the verifier's user trusts, for as long as its file says. */
export interface TrustedKey {
  algorithm: SignatureAlgorithm;
  /** RFC 7638 thumbprint, computed, not believed. */
  kid: string;
  publicKey: Uint8Array;
  notBeforeMs: number;
  notAfterMs: number | null;
  revoked: { atMs: number; reason: (typeof REVOCATION_REASONS)[number] } | null;
}

const key = (bytes: number) =>
  z.string().transform((text, issues): Uint8Array => {
    const decoded = decodeBase64url(text);
    if (decoded?.length === bytes) return decoded;
    issues.addIssue(`not ${bytes} bytes in base64url`);
    return z.NEVER;
  });

const lifetime = {
  kid: z.string(),
  not_before: UtcTime,
  not_after: UtcTime.nullable(),
  revoked: z.looseObject({ at: UtcTime, reason: z.enum(REVOCATION_REASONS) }).nullable(),
};
/** Other members may be there (`vkey`, `use`); algorithms that are not known here are refused, never skipped. */
const Key = z.discriminatedUnion("alg", [
  z.looseObject({
    ...lifetime,
    alg: z.literal("Ed25519"),
    jwk: z.looseObject({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: key(ED25519.publicKeyBytes) }),
  }),
  z.looseObject({
    ...lifetime,
    alg: z.literal("ML-DSA-65"),
    jwk: z.looseObject({ kty: z.literal("AKP"), alg: z.literal("ML-DSA-65"), pub: key(ML_DSA_65.publicKeyBytes) }),
  }),
]);
const KeysFile = z.looseObject({
  schema_version: z.literal(1),
  keys: z.array(Key).min(1).max(LIMITS.verifyKeysMax),
});

function trustedKey(key: z.infer<typeof Key>): TrustedKey {
  const [algorithm, publicKey] =
    key.alg === "Ed25519" ? (["ed25519", key.jwk.x] as const) : (["mldsa65", key.jwk.pub] as const);
  return {
    algorithm,
    kid: keyThumbprint(algorithm, publicKey),
    publicKey,
    notBeforeMs: key.not_before,
    notAfterMs: key.not_after,
    revoked: key.revoked && { atMs: key.revoked.at, reason: key.revoked.reason },
  };
}

/** The keys of a `bailiwick-keys.json`. A `kid` that is not its key's thumbprint, or a key twice, is refused. */
export function parseKeysFile(bytes: Uint8Array): Result<TrustedKey[], Fault> {
  if (bytes.length > LIMITS.verifyKeysBytesMax) return err(fault("too_large", "the keys file is too large"));
  const json = parseStrictJson(bytes);
  if (!json.ok) return err(fault("keys_malformed", `the keys file is not JSON (${json.error.reason})`));
  const file = KeysFile.safeParse(json.value);
  if (!file.success) {
    const [issue] = file.error.issues;
    return err(fault("keys_malformed", `the keys file: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`));
  }
  const keys = file.data.keys.map(trustedKey);
  const wrong = keys.findIndex(({ kid }, at) => kid !== file.data.keys[at]?.kid);
  if (wrong >= 0) return err(fault("keys_malformed", `keys.${wrong}: its kid is not the thumbprint of the key`));
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length)
    return err(fault("keys_malformed", "the keys file has a key twice"));
  return ok(keys);
}
