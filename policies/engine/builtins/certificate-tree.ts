import { numberOfBigint, OObject, type Value } from "../value.ts";
import { encodeBase64 } from "./base64.ts";
import type { Certificate, CertificateRequest, Extension, Name, SignatureAlgorithm } from "./certificate.ts";
import { readExtensions } from "./certificate-extensions.ts";
import { civilTime } from "./civil-time.ts";
import { type Der, inside, oidOf } from "./der.ts";
import { CURVES } from "./jws.ts";
import { type PublicKey, publicKeyOf } from "./keys.ts";
import { formatTime } from "./time-format.ts";
import { NAMED_LAYOUTS } from "./time-layout.ts";
import { parseUri } from "./uri-parts.ts";

/** OPA shows certificates with the member names and numbers of Go's `crypto/x509`. */
const tree = (members: Record<string, Value>): OObject => OObject.of(Object.entries(members));
const bytes = (value: Uint8Array | undefined): Value => (value === undefined ? null : encodeBase64(value, false, true));
const listed = (values: readonly Value[]): Value => (values.length === 0 ? null : [...values]);
const arcs = (oid: string): Value => oid.split(".").map((arc) => Number(arc));

const SIGNATURES: Readonly<Record<string, number>> = {
  "1.2.840.113549.1.1.4": 2,
  "1.2.840.113549.1.1.5": 3,
  "1.2.840.113549.1.1.11": 4,
  "1.2.840.113549.1.1.12": 5,
  "1.2.840.113549.1.1.13": 6,
  "1.2.840.10045.4.1": 9,
  "1.2.840.10045.4.3.2": 10,
  "1.2.840.10045.4.3.3": 11,
  "1.2.840.10045.4.3.4": 12,
  "1.3.101.112": 16,
};
const PSS_HASHES: Readonly<Record<string, number>> = {
  "2.16.840.1.101.3.4.2.1": 13,
  "2.16.840.1.101.3.4.2.2": 14,
  "2.16.840.1.101.3.4.2.3": 15,
};
const KEY_ALGORITHMS: Readonly<Record<string, number>> = {
  "1.2.840.113549.1.1.1": 1,
  "1.2.840.10040.4.1": 2,
  "1.2.840.10045.2.1": 3,
  "1.3.101.112": 4,
};

const signatureNumber = ({ oid, pssHash }: SignatureAlgorithm): number =>
  pssHash === undefined ? (SIGNATURES[oid] ?? 0) : (PSS_HASHES[pssHash] ?? 0);

/** Extended key usages in the order of Go's constants. */
const USAGES = [
  "2.5.29.37.0",
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((number) => `1.3.6.1.5.5.7.3.${number}`),
  "1.3.6.1.4.1.311.10.3.3",
  "2.16.840.1.113730.4.1",
  "1.3.6.1.4.1.311.2.1.22",
  "1.3.6.1.4.1.311.61.1.1",
];

const NAME_MEMBERS: Readonly<Record<string, string>> = {
  "2.5.4.6": "Country",
  "2.5.4.10": "Organization",
  "2.5.4.11": "OrganizationalUnit",
  "2.5.4.7": "Locality",
  "2.5.4.8": "Province",
  "2.5.4.9": "StreetAddress",
  "2.5.4.17": "PostalCode",
};

function nameTree({ attributes }: Name): OObject {
  const last = (oid: string): string => attributes.findLast((attribute) => attribute.oid === oid)?.value ?? "";
  const lists = Object.entries(NAME_MEMBERS).map(([oid, member]): [string, Value] => [
    member,
    listed(attributes.filter((attribute) => attribute.oid === oid).map(({ value }) => value)),
  ]);
  return tree({
    ...Object.fromEntries(lists),
    CommonName: last("2.5.4.3"),
    SerialNumber: last("2.5.4.5"),
    Names: listed(attributes.map(({ oid, value }) => tree({ Type: arcs(oid), Value: value }))),
    ExtraNames: null,
  });
}

export function keyTree(key: PublicKey): Value {
  switch (key.type) {
    case "rsa":
      return tree({ N: numberOfBigint(key.modulus), E: numberOfBigint(key.exponent) });
    case "ec": {
      const { x, y } = CURVES[key.curve].Point.fromBytes(key.point).toAffine();
      return tree({ Curve: new OObject(), X: numberOfBigint(x), Y: numberOfBigint(y) });
    }
    case "ed25519":
      return bytes(key.point);
    case "secret":
      return null;
  }
}

function keyMembers(keyInfo: Der): Record<string, Value> {
  const number = KEY_ALGORITHMS[oidOf(inside(inside(keyInfo)[0])[0])] ?? 0;
  const readable = number === 1 || number === 3 || number === 4;
  return {
    RawSubjectPublicKeyInfo: bytes(keyInfo.bytes),
    PublicKeyAlgorithm: number,
    PublicKey: readable ? keyTree(publicKeyOf(keyInfo)) : null,
  };
}

const timeText = (ns: bigint): string => {
  const time = civilTime(ns, "UTC");
  return time === undefined ? "" : formatTime(time, NAMED_LAYOUTS.RFC3339 ?? "");
};

function uriTree(text: string): Value {
  const uri = parseUri(text);
  return tree({
    Scheme: uri?.scheme ?? "",
    Opaque: uri?.opaque ?? "",
    User: null,
    Host: uri?.host ?? "",
    Path: uri?.path ?? "",
    RawPath: uri?.rawPath ?? "",
    OmitHost: false,
    ForceQuery: false,
    RawQuery: uri?.query ?? "",
    Fragment: uri?.fragment ?? "",
    RawFragment: "",
  });
}

const extensionTrees = (extensions: readonly Extension[]): Value =>
  listed(
    extensions.map(({ oid, critical, value }) => tree({ Id: arcs(oid), Critical: critical, Value: bytes(value) })),
  );

export function certificateTree(certificate: Certificate, withUriStrings = true): OObject {
  const found = readExtensions(certificate.extensions);
  const known = found.extendedKeyUsage.map((oid) => USAGES.indexOf(oid));
  const result = tree({
    Raw: bytes(certificate.raw),
    RawTBSCertificate: bytes(certificate.signed),
    RawSubject: bytes(certificate.subject.raw),
    RawIssuer: bytes(certificate.issuer.raw),
    Signature: bytes(certificate.signature),
    SignatureAlgorithm: signatureNumber(certificate.algorithm),
    ...keyMembers(certificate.keyInfo),
    Version: certificate.version,
    SerialNumber: numberOfBigint(certificate.serial),
    Issuer: nameTree(certificate.issuer),
    Subject: nameTree(certificate.subject),
    NotBefore: timeText(certificate.notBefore),
    NotAfter: timeText(certificate.notAfter),
    KeyUsage: found.keyUsage,
    Extensions: extensionTrees(certificate.extensions),
    ExtraExtensions: null,
    UnhandledCriticalExtensions: listed(found.unhandledCritical.map(arcs)),
    ExtKeyUsage: listed(known.filter((usage) => usage >= 0)),
    UnknownExtKeyUsage: listed(found.extendedKeyUsage.filter((oid) => !USAGES.includes(oid)).map(arcs)),
    BasicConstraintsValid: found.hasBasicConstraints,
    IsCA: found.isAuthority,
    MaxPathLen: found.hasBasicConstraints ? (found.pathLength ?? -1) : 0,
    MaxPathLenZero: found.pathLength === 0,
    SubjectKeyId: bytes(found.subjectKeyId),
    AuthorityKeyId: bytes(found.authorityKeyId),
    OCSPServer: listed(found.ocspServers),
    IssuingCertificateURL: listed(found.issuerUrls),
    DNSNames: listed(found.dnsNames),
    EmailAddresses: listed(found.emails),
    IPAddresses: listed(found.addresses),
    URIs: listed(found.uris.map(uriTree)),
    PermittedDNSDomainsCritical: false,
    ...Object.fromEntries(
      ["DNSDomains", "EmailAddresses", "IPRanges", "URIDomains"].flatMap((kind) => [
        [`Permitted${kind}`, null],
        [`Excluded${kind}`, null],
      ]),
    ),
    CRLDistributionPoints: listed(found.crlUrls),
    PolicyIdentifiers: listed(found.policies.map(arcs)),
    Policies: listed(found.policies),
    PolicyMappings: null,
    InhibitAnyPolicy: 0,
    InhibitAnyPolicyZero: false,
    InhibitPolicyMapping: 0,
    InhibitPolicyMappingZero: false,
    RequireExplicitPolicy: 0,
    RequireExplicitPolicyZero: false,
  });
  if (withUriStrings) result.set("URIStrings", listed(found.uris));
  return result;
}

export function requestTree(request: CertificateRequest): OObject {
  const found = readExtensions(request.extensions);
  return tree({
    Raw: bytes(request.raw),
    RawTBSCertificateRequest: bytes(request.signed),
    RawSubject: bytes(request.subject.raw),
    Version: request.version,
    Signature: bytes(request.signature),
    SignatureAlgorithm: signatureNumber(request.algorithm),
    ...keyMembers(request.keyInfo),
    Subject: nameTree(request.subject),
    Attributes: null,
    Extensions: extensionTrees(request.extensions),
    ExtraExtensions: null,
    DNSNames: listed(found.dnsNames),
    EmailAddresses: listed(found.emails),
    IPAddresses: listed(found.addresses),
    URIs: listed(found.uris.map(uriTree)),
  });
}
