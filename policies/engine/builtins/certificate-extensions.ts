import { type Extension, textOf } from "./certificate.ts";
import { context, type Der, inside, integerOf, octetsOf, oidOf, single, TAG, toBigint } from "./der.ts";
import { addressText } from "./ip-address.ts";

/** What this engine reads of the standard extensions (RFC 5280, 4.2). */
export interface Extensions {
  keyUsage: number;
  /** Object identifiers. */
  extendedKeyUsage: string[];
  hasBasicConstraints: boolean;
  isAuthority: boolean;
  pathLength: number | undefined;
  subjectKeyId: Uint8Array | undefined;
  authorityKeyId: Uint8Array | undefined;
  dnsNames: string[];
  emails: string[];
  uris: string[];
  addresses: string[];
  ocspServers: string[];
  issuerUrls: string[];
  crlUrls: string[];
  policies: string[];
  hasNameConstraints: boolean;
  /** Critical extensions that were not read: such a certificate cannot be relied on. */
  unhandledCritical: string[];
}

const empty = (): Extensions => ({
  keyUsage: 0,
  extendedKeyUsage: [],
  hasBasicConstraints: false,
  isAuthority: false,
  pathLength: undefined,
  subjectKeyId: undefined,
  authorityKeyId: undefined,
  dnsNames: [],
  emails: [],
  uris: [],
  addresses: [],
  ocspServers: [],
  issuerUrls: [],
  crlUrls: [],
  policies: [],
  hasNameConstraints: false,
  unhandledCritical: [],
});

/** Bit 0 of a named bit list is its first bit; Go keeps it as the lowest. */
function usageBits(value: Uint8Array): number {
  const bits = single(value, TAG.bitString).content.subarray(1);
  let usage = 0;
  for (let bit = 0; bit < 9; bit++) if (((bits[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0) usage |= 1 << bit;
  return usage;
}

const EMAIL = context(1, false);
const DNS = context(2, false);
const URI = context(6, false);
const IP = context(7, false);

function alternativeNames(value: Uint8Array, into: Extensions): void {
  for (const name of inside(single(value, TAG.sequence))) {
    if (name.tag === EMAIL) into.emails.push(textOf(name));
    else if (name.tag === DNS) into.dnsNames.push(textOf(name));
    else if (name.tag === URI) into.uris.push(textOf(name));
    else if (name.tag === IP)
      into.addresses.push(addressText({ value: toBigint(name.content), bits: name.content.length === 4 ? 32 : 128 }));
  }
}

function basicConstraints(value: Uint8Array, into: Extensions): void {
  const [first, second] = inside(single(value, TAG.sequence));
  into.hasBasicConstraints = true;
  into.isAuthority = first?.tag === TAG.boolean && first.content[0] === 0xff;
  const length = first?.tag === TAG.integer ? first : second;
  into.pathLength = length === undefined ? undefined : Number(integerOf(length));
}

function accessUrls(value: Uint8Array, into: Extensions): void {
  for (const description of inside(single(value, TAG.sequence))) {
    const [method, location] = inside(description);
    if (location?.tag !== URI) continue;
    if (oidOf(method) === "1.3.6.1.5.5.7.48.1") into.ocspServers.push(textOf(location));
    else if (oidOf(method) === "1.3.6.1.5.5.7.48.2") into.issuerUrls.push(textOf(location));
  }
}

function crlUrls(value: Uint8Array, into: Extensions): void {
  const uris = (element: Der): void => {
    if (element.tag === URI) into.crlUrls.push(textOf(element));
    else if ((element.tag & 0x20) !== 0) for (const inner of inside(element, element.tag)) uris(inner);
  };
  uris(single(value, TAG.sequence));
}

const READERS: Readonly<Record<string, (value: Uint8Array, into: Extensions) => void>> = {
  "2.5.29.14": (value, into) => {
    into.subjectKeyId = octetsOf(single(value, TAG.octetString));
  },
  "2.5.29.15": (value, into) => {
    into.keyUsage = usageBits(value);
  },
  "2.5.29.17": alternativeNames,
  "2.5.29.19": basicConstraints,
  "2.5.29.30": (_value, into) => {
    into.hasNameConstraints = true;
  },
  "2.5.29.31": crlUrls,
  "2.5.29.32": (value, into) => {
    into.policies = inside(single(value, TAG.sequence)).map((policy) => oidOf(inside(policy)[0]));
  },
  "2.5.29.35": (value, into) => {
    into.authorityKeyId = inside(single(value, TAG.sequence)).find(({ tag }) => tag === context(0, false))?.content;
  },
  "2.5.29.37": (value, into) => {
    into.extendedKeyUsage = inside(single(value, TAG.sequence)).map(oidOf);
  },
  "1.3.6.1.5.5.7.1.1": accessUrls,
};

export function readExtensions(extensions: readonly Extension[]): Extensions {
  const found = empty();
  for (const { oid, critical, value } of extensions) {
    const read = READERS[oid];
    if (read !== undefined) read(value, found);
    else if (critical) found.unhandledCritical.push(oid);
  }
  return found;
}
