import { compactVerify, errors } from "jose";
import { z } from "zod";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { decodeBase64url } from "../../shared/crypto/base64url.ts";
import { type BundleKey, importKey } from "./keys.ts";
import { SIGNATURES } from "./layout.ts";
import { textOf } from "./parse-file.ts";
import { refuse } from "./refusal.ts";

const SignaturesFile = z.strictObject({
  signatures: z.tuple([z.string()]),
  plugin: z.enum(["", "_default"]).optional(),
});
const Header = z.looseObject({ alg: z.string(), kid: z.string().optional() });
const KeyClaim = z.looseObject({ keyid: z.string().optional() });

/** The claims of the bundle's one signature, and the key that made it. */
export interface Signed {
  claims: unknown;
  key: string;
}

/**
 * Verifies `.signatures.json` (OPA's form: exactly one compact JWS). The key is looked up by the header's `kid`, or else
 * the claim `keyid`, among the trusted ones alone; the algorithm is the key's, and a header that states another is refused.
 */
export async function verifySignature(file: Uint8Array, keys: readonly BundleKey[]): Promise<Signed> {
  if (file.length > LIMITS.policyBundleSignatureBytesMax) refuse({ reason: "too_large", limit: "signature_bytes" });
  const parsed = SignaturesFile.safeParse(json(textOf(SIGNATURES, file)));
  if (!parsed.success) return malformed("not exactly one signature");
  const [token] = parsed.data.signatures;
  const parts = token.split(".");
  const header = Header.safeParse(part(parts[0]));
  const claims = part(parts[1]);
  const named = KeyClaim.safeParse(claims);
  if (parts.length !== 3 || !header.success || !named.success) return malformed("not a compact JWS");
  const id = header.data.kid ?? named.data.keyid ?? null;
  const matching = keys.filter((key) => key.id === id);
  const [key] = matching;
  if (key === undefined || matching.length > 1) return refuse({ reason: "key_unknown", key: id?.slice(0, 64) ?? null });
  if (header.data.alg !== key.algorithm) return refuse({ reason: "algorithm_mismatch", key: key.id });
  const material = await importKey(key);
  try {
    await compactVerify(token, material, { algorithms: [key.algorithm] });
  } catch (error) {
    // Bad encodings and unknown critical headers are jose's; a TypeError is a key that does not fit, such as a short one.
    if (error instanceof errors.JOSEError) return refuse({ reason: "signature_invalid", key: key.id });
    return refuse({ reason: "key_unusable", key: key.id });
  }
  return { claims, key: key.id };
}

const malformed = (detail: string): never => refuse({ reason: "signature_malformed", detail });

const decoder = new TextDecoder("utf-8", { fatal: true });

function part(text: string | undefined): unknown {
  const bytes = decodeBase64url(text ?? "");
  try {
    return bytes === null ? undefined : json(decoder.decode(bytes));
  } catch {
    return undefined;
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
