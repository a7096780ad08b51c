import { z } from "zod";
import type { JsonValue } from "../contracts/json.ts";
import { LIMITS } from "../contracts/limits.ts";
import { canonicalJson } from "../crypto/canonical-json.ts";
import type { ReadEntry } from "./entry.ts";
import { type Fault, fault } from "./fault.ts";
import { UtcTime } from "./times.ts";

const Index = z.int().min(0);
const Border = z.strictObject({ index: Index, at: z.string() }).nullable();
/** Members of `spans.json`; the manifest's predicate repeats them. */
export const SPANS_SHAPE = {
  from: UtcTime,
  to: UtcTime,
  first: Index,
  count: Index,
  size: Index,
  before: Border,
  after: Border,
  spans: z.array(
    z.strictObject({ from: z.string(), to: z.string(), after: Index.nullable(), before: Index.nullable() }),
  ),
  gaps: z.array(z.strictObject({ first: Index, count: Index })),
};
export const Spans = z.strictObject(SPANS_SHAPE);
export type Spans = z.infer<typeof Spans>;

/** Indices of the exported entries: the period's and its neighbours, as far as the log has them. */
export const exportedRange = ({ first, count, size }: Pick<Spans, "first" | "count" | "size">) => ({
  start: Math.max(0, first - 1),
  end: Math.min(size, first + count + 1),
});

/** Stretches of an hour that fit into a year and a day, and one on each side. */
const STRETCHES_MAX = Math.ceil(LIMITS.exportPeriodMsMax / LIMITS.silenceMsMin) + 2;

interface Placed {
  index: number;
  at: string;
  atMs: number;
}

/** What exported entries say of their period, gathered while they pass by in order. */
export class Passage {
  /** The first two entries and the last two. */
  readonly #head: Placed[] = [];
  #tail: Placed[] = [];
  readonly #stretches: { after: Placed; before: Placed }[] = [];
  #tooMany = false;
  count = 0;

  add({ seq: index, at, atMs }: ReadEntry): void {
    const placed = { index, at, atMs };
    const last = this.#tail.at(-1);
    if (last !== undefined && atMs - last.atMs >= LIMITS.silenceMsMin) {
      if (this.#stretches.length < STRETCHES_MAX) this.#stretches.push({ after: last, before: placed });
      else this.#tooMany = true;
    }
    if (this.#head.length < 2) this.#head.push(placed);
    this.#tail = last === undefined ? [placed] : [last, placed];
    this.count++;
  }

  get first(): Placed | null {
    return this.#head[0] ?? null;
  }

  get last(): Placed | null {
    return this.#tail.at(-1) ?? null;
  }

  /** Whether the entries are those of `[from, to)` and their neighbours, as `spans` says and the log's ends allow. */
  bordersFault(spans: Spans): Fault | null {
    const { first, count, size, from, to, before, after } = spans;
    const { start, end } = exportedRange(spans);
    if (first + count > size) return fault("border_wrong", "the period reaches beyond the log", size);
    if (this.count !== end - start || (this.count > 0 && this.first?.index !== start)) {
      const past = this.first?.index === start ? Math.min(end, start + this.count) : start;
      return fault("border_missing", `the entries are not those from ${start} to ${end - 1}`, past);
    }
    const [outer, inner] = first > 0 ? [this.#head[0], this.#head[1]] : [undefined, this.#head[0]];
    const [innerEnd, outerEnd] =
      first + count < size ? [this.#tail.at(-2), this.#tail.at(-1)] : [this.#tail.at(-1), undefined];
    if (!sameBorder(before, outer)) return fault("border_wrong", "`before` is not the entry before the period", start);
    if (!sameBorder(after, outerEnd)) return fault("border_wrong", "`after` is not the entry after it", end - 1);
    if (outer !== undefined && outer.atMs >= from)
      return fault("border_wrong", "the entry before the period lies in it", outer.index);
    if (outerEnd !== undefined && outerEnd.atMs < to)
      return fault("border_wrong", "the entry after the period lies in it", outerEnd.index);
    if (count > 0 && inner !== undefined && inner.atMs < from)
      return fault("border_wrong", "the first entry lies before the period", inner.index);
    if (count > 0 && innerEnd !== undefined && innerEnd.atMs >= to)
      return fault("border_wrong", "the last entry lies behind the period", innerEnd.index);
    return null;
  }

  /** Whether the stretches without an entry are those that `spans` tells, none more and none less. */
  spansFault(spans: Spans): Fault | null {
    const [gap] = spans.gaps;
    if (gap !== undefined) return fault("gap", `${gap.count} entries are declared lost`, gap.first);
    const found = this.#silences(spans.from, spans.to);
    if (this.#tooMany) return fault("too_many", "there are more stretches without an entry than a year has hours");
    const at = spans.spans.findIndex((told, place) => canonicalJson(told) !== canonicalJson(found[place] ?? null));
    const place = at < 0 ? spans.spans.length : at;
    if (at < 0 && found.length === spans.spans.length) return null;
    const index = found[place]?.after ?? spans.spans[place]?.after ?? undefined;
    return fault("spans_differ", `stretch ${place} without an entry is not what the entries show`, index);
  }

  #silences(from: number, to: number): { [member: string]: JsonValue; after: number | null }[] {
    const borders: { after: Placed | null; before: Placed | null }[] = [
      ...(this.first === null || this.first.index === 0 ? [{ after: null, before: this.first }] : []),
      ...this.#stretches,
      ...(this.last === null ? [] : [{ after: this.last, before: null }]),
    ];
    return borders.flatMap(({ after, before }) => {
      const start = Math.max(from, after?.atMs ?? from);
      const end = Math.min(to, before?.atMs ?? to);
      if (end - start < LIMITS.silenceMsMin) return [];
      const times = { from: new Date(start).toISOString(), to: new Date(end).toISOString() };
      return [{ ...times, after: after?.index ?? null, before: before?.index ?? null }];
    });
  }
}

const sameBorder = (told: Spans["before"], entry: Placed | undefined): boolean =>
  told === null ? entry === undefined : told.index === entry?.index && told.at === entry.at;
