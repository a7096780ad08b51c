import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { encodeRecord } from "../../functions/adapters/object-store/file-record.ts";
import { Usage } from "../../infra/cli/command.ts";
import { verify } from "../../infra/cli/verify.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { good, sealed } from "../support/corpus-rows.ts";
import { A, EXPORT, KEYS, LOG, SIZE } from "../support/corpus-world.ts";
import { json, tarball } from "../support/evidence-maker.ts";
import { archiveOf, manifestOf } from "../support/export-maker.ts";
import { importsOf, readSource } from "../tidy/source-tree.ts";

const home = mkdtempSync(join(tmpdir(), "bailiwick-verify-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
function file(name: string, bytes: Uint8Array | string): string {
  const path = join(home, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

async function run(...words: string[]) {
  const said = { out: "", err: "" };
  const code = await verify(words, {
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    input: async () => "",
    variable: () => undefined,
  });
  return { code, ...said };
}

const keys = file("keys.json", KEYS);
const evidence = file("evidence.json", json(sealed(good())));
const archive = tarball([...EXPORT.files, manifestOf(EXPORT.files, EXPORT.predicate, [A])]);

describe("npx bailiwick verify", () => {
  it("answers 0 and VERIFIED with a line for each check", async () => {
    const { code, out } = await run(evidence, "--keys", keys);
    expect(code).toBe(0);
    const names = [
      "signatures",
      "statement",
      "checkpoint",
      "entries",
      "chain",
      "claims",
      "commitments",
      "own checkpoint",
    ];
    expect(
      out
        .split("\n")
        .slice(1, -2)
        .map((line) => /^(?:ok|not checked) +([a-z ]+):/.exec(line)?.[1]),
    ).toEqual(names);
    expect(out.trimEnd().split("\n").at(-1)).toBe("VERIFIED");
  });

  it("takes an export compressed or not, so that it is checked as it was kept", async () => {
    expect((await run(file("export.tar", archive), "--keys", keys)).code).toBe(0);
    expect((await run(file("export.tar.gz", gzipSync(archive)), "--keys", keys)).code).toBe(0);
  });

  it("answers 3 and says so when only the file's own keys vouch for it", async () => {
    const { code, out } = await run(file("own.tar", archive));
    expect(code).toBe(3);
    expect(out).toContain("only against the keys inside the file");
  });

  it("reads the folder of a cell's own object store as it lies on the disk", async () => {
    for (const { name, bytes } of archiveOf(LOG, [300, SIZE], [A])) {
      const record = { sha256: sha256Hex(bytes), size: bytes.length, stored_ms: 0, locked_until_ms: null };
      file(`objects/${name}~`, Buffer.concat([encodeRecord(record), bytes]));
    }
    expect(await run(join(home, "objects"), "--keys", keys)).toMatchObject({ code: 0 });
  });

  it("prints one JSON document for programs, with the exit code in it", async () => {
    const { code, out } = await run(file("cut.json", "{}"), "--keys", keys, "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      exit_code: 1,
      verified: false,
      failure: { check: "signatures", reason: "malformed" },
    });
  });

  it.each([
    ["is not there", [join(home, "nothing")]],
    ["is neither an envelope nor an archive", [file("text", "hello")]],
    ["is empty", [file("empty", "")]],
    ["is damaged where it is compressed", [file("cut.tar.gz", gzipSync(archive).subarray(0, 5_000))]],
    ["is a folder without a log", [join(home, "objects", "tile")]],
    ["comes with keys that are none", [evidence, "--keys", evidence]],
    ["comes with keys that are not there", [evidence, "--keys", join(home, "nothing")]],
    ["comes with a checkpoint that is none", [evidence, "--keys", keys, "--checkpoint", keys]],
  ])("answers 2 for what %s, which is no verdict", async (_, words) => {
    const { code, out, err } = await run(...words);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^NOT VERIFIED: cannot be read: .+\n$/);
  });

  it("refuses words that it does not know, so that a misspelt --keys is never left out", async () => {
    await expect(run(evidence, "--key", keys)).rejects.toThrow(Usage);
    await expect(run()).rejects.toThrow(Usage);
    await expect(run(evidence, evidence)).rejects.toThrow(Usage);
  });

  it("is found by the launcher, and its exit code passes through", () => {
    const launcher = join(import.meta.dirname, "../../infra/cli/bailiwick.mjs");
    const launched = spawnSync(process.execPath, [launcher, "verify", evidence], { encoding: "utf8" });
    expect([launched.status, launched.stderr]).toEqual([1, ""]);
    expect(launched.stdout).toContain("NOT VERIFIED: signatures: keys_missing");
  });

  it("can reach no network, because nothing that it loads can", () => {
    const seen = new Set<string>();
    const outside = new Set<string>();
    const visit = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const entry of importsOf(path, readSource(path))) {
        if (entry.path !== null) visit(entry.path);
        else if (!entry.typeOnly) outside.add(entry.specifier);
      }
    };
    visit("infra/cli/verify.ts");
    const allowed = /^node:(?:fs|fs\/promises|path|util|zlib)$|^zod$|^@noble\//;
    expect([...outside].filter((specifier) => !allowed.test(specifier))).toEqual([]);
    expect(seen.size).toBeGreaterThan(30);
    const calls = [...seen].filter((path) => /\bfetch\(|\bWebSocket\b|\bEventSource\b/.test(readSource(path)));
    expect(calls).toEqual([]);
  });
});
