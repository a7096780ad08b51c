import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { decodeBase64url } from "../../shared/crypto/base64url.ts";
import { formatVerifierKey } from "../../shared/crypto/log/note.ts";
import { A, LOG, ORIGIN, SIZE } from "../support/corpus-world.ts";
import type { MadeFile } from "../support/evidence-maker.ts";
import { archiveOf } from "../support/export-maker.ts";
import { LAB_SIGNER, LOG_ORIGIN, LogLab, PREFIX, TENANT } from "../support/log-lab.ts";
import { MemoryObjectStore } from "../support/memory-object-store.ts";

const MODULE = "github.com/transparency-dev/tessera/cmd/fsck@v1.0.4";
const BIN = resolve(import.meta.dirname, "../../.cache/tessera");
const BUILD_MS = 110_000;
const CHECK_MS = 30_000;

/** The checker of the transparency-dev project, built once from its Go module; why there is none otherwise. */
function builtFsck(): { path: string } | { missing: string } {
  const path = join(BIN, "fsck");
  if (existsSync(path)) return { path };
  if (spawnSync("go", ["version"]).status !== 0) return { missing: "neither fsck nor Go to build it is here" };
  mkdirSync(BIN, { recursive: true });
  const built = spawnSync("go", ["install", MODULE], {
    env: { ...process.env, GOBIN: BIN },
    encoding: "utf8",
    timeout: BUILD_MS,
  });
  if (built.status === 0 && existsSync(path)) return { path };
  const [line = "no word"] = (built.stderr || String(built.error ?? "")).trim().split("\n").slice(-1);
  return { missing: `fsck could not be built: ${line}` };
}

const fsck = builtFsck();
if ("missing" in fsck) process.stdout.write(`skipped: ${fsck.missing}\n`);

const home = mkdtempSync(join(tmpdir(), "bailiwick-fsck-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const VKEY = formatVerifierKey({ name: ORIGIN, publicKey: A.edPublic });

/** A worker ends with the first resource that differs, and with fewer workers than resources fsck then waits for ever. */
const WORKERS = 16;

/** What fsck says about a folder; it exits with 0 either way, so its log is what counts. */
function check(name: string, files: readonly MadeFile[], vkey = VKEY): string {
  if ("missing" in fsck) throw new Error(fsck.missing);
  const folder = join(home, name);
  for (const file of files) {
    const path = join(folder, "log", file.name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.bytes);
  }
  writeFileSync(join(folder, "key"), vkey);
  const words = [`--storage_url=file://${join(folder, "log")}/`, `--public_key=${join(folder, "key")}`, "--ui=false"];
  const ran = spawnSync(fsck.path, [...words, `--N=${WORKERS}`, "--logtostderr", "--v=1"], {
    encoding: "utf8",
    timeout: CHECK_MS,
  });
  if (ran.error) throw ran.error;
  return ran.stderr;
}

const FILES = archiveOf(LOG, [SIZE], [A]);
const flipped = (name: string, place: number): MadeFile[] =>
  FILES.map((file) => {
    if (file.name !== name) return file;
    const bytes = Uint8Array.from(file.bytes);
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    return { ...file, bytes };
  });

describe.skipIf("missing" in fsck)(
  "a third party's checker of C2SP logs, so that our reading of the formats is not only ours",
  () => {
    it("finds nothing wrong with an archive of ours, tiles, entries and checkpoint", () => {
      const said = check("good", FILES);
      expect(said).toContain(`Successfully fsck'd log with size ${SIZE}`);
      expect(said).not.toContain("fsck failed");
    });

    it.each([
      ["a hash of a level-0 tile", "tile/0/001", 44 * 32],
      ["a hash of a level-1 tile", "tile/1/000.p/2", 40],
      ["a hash at the right edge", "tile/0/002.p/88", 33],
      ["an entry", "tile/entries/001", 4_000],
      ["the checkpoint's signature", "checkpoint", readPlace()],
    ])("finds %s that was altered", (name, path, place) => {
      expect(check(`bad ${name}`, flipped(path, place))).toContain("fsck failed");
    });

    it("finds nothing wrong with what the cell's publisher archived, over several publications", async () => {
      const { files, vkey } = await publishedByACell();
      const said = check("published", files, vkey);
      expect(said).toContain(`Successfully fsck'd log with size ${PUBLISHED_ENTRIES}`);
      expect(said).not.toContain("fsck failed");
    });

    it("finds a log that another key signed", () => {
      const other = formatVerifierKey({ name: ORIGIN, publicKey: new Uint8Array(32).fill(1) });
      expect(check("other key", FILES, other)).toContain("fsck failed");
    });
  },
);

const PUBLISHED_ENTRIES = 700;

/** A tenant's log as its object published it, and its verifier key. */
async function publishedByACell(): Promise<{ files: MadeFile[]; vkey: string }> {
  const stores: MemoryObjectStore[] = [];
  const lab = new LogLab((now) => {
    const store = new MemoryObjectStore(now);
    stores.push(store);
    return store;
  });
  try {
    for (const size of [40, 300, PUBLISHED_ENTRIES]) {
      lab.append(size - lab.size, 1_000);
      await lab.settle();
    }
    const files = [...(stores[0]?.objects ?? [])].flatMap(([key, versions]) => {
      const newest = versions.at(-1);
      return newest && key.startsWith(PREFIX) ? [{ name: key.slice(PREFIX.length), bytes: newest.bytes }] : [];
    });
    const ed25519 = (await LAB_SIGNER.keys()).find(({ alg }) => alg === "Ed25519");
    const publicKey = decodeBase64url(ed25519?.jwk.x ?? "");
    if (publicKey === null) throw new Error("the signer has no Ed25519 key");
    return { files, vkey: formatVerifierKey({ name: `${LOG_ORIGIN}/${TENANT}`, publicKey }) };
  } finally {
    lab.close();
  }
}

/** A byte well inside the signature of the checkpoint's note. */
function readPlace(): number {
  const note = FILES.find(({ name }) => name === "checkpoint")?.bytes;
  if (!note) throw new Error("the archive has no checkpoint");
  return note.length - 20;
}

it.skipIf("missing" in fsck)("is the version that was asked for", () => {
  if ("missing" in fsck) return;
  const said = spawnSync("go", ["version", "-m", fsck.path], { encoding: "utf8" });
  // Without Go, a binary that is here already tells its version itself.
  const text = said.status === 0 ? said.stdout : readFileSync(fsck.path, "latin1");
  expect(text).toMatch(/github\.com\/transparency-dev\/tessera\s+v1\.0\.4/);
});
