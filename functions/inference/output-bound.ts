import type { UsageRow } from "../../shared/contracts/usage.ts";

/**
 * Bounds the usage of a stream that is not parsed. Each frame carries at least one token and one token at least one
 * byte, so frames plus the bytes beyond the smallest frame bound the output from above without reading any content.
 */
export class OutputBound {
  readonly #inputTokens: number;
  readonly #outputCap: number;
  readonly #units: readonly UsageRow[];
  #frames = 0;
  #bytes = 0;
  #smallest = Number.POSITIVE_INFINITY;

  constructor(bounds: { inputTokens: number; outputTokens: number }, units: readonly UsageRow[] = []) {
    this.#inputTokens = bounds.inputTokens;
    this.#outputCap = bounds.outputTokens;
    this.#units = units;
  }

  /** What is known before the first frame. */
  get bounds(): { input_tokens: number; output_tokens_max: number } {
    return { input_tokens: this.#inputTokens, output_tokens_max: this.#outputCap };
  }

  delivered(payloadBytes: number): void {
    this.#frames++;
    this.#bytes += payloadBytes;
    if (payloadBytes < this.#smallest) this.#smallest = payloadBytes;
  }

  /** Of tensors their units alone: no tokens are in them. */
  rows(): UsageRow[] {
    if (this.#units.length > 0) return [...this.#units];
    const output = this.#frames === 0 ? 0 : this.#frames + this.#bytes - this.#frames * this.#smallest;
    return [
      { meter: "tokens_in", quantity: this.#inputTokens },
      { meter: "tokens_out", quantity: Math.min(this.#outputCap, output) },
    ];
  }
}
