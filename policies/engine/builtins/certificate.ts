import { builtinError } from "../failure.ts";
import { decodeUtf8 } from "../utf8.ts";
import { context, type Der, elements, inside, integerOf, octetsOf, oidOf, single, TAG } from "./der.ts";
import { type PublicKey, publicKeyOf } from "./keys.ts";

/** One attribute of a distinguished name. */
export interface NameAttribute {
  oid: string;
  value: string;
}
export interface Name {
  raw: Uint8Array;
  attributes: NameAttribute[];
}
export interface Extension {
  oid: string;
  critical: boolean;
  value: Uint8Array;
}

/** An X.509 certificate (RFC 5280, 4.1) as it was written; its key is read when asked for. */
export interface Certificate {
  raw: Uint8Array;
  signed: Uint8Array;
  version: number;
  serial: bigint;
  issuer: Name;
  subject: Name;
  /** Nanoseconds since 1970. */
  notBefore: bigint;
  notAfter: bigint;
  keyInfo: Der;
  publicKey: () => PublicKey;
  algorithm: SignatureAlgorithm;
  signature: Uint8Array;
  extensions: Extension[];
}

export interface CertificateRequest {
  raw: Uint8Array;
  signed: Uint8Array;
  version: number;
  subject: Name;
  keyInfo: Der;
  algorithm: SignatureAlgorithm;
  signature: Uint8Array;
  extensions: Extension[];
}

export interface SignatureAlgorithm {
  oid: string;
  /** The hash of RSASSA-PSS parameters, which name it apart from the algorithm. */
  pssHash: string | undefined;
}

const PSS = "1.2.840.113549.1.1.10";
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";

function algorithmOf(element: Der | undefined): SignatureAlgorithm {
  const [oid, parameters] = inside(element);
  const name = oidOf(oid);
  if (name !== PSS || parameters === undefined) return { oid: name, pssHash: undefined };
  const hash = inside(parameters).find(({ tag }) => tag === context(0));
  return { oid: name, pssHash: hash === undefined ? undefined : oidOf(inside(single(hash.content, TAG.sequence))[0]) };
}

const WIDE = 0x1e;
const LATIN = 0x14;

/** Directory strings come as UTF-8, ASCII, Latin-1 or UTF-16. */
export function textOf(element: Der | undefined): string {
  if (element === undefined) throw builtinError("malformed certificate");
  const { tag, content } = element;
  if (tag === WIDE)
    return String.fromCharCode(
      ...Array.from(
        { length: content.length >> 1 },
        (_, at) => ((content[2 * at] ?? 0) << 8) | (content[2 * at + 1] ?? 0),
      ),
    );
  return tag === LATIN ? String.fromCharCode(...content) : decodeUtf8(content);
}

function nameOf(element: Der | undefined): Name {
  const attributes = inside(element).flatMap((set) =>
    inside(set, TAG.set).map((attribute) => {
      const [oid, value] = inside(attribute);
      return { oid: oidOf(oid), value: textOf(value) };
    }),
  );
  return { raw: element?.bytes ?? new Uint8Array(), attributes };
}

const UTC_TIME = 0x17;

/** UTCTime has two digits of the year: 50 and above are of the last century. */
function timeOf(element: Der | undefined): bigint {
  if (element === undefined) throw builtinError("malformed certificate");
  const digits = textOf(element);
  const full = element.tag === UTC_TIME ? `${Number(digits.slice(0, 2)) >= 50 ? "19" : "20"}${digits}` : digits;
  const match = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(full);
  if (match === null) throw builtinError("malformed time in certificate");
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  return BigInt(Date.UTC(year, month - 1, day, hour, minute, second)) * 1_000_000n;
}

function extensionsOf(list: Der): Extension[] {
  return inside(list).map((extension) => {
    const [oid, ...rest] = inside(extension);
    const critical = rest.length === 2 && rest[0]?.tag === TAG.boolean && rest[0].content[0] === 0xff;
    return { oid: oidOf(oid), critical, value: octetsOf(rest.at(-1)) };
  });
}

/** A signature's bits are whole bytes. */
const signatureOf = (element: Der | undefined): Uint8Array => {
  if (element === undefined || element.tag !== TAG.bitString) throw builtinError("malformed signature");
  return element.content.subarray(1);
};

export function parseCertificate(element: Der): Certificate {
  const [signed, algorithm, signature] = inside(element);
  const parts = inside(signed);
  const [first] = parts;
  const version =
    first?.tag === context(0)
      ? Number(integerOf(single(parts.shift()?.content ?? new Uint8Array(), TAG.integer))) + 1
      : 1;
  const [serial, , issuer, validity, subject, keyInfo, ...optional] = parts;
  const [notBefore, notAfter] = inside(validity);
  const extensions = optional.find(({ tag }) => tag === context(3));
  if (signed === undefined || keyInfo === undefined) throw builtinError("malformed certificate");
  return {
    raw: element.bytes,
    signed: signed.bytes,
    version,
    serial: integerOf(serial),
    issuer: nameOf(issuer),
    subject: nameOf(subject),
    notBefore: timeOf(notBefore),
    notAfter: timeOf(notAfter),
    keyInfo,
    publicKey: () => publicKeyOf(keyInfo),
    algorithm: algorithmOf(algorithm),
    signature: signatureOf(signature),
    extensions: extensions === undefined ? [] : extensionsOf(single(extensions.content, TAG.sequence)),
  };
}

/** One certificate after the other, without anything between or behind. */
export const parseCertificates = (bytes: Uint8Array): Certificate[] => elements(bytes).map(parseCertificate);

/** A PKCS #10 request (RFC 2986). */
export function parseRequest(bytes: Uint8Array): CertificateRequest {
  const element = single(bytes, TAG.sequence);
  const [signed, algorithm, signature] = inside(element);
  const [version, subject, keyInfo, attributes] = inside(signed);
  if (signed === undefined || keyInfo === undefined) throw builtinError("malformed certificate request");
  const requested = (attributes === undefined ? [] : elements(attributes.content))
    .map((attribute) => inside(attribute))
    .find(([oid]) => oidOf(oid) === EXTENSION_REQUEST);
  const [list] = requested?.[1] === undefined ? [] : inside(requested[1], TAG.set);
  return {
    raw: element.bytes,
    signed: signed.bytes,
    version: Number(integerOf(version)),
    subject: nameOf(subject),
    keyInfo,
    algorithm: algorithmOf(algorithm),
    signature: signatureOf(signature),
    extensions: list === undefined ? [] : extensionsOf(list),
  };
}
