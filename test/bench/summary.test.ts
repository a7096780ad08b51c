import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../infra/local/command.mjs";
import { tokenCounter } from "./paced.ts";
import type { BenchRun } from "./results-file.ts";
import { summary, wanted, withSummary } from "./summary.ts";

const readme = readFileSync(join(ROOT, "README.md"), "utf8");

const RUN: BenchRun = {
  at: "2026-11-21T12:00:00.000Z",
  machine: { cpu: "a processor", cores: 2, memory_bytes: 8 * 1024 ** 3, kernel: "6.1" },
  seconds: 5,
  versions: { direct: "the mock upstream itself", deno: "Bailiwick on deno" },
  skipped: [{ name: "bifrost", skipped: "the module could not be had" }],
  results: ["direct", "bare-deno", "deno"].map((target, at) => ({
    target,
    stream: false,
    concurrency: 64,
    tenants: 1,
    requests: 10,
    failures: 0,
    failure_example: null,
    seconds: 5,
    per_second: 4000 / 2 ** at,
    latency_ms: { p50: 1 + at, p90: 2 + at, p99: 3 + 2 * at, max: 9 },
    head_ms: { p50: 1, p99: 2 },
    cpu_us_per_request: 100,
    peak_memory_bytes: 1024 ** 2,
    elsewhere_share: 0.02,
  })),
  paced: [],
  held: [],
};

describe("the README's figures of speed", () => {
  it("are those of the newest whole run that is kept, so that nobody reads figures that were never measured", () => {
    expect(wanted(readme).text).toBe(readme);
  });

  it("hold a target against the bare proxy of its runtime and the upstream, so that a ratio is of one run", () => {
    const line = summary({ name: "bench-x.json", run: RUN })
      .split("\n")
      .find((row) => row.includes("Bailiwick on Deno**"));
    expect(line?.split("|").map((cell) => cell.trim())).toEqual([
      "",
      "**Bailiwick on Deno**",
      "1000",
      "2.0",
      "4.0",
      "100",
      "1",
      "0.50",
      "–",
      "",
    ]);
  });

  it("say when the machine did other work, so that figures of a busy machine are not taken at their word", () => {
    const busy = RUN.results.map((row) => ({ ...row, elsewhere_share: 0.4 }));
    expect(summary({ name: "bench-x.json", run: { ...RUN, results: busy } })).toContain(
      "up to 40 % of it: read the ratios",
    );
    expect(summary({ name: "bench-x.json", run: RUN })).not.toContain("read the ratios");
  });

  it("name what was left out and why, so that a missing comparison is no silent one", () => {
    const text = summary({ name: "bench-x.json", run: RUN });
    expect(text).toContain("Bifrost was left out: the module could not be had");
    expect(withSummary("a README without marks", text)).toBeNull();
    expect(withSummary(readme, text)).not.toBe(readme);
  });
});

describe("tokens of a paced stream", () => {
  it("are counted once wherever the bytes are cut, so that a gap is never halved by the network", () => {
    const text = Array.from({ length: 12 }, (_, at) => `data: {"content":" word${at}"}\n\n`).join("");
    for (let cut = 0; cut <= text.length; cut++) {
      const count = tokenCounter();
      expect(count(Buffer.from(text.slice(0, cut))) + count(Buffer.from(text.slice(cut)))).toBe(12);
    }
  });
});
