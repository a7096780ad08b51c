import type { MintedIds, UnixMs } from "../ids.ts";

export interface Clock {
  /** Wall clock, UTC. */
  now(): UnixMs;
}

/** Randomness and ids; injected so that simulations repeat. */
export interface Ids {
  /** A time-ordered id with its prefix (`task_…`). */
  mint<P extends keyof MintedIds>(prefix: P): MintedIds[P];
  /** Base62 text of `chars` characters from a cryptographic source. */
  base62(chars: number): string;
  bytes(count: number): Uint8Array;
}
