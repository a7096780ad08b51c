import { describe, expect, it } from "vitest";
import { ENTRY_METRICS } from "../shared/telemetry/entry-metric-table.ts";
import { METRICS, type MetricSpec } from "../shared/telemetry/metric-table.ts";
import { projectFiles, readSource, withoutComments } from "./tidy/source-tree.ts";

const TABLE: Readonly<Record<string, MetricSpec>> = { ...METRICS, ...ENTRY_METRICS };
const METHODS: Readonly<Record<string, readonly MetricSpec["type"][]>> = {
  count: ["counter"],
  gauge: ["gauge"],
  set: ["gauge", "info"],
  observe: ["histogram"],
};
/** Its names are those of the calls of the function that it declares, which are read as all others are. */
const THROUGH_A_NAME = new Set(["functions/inference/pools/gauges.ts"]);

const product = projectFiles().filter(
  (path) => /^(?:functions|durable|shared|policies|gpu-workers)\/.*\.ts$/.test(path) && !path.endsWith(".test.ts"),
);

interface Use {
  at: string;
  method: string;
  name: string;
  /** Labels as they are written at the call; null: they come from elsewhere. */
  labels: string[] | null;
}

const CALL =
  /\b(metrics\??\.)?(count|gauge|set|observe)\(\s*(?:"((?:bailiwick|gen_ai|http)_\w+)"|(\w[^,]*)),\s*(\{[^{}]*\})?/g;

const labelsOf = (written: string): string[] | null => {
  const names = written
    .slice(1, -1)
    .split(",")
    .map((label) => label.split(":")[0]?.trim() ?? "");
  return names.some((name) => name.startsWith("...")) ? null : names.filter((name) => name !== "");
};

/** Every call that counts, sets or observes; those whose name is no literal have the name `null`. */
function usesIn(path: string, source: string): { named: Use[]; unnamed: string[] } {
  const named: Use[] = [];
  const unnamed: string[] = [];
  for (const found of withoutComments(source).matchAll(CALL)) {
    const [, through, method = "", name, , labels] = found;
    const at = `${path}: ${found[0].replaceAll(/\s+/g, " ")}`;
    if (name !== undefined) named.push({ at, method, name, labels: labels === undefined ? null : labelsOf(labels) });
    else if (through !== undefined && !THROUGH_A_NAME.has(path)) unnamed.push(at);
  }
  return { named, unnamed };
}

/** What keeps a use from being counted as it was meant; null: nothing. */
function fault({ at, method, name, labels }: Use): string | null {
  const spec = TABLE[name];
  if (spec === undefined) return `${at}: not in the table`;
  if (!METHODS[method]?.includes(spec.type)) return `${at}: is a ${spec.type}`;
  const unknown = labels?.filter((label) => !spec.labels.includes(label)) ?? [];
  return unknown.length === 0 ? null : `${at}: has no label ${unknown.join(", ")}`;
}

const all = product.map((path) => usesIn(path, readSource(path)));
const uses = all.flatMap(({ named }) => named);

describe("metrics that the code counts", () => {
  it("are in the table with that kind and those labels, so that none is dropped without anybody seeing it", () => {
    expect(uses.flatMap((use) => fault(use) ?? [])).toEqual([]);
    expect(uses.length).toBeGreaterThan(50);
  });

  it("are named where they are counted, so that a name cannot come from a call or slip past this test", () => {
    expect(all.flatMap(({ unnamed }) => unnamed)).toEqual([]);
  });

  it("are all that the table promises, so that no dashboard waits for what nobody counts", () => {
    const said = product.filter((path) => !path.endsWith("metric-table.ts")).map(readSource);
    expect(Object.keys(TABLE).filter((name) => !said.some((source) => source.includes(`"${name}"`)))).toEqual([]);
  });

  it.each([
    ['metrics.count("bailiwick_misspelt_total", {});', "not in the table"],
    ['telemetry.metrics.gauge("bailiwick_refusals_total", { reason }, 1);', "is a counter"],
    ['metrics.count(\n  "bailiwick_leases_total",\n  { pool, outcome: "x", tenant });', "has no label tenant"],
  ])("would be found here if they were not: %s", (source, found) => {
    expect(usesIn("x.ts", source).named.map(fault)).toEqual([expect.stringContaining(found)]);
  });

  it("would be found here if their name were a variable", () => {
    expect(usesIn("x.ts", "metrics.count(name, {});").unnamed).toHaveLength(1);
  });
});
