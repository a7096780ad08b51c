import { builtinError } from "../failure.ts";
import type { Machine } from "../machine.ts";
import { keyOf, numberOfBigint, OObject, type Value } from "../value.ts";
import { any, builtin, type Family, string } from "./operands.ts";

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const BARE = /^[0-9a-f]{32}$/i;
const HYPHENS = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The four spellings: hyphens, `urn:uuid:`, braces, bare. */
function bytesOf(text: string): Uint8Array | undefined {
  const inner =
    text.length === 38 ? text.slice(1, -1) : /^urn:uuid:/i.test(text) && text.length === 45 ? text.slice(9) : text;
  if (!HYPHENS.test(inner) && !(inner === text && BARE.test(inner))) return undefined;
  return Uint8Array.from(inner.replaceAll("-", "").match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

const VARIANTS: readonly [mask: number, value: number, name: string][] = [
  [0xc0, 0x80, "RFC4122"],
  [0xe0, 0xc0, "Microsoft"],
  [0xe0, 0xe0, "Future"],
];
const DOMAINS = ["Person", "Group", "Org"];
/** 100 ns intervals between 1582-10-15 and 1970-01-01 (RFC 4122, 4.1.4). */
const GREGORIAN = 122192928000000000n;

function addressKind(first: number): string {
  return `${(first & 2) === 0 ? "global" : "local"}:${(first & 1) === 0 ? "unicast" : "multicast"}`;
}

function parse(args: readonly Value[]): OObject | undefined {
  const bytes = bytesOf(string(args, 0));
  if (bytes === undefined) return undefined;
  const view = new DataView(bytes.buffer);
  const version = (bytes[6] ?? 0) >> 4;
  const variant = VARIANTS.find(([mask, value]) => ((bytes[8] ?? 0) & mask) === value)?.[2] ?? "Reserved";
  const parsed = OObject.of([
    ["version", version],
    ["variant", variant],
  ]);
  if (version !== 1 && version !== 2) return parsed;
  const time =
    BigInt(view.getUint32(0)) | (BigInt(view.getUint16(4)) << 32n) | (BigInt(view.getUint16(6) & 0xfff) << 48n);
  const node = bytes.subarray(10);
  parsed.set("time", numberOfBigint(BigInt.asIntN(64, (time - GREGORIAN) * 100n)));
  parsed.set("nodeid", Array.from(node, (byte) => byte.toString(16).padStart(2, "0")).join("-"));
  parsed.set("macvariables", addressKind(node[0] ?? 0));
  parsed.set("clocksequence", view.getUint16(8) & 0x3fff);
  if (version === 2) {
    const domain = bytes[9] ?? 0;
    parsed.set("id", view.getUint32(0));
    parsed.set("domain", DOMAINS[domain] ?? `Domain${domain}`);
  }
  return parsed;
}

/** One random UUID for each key of an evaluation. */
function random(args: readonly Value[], machine: Machine): Value {
  const key = `uuid ${typeof args[0]} ${String(keyOf(any(args, 0)))}`;
  const known = machine.kept.get(key);
  if (known !== undefined) return known;
  if (machine.world.random === undefined) throw builtinError("no randomness was given to this evaluation");
  const bytes = new Uint8Array(16);
  machine.world.random(bytes);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const text = hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  machine.kept.set(key, text);
  return text;
}

export const UUID: Family = {
  "uuid.parse": builtin(1, parse),
  "uuid.rfc4122": builtin(1, random),
};
