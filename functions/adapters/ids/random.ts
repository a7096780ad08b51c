import type { MintedIds } from "../../../shared/contracts/ids.ts";
import type { Clock, Ids } from "../../../shared/contracts/ports/clock.ts";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const POOL_BYTES = 4096;
/** 62 · 4: bytes at or above it would favour the first characters. */
const FAIR_BELOW = 248;

/** Ids from the platform's cryptographic source, drawn from a pool because single draws cost a call each. */
export function randomIds(clock: Clock): Ids {
  const pool = new Uint8Array(POOL_BYTES);
  let at = POOL_BYTES;
  const nextByte = (): number => {
    if (at === POOL_BYTES) {
      crypto.getRandomValues(pool);
      at = 0;
    }
    return pool[at++] ?? 0;
  };
  const base62 = (chars: number): string => {
    let text = "";
    while (text.length < chars) {
      const byte = nextByte();
      if (byte < FAIR_BELOW) text += ALPHABET.charAt(byte % 62);
    }
    return text;
  };
  /** 48 bits of milliseconds in nine characters, in the alphabet's own (ASCII) order. */
  let stampMs = -1;
  let stamp = "";
  const time = (): string => {
    const now = clock.now();
    if (now !== stampMs) {
      stampMs = now;
      stamp = "";
      for (let rest: number = now, i = 0; i < 9; i++, rest = Math.floor(rest / 62))
        stamp = ALPHABET.charAt(rest % 62) + stamp;
    }
    return stamp;
  };
  return {
    mint: <P extends keyof MintedIds>(prefix: P) => `${prefix}_${time()}${base62(17)}` as MintedIds[P], // safe because: that is the pattern of every minted id
    base62,
    bytes(count) {
      const bytes = new Uint8Array(count);
      crypto.getRandomValues(bytes);
      return bytes;
    },
  };
}
