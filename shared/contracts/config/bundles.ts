import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { objectKeyProblem } from "../ports/object-store.ts";
import { SecretReference } from "./fields.ts";

/** Signature algorithms of bundles (RFC 7518 §3.1, RFC 8037), as `opa sign` names them. */
export const BUNDLE_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "HS256",
  "HS384",
  "HS512",
] as const;
/** Those without a secret. */
export const PUBLIC_BUNDLE_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
] as const satisfies readonly (typeof BUNDLE_ALGORITHMS)[number][];
export type BundleAlgorithm = (typeof BUNDLE_ALGORITHMS)[number];

/** `keyid` of `opa sign`. */
export const BundleKeyId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "a key id: letters, digits and ._-, at most 64");
const Pem = z
  .string()
  .max(8_192)
  .regex(
    /^-----BEGIN (?:RSA )?PUBLIC KEY-----[\sA-Za-z0-9+/=]+-----END (?:RSA )?PUBLIC KEY-----\s*$/,
    "a public key as PEM or as a JWK",
  );
/** Public members only: a private key has no place in configuration. */
const Jwk = z.strictObject({
  kty: z.enum(["RSA", "EC", "OKP"]),
  n: z.string().max(2_048).optional(),
  e: z.string().max(16).optional(),
  crv: z.string().max(16).optional(),
  x: z.string().max(128).optional(),
  y: z.string().max(128).optional(),
  kid: z.string().max(256).optional(),
  use: z.literal("sig").optional(),
  alg: z.string().max(16).optional(),
});

/** What signatures are verified with: nothing secret. */
export const BundlePublicKey = z.union([Pem, Jwk]);

/** A key that may sign bundles of a layer; `id` is the `keyid` of `opa sign`. */
export const BundleKeyEntry = z
  .strictObject({
    id: BundleKeyId,
    algorithm: z.enum(BUNDLE_ALGORITHMS),
    public_key: BundlePublicKey.optional(),
    /** Of HS256, HS384 and HS512 alone. */
    secret: SecretReference.optional(),
  })
  .check((context) => {
    const { algorithm, public_key, secret } = context.value;
    const symmetric = algorithm.startsWith("HS");
    const refuse = (message: string) => void context.issues.push({ code: "custom", message, input: null });
    if (symmetric && (secret === undefined || public_key !== undefined))
      refuse(`${algorithm} has a \`secret\`, by reference, and no \`public_key\``);
    if (!symmetric && (public_key === undefined || secret !== undefined))
      refuse(`${algorithm} has a \`public_key\` and no \`secret\``);
  });
export type BundleKeyEntry = z.infer<typeof BundleKeyEntry>;

export const BundleKeys = z
  .array(BundleKeyEntry)
  .max(LIMITS.bundleKeysMax)
  .check((context) => {
    const ids = context.value.map(({ id }) => id);
    const twice = ids.find((id, at) => ids.indexOf(id) !== at);
    if (twice !== undefined)
      context.issues.push({ code: "custom", message: `the key id ${twice} is there twice`, input: null });
  });

/** The key of an object of the cell's own store that is named as a source (`object:policies/…`), or null for a URL. */
export function pulledObject(source: string): string | null {
  const key = source.startsWith("object:policies/") ? source.slice("object:".length) : null;
  return key === null || objectKeyProblem(key) !== null ? null : key;
}

/** Where a layer's newest bundle is fetched from: a URL, `https` only, or an object of the cell's own store. */
export const BundlePull = z.strictObject({
  url: z
    .string()
    .max(1_024)
    .check((context) => {
      if (pulledObject(context.value) !== null) return;
      const url = URL.parse(context.value);
      if (url === null || url.protocol !== "https:" || url.username !== "" || url.password !== "" || url.hash !== "")
        context.issues.push({
          code: "custom",
          message: "an https URL without user name, password and fragment, or object:policies/<key>",
          input: null,
        });
    }),
  interval_s: z.number().int().min(10).max(86_400).default(300),
});
export type BundlePull = z.infer<typeof BundlePull>;
