import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { BatchPart, BatchUsage } from "../../../shared/contracts/ports/batch-store.ts";
import { seal } from "../../../shared/crypto/seal.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { partKey, partObject } from "../files/content.ts";
import { type Driven, kept } from "./drive.ts";
import { NO_USAGE, type Outcome } from "./outcome.ts";

type Kind = BatchPart["kind"];

/**
 * Results on their way into the batch: written as numbered sealed parts, then settled in one write that names the parts.
 * If we crash between the two, the same numbers are written again, under the next fence: whoever was only late writes
 * over nothing that another runner has settled.
 */
export class Results {
  readonly #of: Driven;
  /** Under which fence each part was written that is settled. */
  readonly #written: Record<Kind, number[]>;
  readonly #fence: number;
  #waiting: { line: number; outcome: Outcome }[] = [];
  #bytes = 0;
  #sinceMs = 0;

  constructor(of: Driven) {
    this.#of = of;
    const { parts, written } = of.turn;
    this.#fence = written === undefined ? 0 : of.fence;
    this.#written = {
      output: [...(written?.output ?? Array<number>(parts.output).fill(0))],
      errors: [...(written?.errors ?? Array<number>(parts.errors).fill(0))],
    };
  }

  /** Those that are settled, in order. */
  parts(kind: Kind): BatchPart[] {
    return this.#written[kind].map((fence, part) => ({ kind, part, fence }));
  }
  get waiting(): number {
    return this.#waiting.length;
  }
  get due(): boolean {
    const age = this.#of.deps.clock.now() - this.#sinceMs;
    const many = this.#waiting.length >= LIMITS.batchWindowMax / 2 || this.#bytes >= LIMITS.batchFlushBytes;
    return this.#waiting.length > 0 && (many || age >= LIMITS.batchFlushMs);
  }

  add(line: number, outcome: Outcome): void {
    if (this.#waiting.length === 0) this.#sinceMs = this.#of.deps.clock.now();
    this.#waiting.push({ line, outcome });
    this.#bytes += outcome.text.length;
  }

  /** Durable when it resolves; answers the lines that are settled now. */
  async flush(): Promise<number[]> {
    const { deps, tenantId, id, fence } = this.#of;
    const settled = this.#waiting;
    if (settled.length === 0) return [];
    this.#waiting = [];
    this.#bytes = 0;
    const output = await this.#write(
      "output",
      settled.filter(({ outcome }) => outcome.ok),
    );
    const errors = await this.#write(
      "errors",
      settled.filter(({ outcome }) => !outcome.ok),
    );
    const usage: BatchUsage = { ...NO_USAGE };
    for (const { outcome } of settled)
      for (const member of ["input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"] as const)
        usage[member] += outcome.usage[member];
    const lines = settled.map(({ line, outcome }) => ({ line, ok: outcome.ok }));
    this.#of.batch = kept(
      await deps.batches.settleLines(tenantId, id, fence, { lines, usage, output, errors, fenced: this.#fence > 0 }),
    );
    if (output !== null) this.#written.output.push(this.#fence);
    if (errors !== null) this.#written.errors.push(this.#fence);
    return lines.map(({ line }) => line);
  }

  /** The number of the part, or null when there is nothing for it. */
  async #write(kind: Kind, settled: readonly { outcome: Outcome }[]): Promise<number | null> {
    if (settled.length === 0) return null;
    const { objects, tenant, dataKey, id } = this.#of;
    const part = this.#written[kind].length;
    const as: BatchPart = { kind, part, fence: this.#fence };
    const text = settled.map(({ outcome }) => `${outcome.text}\n`).join("");
    const sealed = await seal(dataKey, { tenant, object: partObject(id, as) }, utf8(text));
    const put = await objects.put(partKey(tenant, id, as), sealed);
    if (!put.ok) throw new Error(`a part of ${id} is locked`);
    return part;
  }
}
