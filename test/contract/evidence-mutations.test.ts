import { describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { decodeBundle } from "../../shared/crypto/log/entry-bundle.ts";
import { parseKeysFile } from "../../shared/evidence/keys-file.ts";
import { verifyExport } from "../../shared/evidence/ledger-export.ts";
import { verifyLogFolder } from "../../shared/evidence/log-folder.ts";
import type { Report } from "../../shared/evidence/report.ts";
import { verifyTaskEvidence } from "../../shared/evidence/task-evidence.ts";
import type { Trust } from "../../shared/evidence/trust.ts";
import { exportsOnTheWay } from "../support/corpus-exports.ts";
import { A, KEYS, madeLog, timeOf, WISH } from "../support/corpus-world.ts";
import { CORPUS, type CorpusRow } from "../support/evidence-corpus.ts";
import { type MadeFile, tarball } from "../support/evidence-maker.ts";
import { exportOf, manifestOf } from "../support/export-maker.ts";

function trustOf({ keys, checkpoint, request }: CorpusRow): Trust {
  const parsed = keys === null ? null : parseKeysFile(keys);
  if (parsed && !parsed.ok) throw new Error(parsed.error.detail);
  return { keys: parsed?.value ?? null, checkpoint: checkpoint ?? null, ...(request ? { request } : {}) };
}

const bytesOf = ({ content }: CorpusRow): Uint8Array => {
  if (content instanceof Uint8Array) return content;
  throw new Error("a folder is no file");
};

/** In pieces that no boundary of the archive falls on. */
async function* inPieces(bytes: Uint8Array, size = 1_021) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

const folderOf = (files: readonly MadeFile[]) => ({
  read: async (path: string, bytesMax: number) =>
    files.find(({ name }) => name === path)?.bytes.slice(0, bytesMax + 1) ?? null,
  list: async (folder: string) =>
    files
      .filter(({ name }) => name.startsWith(`${folder}/`))
      .map(({ name }) => name.slice(folder.length + 1))
      .filter((name) => !name.includes("/")),
});

async function verify(row: CorpusRow): Promise<Report> {
  if (row.content instanceof Uint8Array)
    return row.kind === "export"
      ? verifyExport(inPieces(row.content), trustOf(row))
      : verifyTaskEvidence(row.content, trustOf(row));
  return verifyLogFolder(folderOf(row.content), trustOf(row));
}

/** A report in the words of a row. */
function outcomeOf({ verified, own_keys, failure, first_bad_index: index }: Report): CorpusRow["expected"] {
  if (verified) return own_keys ? "own keys" : "verified";
  if (failure === null) throw new Error("neither verified nor a failure");
  const { check, reason } = failure;
  return { check, reason, ...(index === null ? {} : { index }) };
}

describe.each(["evidence", "export", "archive"] as const)(
  "%s: whatever somebody altered is refused by its name",
  (kind) => {
    const rows = CORPUS.filter((row) => row.kind === kind);

    it.each(rows.map((row) => [row.name, row] as const))("%s", async (_, row) => {
      const report = await verify(row);
      expect(outcomeOf(report), JSON.stringify(report.checks, null, 1)).toEqual(row.expected);
    });

    it("has a row for what is as the cell made it, so that refusing everything is no verifier", () => {
      expect(rows.filter(({ expected }) => expected === "verified").length).toBeGreaterThan(3);
      expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
    });
  },
);

describe("hostile input", () => {
  const [goodEvidence] = CORPUS.filter(({ kind }) => kind === "evidence");
  const [goodExport] = exportsOnTheWay();
  if (!goodEvidence || !goodExport) throw new Error("the corpus is empty");

  it("is refused and never crashes the verifier, wherever evidence is cut", () => {
    const bytes = bytesOf(goodEvidence);
    const trust = trustOf(goodEvidence);
    for (let at = 0; at < bytes.length; at += 997)
      expect(verifyTaskEvidence(bytes.slice(0, at), trust).verified, `cut at ${at}`).toBe(false);
  });

  it("is refused and never crashes the verifier, wherever an export is cut", async () => {
    const bytes = bytesOf(goodExport);
    const trust = trustOf(goodExport);
    for (let at = 0; at < bytes.length; at += 9_973)
      expect((await verifyExport(inPieces(bytes.slice(0, at), 65_536), trust)).verified, `cut at ${at}`).toBe(false);
  });

  it("is refused when it is deeper or larger than evidence can be, before anything recurses or is kept", () => {
    const trust = trustOf(goodEvidence);
    const nested = new TextEncoder().encode(`${"[".repeat(100_000)}${"]".repeat(100_000)}`);
    expect(outcomeOf(verifyTaskEvidence(nested, trust))).toEqual({ check: "signatures", reason: "malformed" });
    const huge = new Uint8Array(LIMITS.dsseBytesMax + 1);
    expect(outcomeOf(verifyTaskEvidence(huge, trust))).toEqual({ check: "signatures", reason: "too_large" });
  });

  it("is refused when a header promises more than a file of its name may have, and nothing of it is read", async () => {
    const bytes = Uint8Array.from(bytesOf(goodExport).slice(0, 512));
    bytes.set(new TextEncoder().encode("77777777777"), 124);
    const sum = bytes.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
    bytes.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
    let pulled = 0;
    const endless = (async function* () {
      yield bytes;
      for (;;) {
        pulled++;
        yield new Uint8Array(65_536);
      }
    })();
    expect(outcomeOf(await verifyExport(endless, trustOf(goodExport)))).toEqual({
      check: "archive",
      reason: "too_large",
    });
    expect(pulled).toBe(0);
  });

  it("prints nothing that a file wants a terminal to do", () => {
    const bytes = new TextEncoder().encode(
      JSON.stringify({ payloadType: "\u001b[2J\u202e", payload: "e30=", signatures: [{ keyid: "", sig: "" }] }),
    );
    const report = verifyTaskEvidence(bytes, { keys: null, checkpoint: null });
    expect(JSON.stringify(report.checks)).toContain("payload_type_unknown");
    for (const { detail } of report.checks) expect(detail).toMatch(/^[\x20-\x7e…]*$/);
  });
});

describe("an export that is larger than the memory for its tiles", () => {
  const log = madeLog(1_400);
  const wish = { ...WISH, size: 1_400, history: [], from: timeOf(0), to: timeOf(1_400), generatedAt: timeOf(1_400) };
  const { files, predicate } = exportOf(log, wish);
  const verifyFiles = (all: MadeFile[]) =>
    verifyExport(
      inPieces(tarball([...all, manifestOf(all, predicate, [A])]), 65_536),
      trustOf({ kind: "export", name: "", content: [], keys: KEYS, expected: "verified" }),
      { tileBytesKept: 0 },
    );

  it("is verified all the same, and a bad entry is named by its tile", async () => {
    expect(outcomeOf(await verifyFiles(files))).toBe("verified");
    const altered = files.map((file) => {
      if (file.name !== "tile/0/001") return file;
      const bytes = Uint8Array.from(file.bytes);
      bytes[100 * 32] = (bytes[100 * 32] ?? 0) ^ 1;
      return { ...file, bytes };
    });
    expect(outcomeOf(await verifyFiles(altered))).toEqual({ check: "tiles", reason: "leaf_differs", index: 256 });
  });
});

it("decodes what the corpus wrote as bundles, so that an archive of it is one", () => {
  const archive = CORPUS.find(({ kind }) => kind === "archive")?.content;
  if (!archive || archive instanceof Uint8Array) throw new Error("no archive");
  const bundle = archive.find(({ name }) => name === "tile/entries/000");
  expect(bundle && decodeBundle(bundle.bytes)).toMatchObject({ ok: true });
});
