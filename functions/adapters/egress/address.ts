/** IPv4 and IPv6 as 128-bit numbers are compared by prefix; v4 is kept in its own 32-bit table. */
type Prefix<T> = readonly [network: T, bits: number];

const v4 = (text: string): number | null => {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  let value = 0;
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    value = value * 256 + Number(part);
  }
  return value;
};

/** RFC 4291 §2.2 text, also with an embedded IPv4 tail. Zone ids are refused: they name a link, never the internet. */
const v6 = (text: string): bigint | null => {
  let rest = text;
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(rest);
  if (tail) {
    const embedded = v4(tail[2] ?? "");
    if (embedded === null) return null;
    rest = `${tail[1]}${Math.floor(embedded / 65_536).toString(16)}:${(embedded % 65_536).toString(16)}`;
  }
  const halves = rest.split("::");
  if (halves.length > 2) return null;
  const groups = (half: string | undefined) => (half === undefined || half === "" ? [] : half.split(":"));
  const head = groups(halves[0]);
  const end = groups(halves[1]);
  const missing = 8 - head.length - end.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  let value = 0n;
  for (const group of [...head, ...Array<string>(missing).fill("0"), ...end]) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
    value = (value << 16n) | BigInt(`0x${group}`);
  }
  return value;
};

const net4 = (cidr: string): Prefix<number> => {
  const [network, bits] = cidr.split("/");
  return [v4(network ?? "") ?? Number.NaN, Number(bits)];
};
const net6 = (cidr: string): Prefix<bigint> => {
  const [network, bits] = cidr.split("/");
  return [v6(network ?? "") ?? -1n, Number(bits)];
};

/** IANA IPv4 Special-Purpose Address Registry (all that is not globally reachable), and multicast (RFC 5771). */
const SPECIAL_V4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
].map(net4);

/** Only 2000::/3 is allocated for the internet; inside it, the IANA IPv6 Special-Purpose Address Registry. */
const GLOBAL_V6 = net6("2000::/3");
const SPECIAL_V6 = ["2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20"].map(net6);
const SIX_TO_FOUR = net6("2002::/16");
const NAT64 = net6("64:ff9b::/96");
const MAPPED = net6("::ffff:0:0/96");

const LOOPBACK_V4 = net4("127.0.0.0/8");

const within4 = (value: number, [network, bits]: Prefix<number>) =>
  Math.floor(value / 2 ** (32 - bits)) === Math.floor(network / 2 ** (32 - bits));
const within6 = (value: bigint, [network, bits]: Prefix<bigint>) =>
  value >> BigInt(128 - bits) === network >> BigInt(128 - bits);

const isPublicV4 = (value: number): boolean => !SPECIAL_V4.some((prefix) => within4(value, prefix));

function isPublicV6(value: bigint): boolean {
  const low32 = Number(value & 0xffff_ffffn);
  if (within6(value, MAPPED) || within6(value, NAT64)) return isPublicV4(low32);
  if (within6(value, SIX_TO_FOUR)) return isPublicV4(Number((value >> 80n) & 0xffff_ffffn));
  return within6(value, GLOBAL_V6) && !SPECIAL_V6.some((prefix) => within6(value, prefix));
}

/** 4 or 6 for an IP literal in canonical text, else 0. */
export const addressFamily = (text: string): 0 | 4 | 6 => (v4(text) !== null ? 4 : v6(text) !== null ? 6 : 0);

/**
 * Whether `text` is an IP address on the public internet. False for every special-purpose range of the IANA registries,
 * for addresses that carry such an IPv4 address (mapped, NAT64, 6to4), and for whatever is not an address.
 */
export function isPublicAddress(text: string): boolean {
  const four = v4(text);
  if (four !== null) return isPublicV4(four);
  const six = v6(text);
  return six !== null && isPublicV6(six);
}

/** Whether `text` is an address of this machine alone: 127.0.0.0/8 and ::1. */
export function isLoopbackAddress(text: string): boolean {
  const four = v4(text);
  if (four !== null) return within4(four, LOOPBACK_V4);
  return v6(text) === 1n;
}
