import { describe, expect, it } from "vitest";
import { completeLock } from "../infra/local/complete-lock.mjs";
import { DURABLE_CORES, IMPORT_TABLE, type ImportRule } from "./tidy/import-table.ts";
import { type Import, importsOf, projectFiles, readSource, withoutComments } from "./tidy/source-tree.ts";

const LINES_MAX = 400;
/** Files that may be longer, each with its reason. */
const LONGER: Readonly<Record<string, string>> = {
  "shared/contracts/limits.ts": "one table of bounds, looked up by name",
  "shared/contracts/ports/tenant-store.ts": "one port, whose calls share their records",
};
const BARRELS = new Set(["functions/v1/index.ts", "functions/pipeline/index.ts"]);

const files = projectFiles();
const modules = files.filter((path) => /\.(?:ts|mts|mjs)$/.test(path) && !path.endsWith(".d.mts"));
const product = modules.filter((path) => !/^(?:test|infra)\//.test(path) && !path.endsWith(".test.ts"));

/** Lines of the given files that a pattern finds, as `path:line`. */
function findings(
  paths: readonly string[],
  pattern: RegExp,
  read = (path: string) => withoutComments(readSource(path)),
) {
  return paths.flatMap((path) =>
    read(path)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
}

/** `$own` in a rule stands for the folder that the importer matched. */
function allows(patterns: readonly RegExp[], own: string | undefined, path: string): boolean {
  return patterns.some((pattern) =>
    (own === undefined ? pattern : new RegExp(pattern.source.replace("\\$own", own))).test(path),
  );
}

function violation(rule: ImportRule, importer: string, entry: Import): string | null {
  const own = rule.files.exec(importer)?.[1] ?? /^[a-z-]+\/(?:engines\/)?([a-z0-9-]+)\//.exec(importer)?.[1];
  const verdict = (allowed: boolean) => (allowed ? null : `${importer} imports ${entry.specifier}: ${rule.because}`);
  if (entry.path !== null) return verdict(allows(rule.may, own, entry.path));
  if (/^(?:node|cloudflare):/.test(entry.specifier)) return verdict(allows(rule.builtins, undefined, entry.specifier));
  return verdict(allows(rule.packages, undefined, entry.specifier));
}

describe("the import table, so that deleting an adapter breaks only an entry", () => {
  it("finds nothing that imports against its row", () => {
    const violations = product.concat(modules.filter((path) => path.startsWith("infra/"))).flatMap((importer) => {
      const rule = IMPORT_TABLE.find(({ files: pattern }) => pattern.test(importer));
      if (!rule) return /^[^/]+$/.test(importer) ? [] : [`${importer}: no row of the import table covers it`];
      return importsOf(importer, readSource(importer)).flatMap((entry) => violation(rule, importer, entry) ?? []);
    });
    expect(violations).toEqual([]);
  });

  it("sees a violation when there is one, so that an empty list means something", () => {
    const source =
      'import type { Sql } from "../runtime/sql.ts";\nimport { Hono } from "hono";\nexport * from "./object.ts";\n';
    const rule = IMPORT_TABLE.find(({ files: pattern }) => pattern.test("durable/tenant/core.ts"));
    const found = importsOf("durable/tenant/core.ts", source).flatMap((entry) =>
      rule ? (violation(rule, "durable/tenant/core.ts", entry) ?? []) : [],
    );
    expect(found.map((line) => line.split(":")[0])).toEqual([
      "durable/tenant/core.ts imports hono",
      "durable/tenant/core.ts imports ./object.ts",
    ]);
  });

  it("gives each adapter at most one vendor's SDK", () => {
    const violations = product
      .filter((path) => /^functions\/(?:adapters|engines)\//.test(path))
      .flatMap((path) => {
        const vendors = new Set(
          importsOf(path, readSource(path))
            .filter(({ specifier }) => !/^(?:\.|node:|cloudflare:|zod$|@noble\/)/.test(specifier))
            .map(({ specifier }) => specifier.split("/")[0]),
        );
        return vendors.size > 1 ? [`${path}: ${[...vendors].join(", ")}`] : [];
      });
    expect(violations).toEqual([]);
  });
});

describe("purity, so that one call is one atomic step and simulations repeat", () => {
  const cores = product.filter((path) => DURABLE_CORES.test(path));
  const pure = product.filter((path) =>
    /^(?:functions\/(?:dialects|config|redaction)|policies\/engine|shared\/contracts)\//.test(path),
  );

  it("keeps cores synchronous", () => {
    expect(findings(cores, /\basync\b|\bawait\b|\bPromise\b/)).toEqual([]);
  });

  it("keeps clock and randomness out of cores and pure folders", () => {
    const pattern =
      /\bDate\.now\(|\bMath\.random\(|\bcrypto\.(?:randomUUID|getRandomValues)\(|\bnew Date\(\)|\bperformance\.now\(/;
    expect(findings([...cores, ...pure], pattern)).toEqual([]);
  });

  it("reads the environment in entries only", () => {
    const elsewhere = product.filter((path) => !/^functions\/entry\/|^gpu-workers\/main\.ts$/.test(path));
    expect(findings(elsewhere, /\bprocess\.env\b|\bDeno\.env\b/)).toEqual([]);
  });

  it("sends every outgoing call through Egress, so that no operation reaches an address unchecked", () => {
    const governed = product.filter((path) =>
      /^functions\/(?:v1|pipeline|inference|dialects|redaction|config|engines)\//.test(path),
    );
    expect(findings(governed, /(?<![.#\w]|async )fetch\(|\bglobalThis\.fetch\b/)).toEqual([]);
  });
});

describe("style", () => {
  it("keeps files to one concern: at most 400 lines, or a reason", () => {
    const long = modules.filter((path) => readSource(path).split("\n").length - 1 > LINES_MAX && !(path in LONGER));
    expect(long).toEqual([]);
    expect(Object.keys(LONGER).filter((path) => !files.includes(path))).toEqual([]);
  });

  it("names files in kebab case", () => {
    const name = /^\.?[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+)*$/;
    const bad = modules.filter((path) => !name.test(path.split("/").at(-1) ?? ""));
    expect(bad).toEqual([]);
  });

  it("has no drawer for everything", () => {
    const drawers = modules.filter((path) => /(?:^|\/)(?:utils?|helpers?|common|manager|misc)(?:\.ts|\/)/.test(path));
    expect(drawers).toEqual([]);
  });

  it("has no barrels but the two lists", () => {
    const barrels = product.filter(
      (path) => !BARRELS.has(path) && (path.endsWith("/index.ts") || /^export \* from/m.test(readSource(path))),
    );
    expect(barrels).toEqual([]);
  });

  it("names every platform's binaries in the lock file, so that a fresh clone installs anywhere", () => {
    // `node infra/local/complete-lock.mjs` adds what is missing.
    expect(completeLock(JSON.parse(readSource("package-lock.json")))).toEqual([]);
  });

  it("leaves no unfinished work, machine path or package host in the tree", () => {
    const text = files.filter((path) => /\.(?:ts|mts|mjs|json|md|ya?ml|sh|toml|tf|rego)$|^\.ci\//.test(path));
    const scanned = text.filter((path) => path !== "package-lock.json" && path !== "test/tidy.test.ts");
    const pattern =
      /\b(?:TODO|FIXME|XXX|HACK)\b|(?<![\w.:/-])\/(?:home|root|Users|work)\/\w|\b(?:registry\.[a-z]+|jsr|pypi|crates)\.(?:org|com|dev|io)\b/;
    expect(findings(scanned, pattern, readSource)).toEqual([]);
  });
});
