import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatKeyDocument, type KeyPair, parseKeyDocument } from "../../functions/adapters/signer/key-document.ts";
import { SIGNING_KEYS_FILE } from "../../functions/adapters/signer/key-file.ts";
import { pairOf } from "../../functions/adapters/signer/key-pairs.fixture.ts";
import { ROOT } from "../local/command.mjs";
import { Refused, Usage } from "./command.ts";
import { keys } from "./keys.ts";

let home = "";
let path = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "bailiwick-cli-"));
  path = join(home, SIGNING_KEYS_FILE);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function run(words: string, given: { input?: string; home?: string } = {}) {
  const said = { out: "", err: "" };
  const code = await keys(words.split(" "), {
    out(text) {
      said.out += text;
    },
    err(text) {
      said.err += text;
    },
    input: async () => given.input ?? "",
    variable: (name) => (name === "BAILIWICK_HOME" ? given.home : undefined),
  });
  return { code, ...said };
}
const pairsIn = (text: string): KeyPair[] => {
  const parsed = parseKeyDocument(text);
  if (!parsed.ok) throw new Error(parsed.error.field);
  return parsed.value;
};
const inHome = () => pairsIn(readFileSync(path, "utf8"));
/** In force since long ago. */
const keep = (...pairs: KeyPair[]) => writeFileSync(path, formatKeyDocument(pairs), { mode: 0o600 });

describe("keys of a home", () => {
  it("are listed by thumbprint and state, without a secret", async () => {
    keep(pairOf(1), pairOf(2, { revoked: { at_ms: pairOf(2).notBeforeMs, reason: "compromised" } }));
    const { code, out } = await run(`list --home ${home}`);
    expect(code).toBe(0);
    expect(out).toMatch(/^pair-1 {2,}in force {2,}2026-11-01T00:00:00.000Z {2,}- {2,}[\w-]{43} {2}[\w-]{43}$/m);
    expect(out).toMatch(/^pair-2 {2,}revoked \(compromised\)/m);
    const seeds = JSON.parse(readFileSync(path, "utf8")).pairs.flatMap((pair: Record<string, string>) => [
      pair.ed25519_seed,
      pair.ml_dsa_65_seed,
    ]);
    for (const seed of seeds) expect(out).not.toContain(seed);
    expect((await run("list", { home })).out).toBe(out);
  });

  it("are rotated in place, still private, by the overlap that was asked for", async () => {
    keep(pairOf(1));
    expect((await run(`rotate --overlap 2h --home ${home}`)).code).toBe(0);
    const [fresh, old] = inHome();
    expect((old?.notAfterMs ?? 0) - (fresh?.notBeforeMs ?? 0)).toBe(2 * 3_600_000);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("are named by pair or by either thumbprint", async () => {
    keep(pairOf(1), pairOf(2));
    const { out } = await run(`list --home ${home}`);
    const [, ed25519, mlDsa] = /^pair-1 .* (\S{43}) {2}(\S{43})$/m.exec(out) ?? [];
    await run(`retire ${ed25519} --home ${home}`);
    expect(inHome()[0]?.notAfterMs).not.toBeNull();
    await run(`revoke ${mlDsa} --reason superseded --home ${home}`);
    expect(inHome()[0]?.revoked?.reason).toBe("superseded");
    await run(`forget pair-1 --home ${home}`);
    expect(inHome().map(({ id }) => id)).toEqual(["pair-2"]);
  });

  it("may all be revoked after a compromise, with a warning that nothing is signed any more", async () => {
    keep(pairOf(1));
    const { code, err } = await run(`revoke pair-1 --reason compromised --home ${home}`);
    expect([code, err]).toEqual([0, expect.stringContaining("No pair is in force")]);
  });

  it("that are broken or missing are left as they are", async () => {
    await expect(run(`rotate --home ${home}`)).rejects.toThrow(Refused);
    writeFileSync(path, "{");
    await expect(run(`rotate --home ${home}`)).rejects.toThrow("document: not JSON");
    expect(readFileSync(path, "utf8")).toBe("{");
    await expect(run(`list --home ${join(home, "nowhere")}`)).rejects.toThrow("there is no home");
  });

  it("are not rotated beyond what fits a document", async () => {
    keep(...Array.from({ length: 8 }, (_, n) => pairOf(n + 1)));
    const before = readFileSync(path, "utf8");
    await expect(run(`rotate --home ${home}`)).rejects.toThrow("more than 8 pairs are in force");
    expect(readFileSync(path, "utf8")).toBe(before);
  });
});

describe("keys of a document", () => {
  it("go to standard output alone, so that they can be piped into a secret store", async () => {
    const first = await run("rotate --document -");
    const [pair] = pairsIn(first.out);
    expect(first.out.trimEnd()).not.toContain("\n");
    const second = await run("rotate --document -", { input: first.out });
    expect(pairsIn(second.out)[1]?.ed25519Seed).toEqual(pair?.ed25519Seed);
    expect(second.err).toContain("in force");
    expect((await run("list --document -", { input: second.out })).out).toContain(pair?.id);
    await expect(run("list --document -")).rejects.toThrow("empty");
  });

  it("that lie in a file are read and not written", async () => {
    keep(pairOf(1));
    const before = readFileSync(path, "utf8");
    const { out } = await run(`revoke pair-1 --reason compromised --document ${path}`);
    expect(pairsIn(out)[0]?.revoked?.reason).toBe("compromised");
    expect(readFileSync(path, "utf8")).toBe(before);
  });
});

it.each([
  "",
  "list extra",
  "retire",
  "rotate pair-1",
  "rotate --overlap 10s",
  "rotate --overlap 30m",
  "rotate --overlap 9999d",
  "rotate --overlap 7",
  "list --overlap 7d",
  "revoke pair-1",
  "revoke pair-1 --reason lost",
  "retire pair-1 --reason retired",
  "list --home a --document b",
  "list --hom a",
])("refuses the words %j, so that a slip changes no key", async (words) => {
  keep(pairOf(1));
  const before = readFileSync(path, "utf8");
  await expect(run(words, { home })).rejects.toThrow(Usage);
  expect(readFileSync(path, "utf8")).toBe(before);
});

describe("npx bailiwick", () => {
  const start = (words: string[]) =>
    spawnSync(process.execPath, [join(ROOT, "infra/cli/bailiwick.mjs"), ...words], { encoding: "utf8", cwd: home });

  it("runs a command from any folder and answers its exit code", () => {
    keep(pairOf(1));
    const listed = start(["keys", "list", "--home", "."]);
    expect([listed.status, listed.stderr]).toEqual([0, ""]);
    expect(listed.stdout).toContain("pair-1");
    const refused = start(["keys", "retire", "pair-1", "--home", home]);
    expect([refused.status, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toMatch(/^bailiwick: no other pair .*\n$/);
    expect(start(["keys", "retire"]).status).toBe(2);
  });

  it("names its commands when it is asked for none or for another", () => {
    for (const words of [[], ["nothing"], ["constructor"]]) {
      const { status, stderr } = start(words);
      expect([status, stderr]).toEqual([2, expect.stringContaining("npx bailiwick <command>")]);
    }
    expect(start(["help"]).status).toBe(0);
  });
});
