import { builtinError } from "../failure.ts";
import { spend } from "../meter.ts";

/** One element of DER (X.690): its tag, its content and all its bytes. */
export interface Der {
  tag: number;
  content: Uint8Array;
  bytes: Uint8Array;
}

export const TAG = { boolean: 1, integer: 2, bitString: 3, octetString: 4, oid: 6, sequence: 0x30, set: 0x31 } as const;
/** A context-specific tag; constructed ones hold further elements. */
export const context = (number: number, constructed = true): number => (constructed ? 0xa0 : 0x80) | number;

const malformed = (): never => {
  throw builtinError("malformed ASN.1");
};

/** The elements that follow each other in `bytes`; anything else is refused. */
export function elements(bytes: Uint8Array): Der[] {
  const found: Der[] = [];
  for (let at = 0; at < bytes.length; ) {
    spend(1);
    const element = elementAt(bytes, at);
    found.push(element);
    at += element.bytes.length;
  }
  return found;
}

function elementAt(bytes: Uint8Array, start: number): Der {
  const tag = bytes[start] ?? malformed();
  if ((tag & 0x1f) === 0x1f) return malformed();
  let length = bytes[start + 1] ?? malformed();
  let head = 2;
  if (length >= 0x80) {
    const count = length & 0x7f;
    if (count === 0 || count > 4) return malformed();
    length = 0;
    for (let at = 0; at < count; at++) length = length * 256 + (bytes[start + 2 + at] ?? malformed());
    if (length < 0x80) return malformed();
    head += count;
  }
  const end = start + head + length;
  if (end > bytes.length) return malformed();
  return { tag, content: bytes.subarray(start + head, end), bytes: bytes.subarray(start, end) };
}

/** The single element that `bytes` are. */
export function single(bytes: Uint8Array, tag: number): Der {
  const [element, more] = elements(bytes);
  return element === undefined || more !== undefined || element.tag !== tag ? malformed() : element;
}

/** The elements inside a sequence or set. */
export const inside = (element: Der | undefined, tag: number = TAG.sequence): Der[] =>
  element === undefined || element.tag !== tag ? malformed() : elements(element.content);

export function toBigint(bytes: Uint8Array): bigint {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return BigInt(`0x${hex || "0"}`);
}

export function integerOf(element: Der | undefined): bigint {
  if (element === undefined || element.tag !== TAG.integer || element.content.length === 0) return malformed();
  const value = toBigint(element.content);
  return (element.content[0] ?? 0) >= 0x80 ? value - (1n << BigInt(8 * element.content.length)) : value;
}

export function oidOf(element: Der | undefined): string {
  if (element === undefined || element.tag !== TAG.oid || element.content.length === 0) return malformed();
  const arcs: number[] = [];
  let value = 0;
  for (const byte of element.content) {
    value = value * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(value)) return malformed();
    if (byte < 0x80) {
      arcs.push(value);
      value = 0;
    }
  }
  const first = arcs.shift() ?? malformed();
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - 40 * root, ...arcs].join(".");
}

/** The bytes of a bit string of whole bytes. */
export function bitsOf(element: Der | undefined): Uint8Array {
  return element === undefined || element.tag !== TAG.bitString || element.content[0] !== 0
    ? malformed()
    : element.content.subarray(1);
}

export const octetsOf = (element: Der | undefined): Uint8Array =>
  element === undefined || element.tag !== TAG.octetString ? malformed() : element.content;
