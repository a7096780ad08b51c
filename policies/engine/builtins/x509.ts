import { ed25519 } from "@noble/curves/ed25519.js";
import { BuiltinFailure, builtinError } from "../failure.ts";
import type { Machine } from "../machine.ts";
import { spendText } from "../meter.ts";
import { decodeUtf8 } from "../utf8.ts";
import { bigintOf, isNumber, numberOfBigint, OObject, OSet, type Value } from "../value.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { type Certificate, parseCertificates, parseRequest } from "./certificate.ts";
import { certificateTree, keyTree, requestTree } from "./certificate-tree.ts";
import { type ChainDemands, verifiedChain } from "./certificate-verify.ts";
import { CURVES } from "./jws.ts";
import { ecPrivateKey, type PrivateKey, pkcs8PrivateKey, rsaPrivateKey } from "./keys.ts";
import { builtin, type Family, object, string } from "./operands.ts";
import { pemBlocks } from "./pem.ts";
import { byteLengthOf, power, toBytes } from "./rsa.ts";

const isPem = (text: string): boolean => text.startsWith("-----BEGIN");

/** PEM, or base64 of PEM or DER. */
function certificatesOf(text: string): Certificate[] {
  spendText(text.length);
  if (isPem(text)) return fromPem(text);
  const bytes = decodeBase64(text, false);
  if (bytes === undefined) throw builtinError("illegal base64 data");
  const inner = decodeUtf8(bytes);
  return isPem(inner) ? fromPem(inner) : parseCertificates(bytes);
}

function fromPem(text: string): Certificate[] {
  return pemBlocks(text).blocks.flatMap(({ label, bytes }) => {
    if (label !== "CERTIFICATE") throw builtinError(`PEM block type is '${label}', expected CERTIFICATE`);
    return parseCertificates(bytes);
  });
}

function requestOf(text: string): Value {
  spendText(text.length);
  const bytes = isPem(text) ? undefined : decodeBase64(text, false);
  if (!isPem(text) && bytes === undefined) throw builtinError("illegal base64 data");
  const [block] = pemBlocks(bytes === undefined ? text : decodeUtf8(bytes)).blocks;
  if (block !== undefined && block.label !== "CERTIFICATE REQUEST")
    throw builtinError("invalid PEM-encoded certificate signing request");
  const der = block?.bytes ?? bytes;
  if (der === undefined) throw builtinError("invalid PEM-encoded certificate signing request");
  return requestTree(parseRequest(der));
}

const SERVER = "1.3.6.1.5.5.7.3.1";
const USAGES: Readonly<Record<string, string>> = {
  KeyUsageAny: "2.5.29.37.0",
  KeyUsageServerAuth: SERVER,
  KeyUsageClientAuth: "1.3.6.1.5.5.7.3.2",
  KeyUsageCodeSigning: "1.3.6.1.5.5.7.3.3",
  KeyUsageEmailProtection: "1.3.6.1.5.5.7.3.4",
  KeyUsageIPSECEndSystem: "1.3.6.1.5.5.7.3.5",
  KeyUsageIPSECTunnel: "1.3.6.1.5.5.7.3.6",
  KeyUsageIPSECUser: "1.3.6.1.5.5.7.3.7",
  KeyUsageTimeStamping: "1.3.6.1.5.5.7.3.8",
  KeyUsageOCSPSigning: "1.3.6.1.5.5.7.3.9",
  KeyUsageMicrosoftServerGatedCrypto: "1.3.6.1.4.1.311.10.3.3",
  KeyUsageNetscapeServerGatedCrypto: "2.16.840.1.113730.4.1",
  KeyUsageMicrosoftCommercialCodeSigning: "1.3.6.1.4.1.311.2.1.22",
  KeyUsageMicrosoftKernelCodeSigning: "1.3.6.1.4.1.311.61.1.1",
};

/** Go's defaults: the evaluation's time, and fit for servers. */
function demandsOf(options: OObject, machine: Machine): ChainDemands {
  const demands: ChainDemands = { now_ns: machine.world.now_ns, usages: [SERVER], dnsName: undefined };
  for (const [key, value] of options.entries()) {
    if (key === "DNSName" && typeof value === "string") demands.dnsName = value;
    else if (key === "CurrentTime" && isNumber(value))
      demands.now_ns = bigintOf(value) ?? fail("'CurrentTime' should be an integer");
    else if (key === "KeyUsages" && (Array.isArray(value) || value instanceof OSet))
      demands.usages = usagesOf(Array.isArray(value) ? value : value.sorted());
    else if (!(key === "MaxConstraintComparisons" && isNumber(value))) fail("invalid key option");
  }
  return demands;
}

const fail = (detail: string): never => {
  throw builtinError(detail);
};

function usagesOf(names: readonly Value[]): string[] {
  const usages = names
    .filter((name) => typeof name === "string")
    .map((name) => USAGES[name] ?? fail("invalid entries for 'KeyUsages' found"));
  return usages.length === 0 ? [SERVER] : usages;
}

/** [verified, chain from the leaf to the root]; certificates that cannot be read are not verified. */
function verified(text: string, demands: ChainDemands, withUriStrings: boolean): Value[] {
  try {
    const certificates = certificatesOf(text);
    const chain = certificates.length < 2 ? undefined : verifiedChain(certificates, demands);
    return chain === undefined
      ? [false, []]
      : [true, chain.map((certificate) => certificateTree(certificate, withUriStrings))];
  } catch (error) {
    if (error instanceof BuiltinFailure) return [false, []];
    throw error;
  }
}

function privateKeys(text: string): PrivateKey[] {
  spendText(text.length);
  const decoded = decodeBase64(text, false);
  return pemBlocks(decoded === undefined ? text : decodeUtf8(decoded)).blocks.flatMap(
    ({ label, bytes }): PrivateKey[] => {
      if (label === "RSA PRIVATE KEY") return [rsaPrivateKey(bytes)];
      if (label === "EC PRIVATE KEY") return [ecPrivateKey(bytes)];
      return label === "PRIVATE KEY" ? [pkcs8PrivateKey(bytes)] : [];
    },
  );
}

const big = (bytes: Uint8Array): bigint => bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);

/** The key with the member names of Go's types. */
function privateKeyTree(key: PrivateKey): Value {
  switch (key.type) {
    case "rsa": {
      const [p = 1n, q = 1n] = key.primes;
      const precomputed: [string, Value][] = [
        ["Dp", numberOfBigint(key.secret % (p - 1n))],
        ["Dq", numberOfBigint(key.secret % (q - 1n))],
        ["Qinv", numberOfBigint(power(q, p - 2n, p))],
        ["CRTValues", []],
      ];
      return OObject.of([
        ["N", numberOfBigint(key.modulus)],
        ["E", numberOfBigint(key.exponent)],
        ["D", numberOfBigint(key.secret)],
        ["Primes", key.primes.map(numberOfBigint)],
        ["Precomputed", OObject.of(precomputed)],
      ]);
    }
    case "ec": {
      const tree = keyTree({ type: "ec", curve: key.curve, point: CURVES[key.curve].getPublicKey(key.secret, false) });
      if (tree instanceof OObject) tree.set("D", numberOfBigint(big(key.secret)));
      return tree;
    }
    case "ed25519":
      return encodeBase64(Uint8Array.from([...key.secret, ...ed25519.getPublicKey(key.secret)]), false, true);
    case "secret":
      return null;
  }
}

const url = (bytes: Uint8Array): string => encodeBase64(bytes, true, false);
const urlInteger = (value: bigint): string => url(toBytes(value, byteLengthOf(value)));

function jwkTree(key: PrivateKey): Value {
  const members = (entries: Record<string, string>): OObject => OObject.of(Object.entries(entries));
  switch (key.type) {
    case "rsa": {
      const [p = 1n, q = 1n] = key.primes;
      const [dp, dq, qi] = [key.secret % (p - 1n), key.secret % (q - 1n), power(q, p - 2n, p)];
      return members({
        kty: "RSA",
        n: urlInteger(key.modulus),
        e: urlInteger(key.exponent),
        d: urlInteger(key.secret),
        p: urlInteger(p),
        q: urlInteger(q),
        dp: urlInteger(dp),
        dq: urlInteger(dq),
        qi: urlInteger(qi),
      });
    }
    case "ec": {
      const point = CURVES[key.curve].getPublicKey(key.secret, false);
      const half = (point.length - 1) / 2;
      return members({
        kty: "EC",
        crv: key.curve,
        x: url(point.subarray(1, 1 + half)),
        y: url(point.subarray(1 + half)),
        d: url(key.secret),
      });
    }
    case "ed25519":
      return members({ kty: "OKP", crv: "Ed25519", x: url(ed25519.getPublicKey(key.secret)), d: url(key.secret) });
    case "secret":
      return null;
  }
}

function firstJwk(text: string): Value {
  if (text === "") throw builtinError("input PEM data was empty");
  const decoded = isPem(text) ? undefined : decodeBase64(text, false);
  if (!isPem(text) && decoded === undefined) throw builtinError("illegal base64 data");
  const [key] = privateKeys(decoded === undefined ? text : decodeUtf8(decoded));
  return key === undefined ? null : jwkTree(key);
}

/** Certificate and key that belong together, as Go's `tls.Certificate`. */
function keyPair(args: readonly Value[]): OObject {
  const [certificates, keyText] = [certificatesOf(string(args, 0)), string(args, 1)];
  const [leaf] = certificates;
  const decoded = isPem(keyText) ? undefined : decodeBase64(keyText, false);
  const inner = decoded === undefined ? keyText : decodeUtf8(decoded);
  const [key] = decoded !== undefined && !isPem(inner) ? [pkcs8PrivateKey(decoded)] : privateKeys(inner);
  if (leaf === undefined || key === undefined) throw builtinError("failed to find certificate or key in input");
  const [theirs, ours] = [leaf.publicKey(), key];
  if (theirs.type !== ours.type || (theirs.type === "rsa" && ours.type === "rsa" && theirs.modulus !== ours.modulus)) {
    throw builtinError("private key does not match public key");
  }
  return OObject.of([
    ["Certificate", certificates.map(({ raw }) => encodeBase64(raw, false, true))],
    ["PrivateKey", privateKeyTree(key)],
    ["SupportedSignatureAlgorithms", null],
    ["OCSPStaple", null],
    ["SignedCertificateTimestamps", null],
    ["Leaf", certificateTree(leaf, false)],
  ]);
}

export const X509: Family = {
  "crypto.x509.parse_certificates": builtin(1, (args) =>
    certificatesOf(string(args, 0)).map((certificate) => certificateTree(certificate)),
  ),
  "crypto.x509.parse_and_verify_certificates": builtin(1, (args, machine) =>
    verified(string(args, 0), demandsOf(new OObject(), machine), true),
  ),
  "crypto.x509.parse_and_verify_certificates_with_options": builtin(2, (args, machine) =>
    verified(string(args, 0), demandsOf(object(args, 1), machine), false),
  ),
  "crypto.x509.parse_certificate_request": builtin(1, (args) => requestOf(string(args, 0))),
  "crypto.x509.parse_keypair": builtin(2, keyPair),
  "crypto.x509.parse_rsa_private_key": builtin(1, (args) => firstJwk(string(args, 0))),
  "crypto.parse_private_keys": builtin(1, (args) => {
    const text = string(args, 0);
    return text === "" ? null : privateKeys(text).map(privateKeyTree);
  }),
};
