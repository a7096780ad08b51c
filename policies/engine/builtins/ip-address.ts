/** An address as a number of `bits` bits; an IPv4-mapped IPv6 address counts as IPv4. */
export interface Address {
  value: bigint;
  bits: 32 | 128;
}

/** A network: its first address and the length of its prefix. */
export interface Network extends Address {
  prefix: number;
}

const MAPPED = 0xffffn;

function parseV4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const groups = halves.map(groupsOf);
  const [head, tail] = groups;
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const count = head.length + (tail?.length ?? 0);
  // `::` stands for at least one group.
  if (halves.length === 2 ? count > 7 : count !== 8) return undefined;
  const all = [...head, ...new Array<bigint>(8 - count).fill(0n), ...(tail ?? [])];
  return all.reduce((value, group) => (value << 16n) | group, 0n);
}

/** Groups of 16 bits; the last two may be written as IPv4. */
function groupsOf(text: string): bigint[] | undefined {
  if (text === "") return [];
  const groups: bigint[] = [];
  const parts = text.split(":");
  for (const [at, part] of parts.entries()) {
    if (part.includes(".")) {
      const v4 = at === parts.length - 1 ? parseV4(part) : undefined;
      if (v4 === undefined) return undefined;
      groups.push(v4 >> 16n, v4 & 0xffffn);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}

export function parseAddress(text: string): Address | undefined {
  const raw = parseRaw(text);
  return raw?.bits === 128 && raw.value >> 32n === MAPPED ? { value: raw.value & 0xffffffffn, bits: 32 } : raw;
}

function parseRaw(text: string): Address | undefined {
  const v4 = text.includes(":") ? undefined : parseV4(text);
  if (v4 !== undefined) return { value: v4, bits: 32 };
  const v6 = text.includes(":") ? parseV6(text) : undefined;
  return v6 === undefined ? undefined : { value: v6, bits: 128 };
}

/** `address/prefix`; host bits are dropped. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf("/");
  const raw = slash < 0 ? undefined : parseRaw(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (raw === undefined || !/^\d{1,3}$/.test(digits) || Number(digits) > raw.bits) return undefined;
  const prefix = Number(digits);
  const host = BigInt(raw.bits - prefix);
  const value = (raw.value >> host) << host;
  return { value, bits: raw.bits, prefix };
}

export const lastAddress = (network: Network): bigint =>
  network.value | ((1n << BigInt(network.bits - network.prefix)) - 1n);

/** Go writes IPv6 lower-case with the longest run of zero groups shortened, mapped IPv4 as IPv4. */
export function addressText({ value, bits }: Address): string {
  if (bits === 32 || value >> 32n === MAPPED) {
    return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join(".");
  }
  const groups = Array.from({ length: 8 }, (_, at) => ((value >> BigInt(112 - 16 * at)) & 0xffffn).toString(16));
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > best.length) best = { start, length };
  }
  if (best.start < 0) return groups.join(":");
  return `${groups.slice(0, best.start).join(":")}::${groups.slice(best.start + best.length).join(":")}`;
}
