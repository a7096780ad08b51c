import type { Certificate } from "./certificate.ts";
import { readExtensions } from "./certificate-extensions.ts";
import { inside, integerOf, single, TAG } from "./der.ts";
import { equalBytes } from "./hashing.ts";
import { type AlgorithmName, verifySignature } from "./jws.ts";
import { FIELD_BYTES, type PublicKey } from "./keys.ts";
import { toBytes } from "./rsa.ts";

/** Signature algorithms that a chain may use; MD5 and SHA-1 are none of them. */
const ALGORITHMS: Readonly<Record<string, AlgorithmName>> = {
  "1.2.840.113549.1.1.11": "RS256",
  "1.2.840.113549.1.1.12": "RS384",
  "1.2.840.113549.1.1.13": "RS512",
  "1.2.840.10045.4.3.2": "ES256",
  "1.2.840.10045.4.3.3": "ES384",
  "1.2.840.10045.4.3.4": "ES512",
  "1.3.101.112": "EdDSA",
};
const PSS_ALGORITHMS: Readonly<Record<string, AlgorithmName>> = {
  "2.16.840.1.101.3.4.2.1": "PS256",
  "2.16.840.1.101.3.4.2.2": "PS384",
  "2.16.840.1.101.3.4.2.3": "PS512",
};

/** ECDSA signatures in certificates are two DER integers. */
function compact(signature: Uint8Array, key: PublicKey): Uint8Array | undefined {
  if (key.type !== "ec") return signature;
  const [r, s] = inside(single(signature, TAG.sequence)).map(integerOf);
  const size = FIELD_BYTES[key.curve];
  if (r === undefined || s === undefined || r < 0n || s < 0n || r >> BigInt(8 * size) || s >> BigInt(8 * size))
    return undefined;
  return Uint8Array.from([...toBytes(r, size), ...toBytes(s, size)]);
}

function signedBy(certificate: Certificate, issuer: Certificate): boolean {
  const { oid, pssHash } = certificate.algorithm;
  const name = pssHash === undefined ? ALGORITHMS[oid] : PSS_ALGORITHMS[pssHash];
  const key = issuer.publicKey();
  const signature = compact(certificate.signature, key);
  return name !== undefined && signature !== undefined && verifySignature(name, key, certificate.signed, signature);
}

/** What the chain must be good for. */
export interface ChainDemands {
  /** Nanoseconds since 1970. */
  now_ns: bigint;
  /** Object identifiers of extended key usages; one of them must be allowed all along the chain. Empty: any. */
  usages: readonly string[];
  dnsName: string | undefined;
}

const ANY_USAGE = "2.5.29.37.0";
const CERT_SIGN = 1 << 5;

function isValid(certificate: Certificate, demands: ChainDemands): boolean {
  const { unhandledCritical, hasNameConstraints } = readExtensions(certificate.extensions);
  // Name constraints are not evaluated, so a certificate that has them is not relied on.
  return (
    certificate.notBefore <= demands.now_ns &&
    demands.now_ns <= certificate.notAfter &&
    unhandledCritical.length === 0 &&
    !hasNameConstraints
  );
}

/** `below` counts the intermediates between the authority and the leaf. */
function mayIssue(certificate: Certificate, below: number): boolean {
  const found = readExtensions(certificate.extensions);
  if (certificate.version >= 3 && !(found.hasBasicConstraints && found.isAuthority)) return false;
  if (found.keyUsage !== 0 && (found.keyUsage & CERT_SIGN) === 0) return false;
  return found.pathLength === undefined || below <= found.pathLength;
}

const allows = (certificate: Certificate, usage: string): boolean => {
  const { extendedKeyUsage } = readExtensions(certificate.extensions);
  return extendedKeyUsage.length === 0 || extendedKeyUsage.includes(usage) || extendedKeyUsage.includes(ANY_USAGE);
};

/** A wildcard stands for exactly the leftmost label. */
function matchesName(pattern: string, name: string): boolean {
  const [wanted, given] = [
    pattern.toLowerCase().replace(/\.$/, "").split("."),
    name.toLowerCase().replace(/\.$/, "").split("."),
  ];
  return (
    wanted.length === given.length &&
    wanted.every((label, at) => label === given[at] || (at === 0 && label === "*" && wanted.length > 1))
  );
}

const CHAIN_MAX = 16;

/**
 * The chain from the leaf to the root, or undefined when there is none that holds at the given time.
 * The first certificate is the trusted root, the last the leaf, those between may be intermediates.
 */
export function verifiedChain(certificates: readonly Certificate[], demands: ChainDemands): Certificate[] | undefined {
  const [root, ...others] = certificates;
  const leaf = others.pop();
  if (root === undefined || leaf === undefined || !isValid(leaf, demands)) return undefined;
  if (
    demands.dnsName !== undefined &&
    !readExtensions(leaf.extensions).dnsNames.some((name) => matchesName(name, demands.dnsName ?? ""))
  )
    return undefined;
  const extend = (chain: readonly Certificate[]): Certificate[] | undefined => {
    const last = chain.at(-1);
    if (last === undefined || chain.length > CHAIN_MAX) return undefined;
    for (const issuer of [root, ...others]) {
      if (chain.includes(issuer) || !equalBytes(last.issuer.raw, issuer.subject.raw)) continue;
      if (!isValid(issuer, demands) || !mayIssue(issuer, chain.length - 1) || !signedBy(last, issuer)) continue;
      const longer = [...chain, issuer];
      const whole = issuer === root ? longer : extend(longer);
      if (whole !== undefined && usable(whole, demands)) return whole;
    }
    return undefined;
  };
  return extend([leaf]);
}

/** The root's own usages do not limit the chain. */
const usable = (chain: readonly Certificate[], { usages }: ChainDemands): boolean =>
  usages.length === 0 ||
  usages.includes(ANY_USAGE) ||
  usages.some((usage) => chain.slice(0, -1).every((certificate) => allows(certificate, usage)));
