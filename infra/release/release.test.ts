import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { newPair } from "../../functions/adapters/signer/new-pair.ts";
import { publicPair, verifierKeys } from "../../functions/adapters/signer/public-keys.ts";
import { keysDocument } from "../../functions/evidence/keys-document.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { formatDsse } from "../../shared/crypto/log/dsse.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { parseKeysFile } from "../../shared/evidence/keys-file.ts";
import { ROOT } from "../local/command.mjs";
import { cbomOf, uncovered } from "./cbom.ts";
import { digestsOf, PROVENANCE_FILE } from "./folder.ts";
import { builderOf, provenanceOf, signedProvenance } from "./provenance.ts";
import { checkRings, failedShare, type Rings, Rings as RingsFile, type RolloutSteps, rollout } from "./rollout.ts";
import { sbomOf } from "./sbom.ts";
import { verifyRelease } from "./verify.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z") as UnixMs; // safe because: a time in ms
const pair = newPair((NOW - 1_000) as UnixMs); // safe because: a time in ms
const trust = (of = pair) => {
  const parsed = parseKeysFile(
    utf8(JSON.stringify(keysDocument("release", "builds", verifierKeys(of, publicPair(of))))),
  );
  if (!parsed.ok) throw new Error(parsed.error.detail);
  return parsed.value;
};

/** A small signed release in a folder of its own. */
function release() {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-release-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "edge"));
  writeFileSync(join(folder, "edge/workerd.js"), "export default {};\n");
  writeFileSync(join(folder, "sbom.cdx.json"), "{}\n");
  const body = provenanceOf({
    ...{ commit: "0".repeat(40), dirty: false, release: "1.2.3+0123456789abcdef", lockSha256: "ab".repeat(32) },
    ...{ files: digestsOf(folder), started: "2026-11-21T11:59:00Z", finished: "2026-11-21T12:00:00Z" },
    builder: builderOf({}, "24.0.0"),
  });
  writeFileSync(join(folder, PROVENANCE_FILE), formatDsse(signedProvenance(body, [pair], NOW)));
  return folder;
}

describe("a release", () => {
  it("verifies, and says what it is and what its builder is worth", () => {
    expect(verifyRelease(release(), trust(), NOW)).toEqual({
      faults: [],
      facts: expect.objectContaining({ release: "1.2.3+0123456789abcdef", uncommitted: false, slsaBuildLevel: 1 }),
    });
  });

  it.each([
    ["altered", (folder: string) => writeFileSync(join(folder, "edge/workerd.js"), "export default 1;\n"), /altered/],
    ["missing", (folder: string) => rmSync(join(folder, "sbom.cdx.json")), /missing/],
    ["added", (folder: string) => writeFileSync(join(folder, "edge/more.js"), "1"), /nobody signed/],
    ["without provenance", (folder: string) => rmSync(join(folder, PROVENANCE_FILE)), /missing/],
    [
      "with one signature of two",
      (folder: string) => {
        const path = join(folder, PROVENANCE_FILE);
        const envelope = JSON.parse(readFileSync(path, "utf8"));
        writeFileSync(path, JSON.stringify({ ...envelope, signatures: envelope.signatures.slice(0, 1) }));
      },
      /signature_missing/,
    ],
  ])("that is %s is refused, so that no other code than was signed is deployed", (_what, harm, said) => {
    const folder = release();
    harm(folder);
    expect(verifyRelease(folder, trust(), NOW).faults.join("\n")).toMatch(said);
  });

  it("of a key that nobody trusts, or that was stolen, is refused", () => {
    const folder = release();
    expect(verifyRelease(folder, trust(newPair(NOW)), NOW).faults.join()).toMatch(/key_unknown/);
    const stolen = trust().map((key) => ({ ...key, revoked: { atMs: NOW, reason: "compromised" as const } }));
    expect(verifyRelease(folder, stolen, NOW).faults.join()).toMatch(/key_unknown/);
  });

  it("of a hosted builder names its run and claims no more than the first level", () => {
    const env = {
      GITHUB_ACTIONS: "true",
      GITHUB_SERVER_URL: "https://git.example.com",
      GITHUB_REPOSITORY: "o/r",
      GITHUB_RUN_ID: "7",
    };
    expect(builderOf(env, "24.0.0")).toMatchObject({
      invocation: "https://git.example.com/o/r/actions/runs/7",
      slsaBuildLevel: 1,
    });
  });
});

describe("the bill of materials", () => {
  const lock = readFileSync(join(ROOT, "package-lock.json"), "utf8");
  const built = { serial: "3e671687-395b-41f5-a30f-a58921a69b79", timestamp: "2026-11-21T12:00:00.000Z" };
  interface Bom {
    components: {
      "bom-ref": string;
      name: string;
      version: string;
      scope: string;
      purl: string;
      hashes?: { content: string }[];
    }[];
    dependencies: { ref: string; dependsOn: string[] }[];
  }
  const bom = sbomOf(lock, built) as Bom; // safe because: CycloneDX of the function under test

  it("has every locked package once, and every dependency leads to one of them", () => {
    const count = Object.keys(JSON.parse(lock).packages).length - 1;
    const refs = new Set(bom.components.map((each) => each["bom-ref"]));
    expect([bom.components.length, refs.size]).toEqual([count, count]);
    for (const { ref, dependsOn } of bom.dependencies)
      for (const needed of dependsOn) expect(refs, `${ref} needs ${needed}`).toContain(needed);
  });

  it("says what runs and what only builds, with digests that npm checks", () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const scopes = new Map(bom.components.map((each) => [each["bom-ref"], each.scope]));
    for (const [name, version] of Object.entries(dependencies))
      expect(scopes.get(`node_modules/${name}@${version}`), name).toBe("required");
    expect(scopes.get([...scopes.keys()].find((ref) => ref.startsWith("node_modules/vitest@")) ?? "")).toBe("excluded");
    const zod = bom.components.find(({ name }) => name === "zod");
    expect(zod?.hashes?.[0]?.content).toMatch(/^[0-9a-f]{128}$/);
    expect(bom.components.find(({ name }) => name.startsWith("@"))?.purl).toMatch(/^pkg:npm\/%40[^@]+@\d/);
  });
});

describe("the inventory of cryptography", () => {
  it("finds a use of cryptography that no row knows, so that nothing is left out of it unseen", () => {
    const known = { path: "a.ts", text: 'import { ed25519 } from "@noble/curves/ed25519.js";' };
    const unknown = { path: "b.ts", text: 'import { x448 } from "@noble/curves/ed448.js";' };
    expect(uncovered([known, unknown])).toEqual(["b.ts"]);
  });

  it("says of each algorithm where it is and whether a quantum computer breaks it", () => {
    const files = [
      { path: "a.ts", text: '\nimport { ml_dsa65 } from "@noble/post-quantum/ml-dsa.js";' },
      { path: "b.ts", text: 'import { ed25519 } from "@noble/curves/ed25519.js";' },
    ];
    const { components } = cbomOf(files, { serial: "x", timestamp: "t", version: "1" }) as {
      components: {
        name: string;
        evidence?: unknown;
        cryptoProperties: { algorithmProperties?: { nistQuantumSecurityLevel: number } };
      }[];
    }; // safe because: CycloneDX of the function under test
    const level = new Map(
      components.map((each) => [each.name, each.cryptoProperties.algorithmProperties?.nistQuantumSecurityLevel]),
    );
    expect([...level]).toEqual([
      ["Ed25519", 0],
      ["ML-DSA-65", 3],
      ["TLS", undefined],
    ]);
    expect(components[1]?.evidence).toEqual({ occurrences: [{ location: "a.ts", line: 2 }] });
  });
});

describe("a roll-out", () => {
  const rings: Rings = {
    schema_version: 1,
    error_share_max: 0.01,
    rings: [
      { name: "canary", cells: ["a"], soak_s: 10 },
      { name: "first", cells: ["b", "c"], soak_s: 10 },
      { name: "last", cells: ["d"], soak_s: 10 },
    ],
    endpoints: Object.fromEntries(["a", "b", "c", "d"].map((cell) => [cell, `https://${cell}.example.com`])),
  };
  /** What happens to each cell, in order; `change` makes one step go wrong. */
  function world(change: Partial<RolloutSteps> = {}) {
    const done: string[] = [];
    const steps: RolloutSteps = {
      release: async (cell) => void done.push(`release ${cell}`),
      smoke: async () => null,
      errorShare: async () => 0.001,
      rollback: async (cell) => void done.push(`rollback ${cell}`),
      say: () => {},
      ...change,
    };
    return { done, steps };
  }

  it("goes ring by ring when every cell stays healthy", async () => {
    const { done, steps } = world();
    expect(await rollout(rings, steps)).toMatchObject({ released: ["a", "b", "c", "d"], failed: null });
    expect(done).toEqual(["release a", "release b", "release c", "release d"]);
  });

  it.each<[string, Partial<RolloutSteps>, RegExp]>([
    ["a failed smoke", { smoke: async (cell) => (cell === "c" ? "smoke: lists the model" : null) }, /smoke/],
    [
      "a smoke that breaks",
      { smoke: async (cell) => (cell === "c" ? Promise.reject(new Error("unreachable")) : null) },
      /unreachable/,
    ],
    ["a spent error budget", { errorShare: async (cell) => (cell === "c" ? 0.02 : 0) }, /0\.02 of calls failed/],
    ["metrics that cannot be read", { errorShare: async (cell) => (cell === "c" ? null : 0) }, /cannot be read/],
  ])("takes back every released cell after %s, and leaves later rings alone", async (_what, change, reason) => {
    const { done, steps } = world(change);
    const outcome = await rollout(rings, steps);
    expect(outcome).toMatchObject({ released: [], failed: { cell: "c" }, rolledBack: ["c", "b", "a"], stuck: [] });
    expect(outcome.failed?.reason).toMatch(reason);
    expect(done).toEqual(["release a", "release b", "release c", "rollback c", "rollback b", "rollback a"]);
  });

  it("names the cells that it could not take back, and still takes back the others", async () => {
    const { steps } = world({
      errorShare: async () => 1,
      rollback: async (cell) => (cell === "a" ? Promise.reject(new Error("no")) : undefined),
    });
    expect(await rollout(rings, steps)).toMatchObject({ failed: { cell: "a" }, rolledBack: [], stuck: ["a"] });
  });

  it("reads the share of failed calls between two readings, over a restart too", () => {
    const reading = (good: number, bad: number) =>
      `http_server_request_duration_seconds_count{http_route="/v1/models",http_response_status_code="200"} ${good}\nhttp_server_request_duration_seconds_count{http_route="/v1/models",http_response_status_code="503"} ${bad}\n`;
    expect(failedShare(reading(100, 5), reading(190, 15))).toBe(0.1);
    expect(failedShare(reading(100, 5), reading(9, 1))).toBe(0.1);
    expect(failedShare(reading(100, 5), reading(100, 5))).toBe(0);
  });

  it("has rings in which every environment of wrangler.toml is once, so that no cell is forgotten", () => {
    const file = checkRings(RingsFile.parse(parse(readFileSync(join(ROOT, "infra/cells/rings.yml"), "utf8"))));
    const wrangler = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
    const cells = [...wrangler.matchAll(/^BAILIWICK_CELL = "(\w+)"$/gm)].map(([, cell]) => cell);
    expect(file.rings.flatMap((ring) => ring.cells).sort()).toEqual(cells.sort());
    for (const url of Object.values(file.endpoints)) expect(wrangler).toContain(`BAILIWICK_ENDPOINT = "${url}"`);
    const [canary, ...others] = rings.rings;
    if (!canary) throw new Error("no ring");
    expect(() => checkRings({ ...rings, rings: [canary, canary, ...others] })).toThrow("two rings");
  });
});
