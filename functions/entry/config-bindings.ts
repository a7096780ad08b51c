import { LIMITS } from "../../shared/contracts/limits.ts";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { sha256 } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { EnvUnusable } from "./env-unusable.ts";

/** The variable that holds a configuration, or says how many others hold it. */
const WHOLE = "BAILIWICK_CONFIG_JSON";
const PART = /^BAILIWICK_CONFIG_(\d+)$/;
const INDEX = /^parts=(\d{1,3}) sha256=([0-9a-f]{64})$/;

const decoder = new TextDecoder();

/** Whether a variable is part of the configuration's text, which no configuration may name. */
export const isConfigPart = (name: string): boolean => PART.test(name);

/**
 * The configuration's text as variables of the platform, which holds 5 KB in each: in one where it fits, else in numbered
 * parts with their number and digest in its place. Throws `RangeError` when even those do not hold it.
 */
export function configBindings(text: string): Record<string, string> {
  if (utf8(text).length <= LIMITS.bindingBytesMax) return { [WHOLE]: text };
  const parts = cut(text);
  if (parts.length > LIMITS.configPartsMax)
    throw new RangeError(
      `the configuration takes ${parts.length} variables of ${LIMITS.bindingBytesMax} bytes, and a cell has ${LIMITS.configPartsMax}`,
    );
  const named = parts.map((part, index) => [`BAILIWICK_CONFIG_${index + 1}`, part]);
  return { ...Object.fromEntries(named), [WHOLE]: `parts=${parts.length} sha256=${digestOf(text)}` };
}

const isInside = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** Pieces of at most the bound, cut between characters. */
function cut(text: string): string[] {
  const bytes = utf8(text);
  const parts: string[] = [];
  for (let from = 0; from < bytes.length; ) {
    let to = Math.min(from + LIMITS.bindingBytesMax, bytes.length);
    while (isInside(bytes[to])) to--;
    parts.push(decoder.decode(bytes.subarray(from, to)));
    from = to;
  }
  return parts;
}

/**
 * The text that was cut, whole. Parts of another deployment, or one that is missing, are no configuration: throws
 * `EnvUnusable` with the variable's name.
 */
export function joinedConfig(variables: Readonly<Record<string, unknown>>): unknown {
  const whole = variables[WHOLE];
  const [, count, digest] = (typeof whole === "string" && INDEX.exec(whole)) || [];
  if (count === undefined) return whole;
  if (Number(count) > LIMITS.configPartsMax)
    throw new EnvUnusable(`${WHOLE}: more than ${LIMITS.configPartsMax} parts`);
  const parts = Array.from({ length: Number(count) }, (_, index) => {
    const name = `BAILIWICK_CONFIG_${index + 1}`;
    const part = variables[name];
    if (typeof part !== "string") throw new EnvUnusable(`${name}: is missing`);
    return part;
  });
  const text = parts.join("");
  if (digestOf(text) !== digest) throw new EnvUnusable(`${WHOLE}: its parts are not those of its digest`);
  return text;
}

const digestOf = (text: string): string => encodeHex(sha256(utf8(text)));
