import { builtinError } from "../failure.ts";
import { parseJson } from "../json.ts";
import { OObject, type Value } from "../value.ts";
import { decodeBase64Url } from "./base64.ts";
import { bitsOf, type Der, inside, integerOf, octetsOf, oidOf, single, TAG, toBigint } from "./der.ts";
import type { RsaPrivateKey, RsaPublicKey } from "./rsa.ts";

export type CurveName = "P-256" | "P-384" | "P-521";
export type PublicKey =
  | ({ type: "rsa" } & RsaPublicKey)
  | { type: "ec"; curve: CurveName; point: Uint8Array }
  | { type: "ed25519"; point: Uint8Array }
  | { type: "secret"; bytes: Uint8Array };
export type PrivateKey =
  | ({ type: "rsa" } & RsaPrivateKey)
  | { type: "ec"; curve: CurveName; secret: Uint8Array }
  | { type: "ed25519"; secret: Uint8Array }
  | { type: "secret"; bytes: Uint8Array };

/** A key with what a key set says of it. */
export interface NamedKey {
  id: string;
  algorithm: string;
  key: PublicKey;
}

const OID = { rsa: "1.2.840.113549.1.1.1", ec: "1.2.840.10045.2.1", ed25519: "1.3.101.112" } as const;
const CURVES: Readonly<Record<string, CurveName>> = {
  "1.2.840.10045.3.1.7": "P-256",
  "1.3.132.0.34": "P-384",
  "1.3.132.0.35": "P-521",
};
export const FIELD_BYTES: Readonly<Record<CurveName, number>> = { "P-256": 32, "P-384": 48, "P-521": 66 };

const curveOf = (element: Der | undefined): CurveName => CURVES[oidOf(element)] ?? unsupported("elliptic curve");

function unsupported(what: string): never {
  throw builtinError(`unsupported ${what}`);
}

/** `SubjectPublicKeyInfo` (RFC 5280, 4.1.2.7). */
export function publicKeyOf(info: Der): PublicKey {
  const [algorithm, bits] = inside(info);
  const [oid, parameters] = inside(algorithm);
  switch (oidOf(oid)) {
    case OID.rsa: {
      const [modulus, exponent] = inside(single(bitsOf(bits), TAG.sequence));
      return { type: "rsa", modulus: integerOf(modulus), exponent: integerOf(exponent) };
    }
    case OID.ec:
      return { type: "ec", curve: curveOf(parameters), point: bitsOf(bits) };
    case OID.ed25519:
      return { type: "ed25519", point: bitsOf(bits) };
    default:
      return unsupported("public key algorithm");
  }
}

/** `RSAPrivateKey` (RFC 8017, A.1.2). */
export function rsaPrivateKey(bytes: Uint8Array): PrivateKey {
  const [, modulus, exponent, secret, p, q] = inside(single(bytes, TAG.sequence));
  return {
    type: "rsa",
    modulus: integerOf(modulus),
    exponent: integerOf(exponent),
    secret: integerOf(secret),
    primes: [integerOf(p), integerOf(q)],
  };
}

/** `ECPrivateKey` (RFC 5915); the curve may be named outside. */
export function ecPrivateKey(bytes: Uint8Array, named?: CurveName): PrivateKey {
  const [, secret, parameters] = inside(single(bytes, TAG.sequence));
  const curve = named ?? curveOf(parameters === undefined ? undefined : single(parameters.content, TAG.oid));
  return { type: "ec", curve, secret: octetsOf(secret) };
}

/** `PrivateKeyInfo` (RFC 5208). */
export function pkcs8PrivateKey(bytes: Uint8Array): PrivateKey {
  const [, algorithm, octets] = inside(single(bytes, TAG.sequence));
  const [oid, parameters] = inside(algorithm);
  switch (oidOf(oid)) {
    case OID.rsa:
      return rsaPrivateKey(octetsOf(octets));
    case OID.ec:
      return ecPrivateKey(octetsOf(octets), curveOf(parameters));
    case OID.ed25519:
      return { type: "ed25519", secret: octetsOf(single(octetsOf(octets), TAG.octetString)) };
    default:
      return unsupported("private key algorithm");
  }
}

function member(jwk: OObject, name: string): string {
  const value = jwk.get(name);
  return typeof value === "string" ? value : "";
}

function bytesOf(jwk: OObject, name: string): Uint8Array<ArrayBuffer> {
  const bytes = decodeBase64Url(member(jwk, name).replace(/=+$/, ""));
  if (bytes === undefined || bytes.length === 0) throw builtinError(`JWK member ${name} is missing or malformed`);
  return bytes;
}

const curveNamed = (jwk: OObject): CurveName => {
  const name = member(jwk, "crv");
  return name === "P-256" || name === "P-384" || name === "P-521" ? name : unsupported("curve in JWK");
};

const padded = (bytes: Uint8Array, length: number): number[] => [
  ...new Array<number>(Math.max(0, length - bytes.length)).fill(0),
  ...bytes,
];

function publicJwk(jwk: OObject): PublicKey {
  switch (member(jwk, "kty")) {
    case "RSA":
      return { type: "rsa", modulus: toBigint(bytesOf(jwk, "n")), exponent: toBigint(bytesOf(jwk, "e")) };
    case "EC": {
      const curve = curveNamed(jwk);
      const size = FIELD_BYTES[curve];
      return {
        type: "ec",
        curve,
        point: Uint8Array.from([4, ...padded(bytesOf(jwk, "x"), size), ...padded(bytesOf(jwk, "y"), size)]),
      };
    }
    case "OKP":
      if (member(jwk, "crv") !== "Ed25519") return unsupported("curve in JWK");
      return { type: "ed25519", point: bytesOf(jwk, "x") };
    case "oct":
      return { type: "secret", bytes: bytesOf(jwk, "k") };
    default:
      return unsupported("key type in JWK");
  }
}

function privateJwk(jwk: OObject): PrivateKey {
  switch (member(jwk, "kty")) {
    case "RSA":
      return {
        type: "rsa",
        modulus: toBigint(bytesOf(jwk, "n")),
        exponent: toBigint(bytesOf(jwk, "e")),
        secret: toBigint(bytesOf(jwk, "d")),
        primes: [],
      };
    case "EC": {
      const curve = curveNamed(jwk);
      return { type: "ec", curve, secret: Uint8Array.from(padded(bytesOf(jwk, "d"), FIELD_BYTES[curve])) };
    }
    case "OKP":
      if (member(jwk, "crv") !== "Ed25519") return unsupported("curve in JWK");
      return { type: "ed25519", secret: bytesOf(jwk, "d") };
    case "oct":
      return { type: "secret", bytes: bytesOf(jwk, "k") };
    default:
      return unsupported("key type in JWK");
  }
}

/** The JWKs of a set, or a single one. */
function jwks(document: Value): OObject[] {
  const keys = document instanceof OObject ? (document.get("keys") ?? [document]) : undefined;
  if (!Array.isArray(keys)) throw builtinError("failed to parse a JWK key (set)");
  return keys.map((key) => {
    if (!(key instanceof OObject)) throw builtinError("failed to parse a JWK key (set)");
    return key;
  });
}

/** Every signature algorithm that tokens may name. */
export const ALGORITHM_NAMES = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "HS256",
  "HS384",
  "HS512",
  "EdDSA",
] as const;
const ALGORITHMS: ReadonlySet<string> = new Set(ALGORITHM_NAMES);

export function namedKeys(text: string): NamedKey[] {
  const document = parseJson(text);
  if (!document.ok) throw builtinError("failed to parse a JWK key (set)");
  return jwks(document.value)
    .filter((jwk) => member(jwk, "alg") === "" || ALGORITHMS.has(member(jwk, "alg")))
    .map((jwk) => ({ id: member(jwk, "kid"), algorithm: member(jwk, "alg"), key: publicJwk(jwk) }));
}

/** The first private key of a JWK or set. */
export function signingKey(document: Value): PrivateKey {
  const [jwk] = jwks(document);
  if (jwk === undefined) throw builtinError("no keys found in JWK set");
  return privateJwk(jwk);
}
