import { LIMITS } from "../../../shared/contracts/limits.ts";

/**
 * One-time numbers of forwarded calls for as long as their header could be sent again. Full, it takes no more: forgetting
 * one early would let its header count twice. Each isolate remembers its own.
 */
export class SeenNonces {
  readonly #max: number;
  /** Nonce → when its header ends; in order of arrival, which is the order of ends but for clock skew. */
  readonly #seen = new Map<string, number>();

  constructor(max: number = LIMITS.forwardingNoncesMax) {
    this.#max = max;
  }

  /** `seen`: it was here before. `full`: it cannot be remembered now. */
  take(nonce: string, expiresMs: number, nowMs: number): "fresh" | "seen" | "full" {
    if (this.#seen.has(nonce)) return "seen";
    for (const [old, endsMs] of this.#seen) {
      // One that came early with a later end keeps those behind it a little longer.
      if (endsMs > nowMs) break;
      this.#seen.delete(old);
    }
    if (this.#seen.size >= this.#max) return "full";
    this.#seen.set(nonce, expiresMs);
    return "fresh";
  }
}
