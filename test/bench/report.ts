import type { Measurement } from "./measure.ts";

const MIB = 1024 * 1024;

/** Latency that a target adds over the direct call under the same shape. */
export function added(of: Measurement, all: readonly Measurement[], which: "p50" | "p99"): number | null {
  const direct = all.find((other) => other.target === "direct" && sameShape(other, of, { ignoreTenants: true }));
  return direct ? Math.max(0, of.latency_ms[which] - direct.latency_ms[which]) : null;
}

/** Ratios against the comparison under the same shape; its own number of tenants is one, since it knows none. */
export function ratios(
  of: Measurement,
  all: readonly Measurement[],
): { throughput: number; added_p50: number | null } | null {
  const other = all.find((row) => row.target === "portkey" && sameShape(row, of, { ignoreTenants: true }));
  if (!other) return null;
  const [own, theirs] = [added(of, all, "p50"), added(other, all, "p50")];
  return {
    throughput: of.per_second / other.per_second,
    added_p50: own === null || theirs === null || theirs === 0 ? null : own / theirs,
  };
}

function sameShape(a: Measurement, b: Measurement, options: { ignoreTenants: boolean }): boolean {
  return a.stream === b.stream && a.concurrency === b.concurrency && (options.ignoreTenants || a.tenants === b.tenants);
}

const fixed = (value: number | null, digits: number) => (value === null ? "–" : value.toFixed(digits));

/** The table of a whole run, for a terminal and for a document alike. */
export function table(all: readonly Measurement[]): string {
  const head = [
    "target",
    "kind",
    "c",
    "tenants",
    "req/s",
    "p50 ms",
    "p99 ms",
    "added p50",
    "added p99",
    "CPU µs/req",
    "peak MiB",
    "× Portkey",
    "added p50 / Portkey",
    "failed",
  ];
  const rows = all.map((row) => {
    const ratio = row.target === "direct" || row.target === "portkey" ? null : ratios(row, all);
    return [
      row.target,
      row.stream ? "stream" : "unary",
      String(row.concurrency),
      String(row.tenants),
      fixed(row.per_second, 0),
      fixed(row.latency_ms.p50, 2),
      fixed(row.latency_ms.p99, 2),
      fixed(row.target === "direct" ? null : added(row, all, "p50"), 2),
      fixed(row.target === "direct" ? null : added(row, all, "p99"), 2),
      fixed(row.cpu_us_per_request, 0),
      fixed(row.peak_memory_bytes === null ? null : row.peak_memory_bytes / MIB, 0),
      fixed(ratio?.throughput ?? null, 2),
      fixed(ratio?.added_p50 ?? null, 2),
      String(row.failures),
    ];
  });
  const widths = head.map((text, column) => Math.max(text.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, n) => cell.padStart(widths[n] ?? 0)).join(" | ")} |`;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join("\n");
}
