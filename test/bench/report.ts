import type { HeldResult } from "./held.ts";
import type { Measurement } from "./measure.ts";
import type { PacedRow } from "./results-file.ts";

const MIB = 1024 * 1024;
const KIB = 1024;

/** The same shape at another target, which knows one tenant. */
export const sameShape = (of: Measurement, all: readonly Measurement[], target: string): Measurement | undefined =>
  all.find((row) => row.target === target && row.stream === of.stream && row.concurrency === of.concurrency);

/** Latency that a target adds over the direct call under the same shape. */
export function added(of: Measurement, all: readonly Measurement[], which: "p50" | "p99"): number | null {
  const direct = of.target === "direct" ? undefined : sameShape(of, all, "direct");
  return direct ? Math.max(0, of.latency_ms[which] - direct.latency_ms[which]) : null;
}

/** Throughput as a multiple of another target's under the same shape. */
export function against(of: Measurement, all: readonly Measurement[], target: string): number | null {
  const other = of.target === target || of.target === "direct" ? undefined : sameShape(of, all, target);
  return other && other.per_second > 0 ? of.per_second / other.per_second : null;
}

/** The bare proxy of the runtime that a target runs on; null where there is none. */
export const bareOf = (target: string): string | null =>
  ({ deno: "bare-deno", "deno-edges": "bare-deno", global: "bare-deno", workerd: "bare-workerd" })[target] ?? null;

/** Digits of a figure, or a dash for one that cannot be had. */
export const fixed = (value: number | null, digits: number): string => (value === null ? "–" : value.toFixed(digits));

/** A Markdown table whose columns line up in a terminal too. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((text, column) => Math.max(text.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, n) => cell.padStart(widths[n] ?? 0)).join(" | ")} |`;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join("\n");
}

/** Every measured shape of a run. */
export function table(all: readonly Measurement[]): string {
  const head = "target,kind,c,tenants,req/s,p50 ms,p99 ms,added p50,added p99,CPU µs/req,peak MiB,× bare,× Portkey";
  const rows = all.map((row) => {
    const bare = bareOf(row.target);
    return [
      row.target,
      row.stream ? "stream" : "unary",
      String(row.concurrency),
      String(row.tenants),
      fixed(row.per_second, 0),
      fixed(row.latency_ms.p50, 2),
      fixed(row.latency_ms.p99, 2),
      fixed(added(row, all, "p50"), 2),
      fixed(added(row, all, "p99"), 2),
      fixed(row.cpu_us_per_request, 0),
      fixed(row.peak_memory_bytes === null ? null : row.peak_memory_bytes / MIB, 0),
      fixed(bare === null ? null : against(row, all, bare), 2),
      fixed(against(row, all, "portkey"), 2),
      fixed(row.elsewhere_share * 100, 0),
      String(row.failures),
    ];
  });
  return markdown([...head.split(","), "% elsewhere", "failed"], rows);
}

const direct = <Row extends { target: string }>(rows: readonly Row[]) => rows.find(({ target }) => target === "direct");

/** Streams whose upstream sends a token each 20 ms: what a target adds to the first and between two. */
export function pacedTable(rows: readonly PacedRow[]): string {
  const base = direct(rows);
  const over = (value: number, of: number | undefined) => fixed(of === undefined ? null : value - of, 2);
  return markdown(
    "target,first token p50 ms,p99 ms,added p50,added p99,gap p50 ms,gap p99 ms,added gap p99".split(","),
    rows.map(({ target, first_token_ms: first, gap_ms: gap }) => [
      target,
      first.p50.toFixed(2),
      first.p99.toFixed(2),
      over(first.p50, base?.first_token_ms.p50),
      over(first.p99, base?.first_token_ms.p99),
      gap.p50.toFixed(2),
      gap.p99.toFixed(2),
      over(gap.p99, base?.gap_ms.p99),
    ]),
  );
}

/** Memory that one open stream takes, in bytes; null where no process is measured. */
export const bytesPerStream = ({ memory_before_bytes: before, memory_during_bytes: during, streams }: HeldResult) =>
  before === null || during === null ? null : (during - before) / streams;

/** Streams held open at once. */
export function heldTable(rows: readonly HeldResult[]): string {
  return markdown(
    "target,streams,whole,first byte p50 ms,p99 ms,KiB a stream".split(","),
    rows.map((row) => {
      const each = bytesPerStream(row);
      return [
        row.target,
        String(row.streams),
        String(row.complete),
        row.first_byte_ms.p50.toFixed(1),
        row.first_byte_ms.p99.toFixed(1),
        fixed(each === null ? null : each / KIB, 0),
      ];
    }),
  );
}
