import { encodeBase64 } from "../crypto/log/base64.ts";
import { EMPTY_ROOT } from "../crypto/log/tree.ts";
import { type HeldCheckpoint, signingFault, treeFault } from "./export-checkpoints.ts";
import { exportFileBytesMax } from "./export-files.ts";
import { type Manifest, openManifest, readDocument, repeatedFault } from "./export-manifest.ts";
import { ExportReader } from "./export-reader.ts";
import { exportedRange, Spans } from "./export-spans.ts";
import { neededTiles } from "./export-tiles.ts";
import { type Fault, fault, shown } from "./fault.ts";
import type { Report, Step } from "./report.ts";
import { readTar } from "./tar-reader.ts";
import type { SignedDuring, Trust } from "./trust.ts";

export interface ExportOptions {
  /** Level-0 tiles kept in memory to name a bad entry exactly; a bound of `limits.ts` otherwise. */
  tileBytesKept?: number;
}

/**
 * Verifies the export of a period against what its reader trusts, by docs/ledger.md §5. Reads the archive once, in memory
 * that grows with the number of files and not with their sizes. Never throws for any bytes; rejects if `archive` does.
 */
export async function verifyExport(
  archive: AsyncIterable<Uint8Array>,
  trust: Trust,
  { tileBytesKept }: ExportOptions = {},
): Promise<Report> {
  const reader = new ExportReader(trust, tileBytesKept);
  const { findings } = reader;
  for await (const file of readTar(archive, exportFileBytesMax)) if (!reader.take(file)) break;
  reader.demandNoNote();
  if (!findings.failed("archive") && !findings.failed("files")) conclude(reader, trust);
  return findings.report("ledger export", trust.keys === null);
}

/** The steps that need the whole archive. */
function conclude(reader: ExportReader, trust: Trust): void {
  const { findings, files, main, passage } = reader;
  findings.set("archive", { ok: `${files.size} files and their manifest, whole` });
  const manifest = concludeManifest(reader, trust);
  if (main === null) {
    findings.fail("checkpoint", fault("file_missing", "there is no checkpoint"));
    return;
  }
  const spans = reader.spansFile === null ? null : readDocument(reader.spansFile, Spans, "spans.json");
  concludeTree(reader, main, spans?.ok ? spans.value : null);
  const generatedMs = manifest?.predicate.generated_at ?? passage.last?.atMs ?? 0;
  const newestMs = passage.last?.atMs ?? generatedMs;
  const during = { fromMs: newestMs, toMs: Math.max(newestMs, generatedMs) };
  concludeCheckpoints(reader, main, during, manifest?.predicate.origin ?? main.origin, trust);
  if (spans !== null && !spans.ok) findings.fail("spans", spans.error);
  else if (spans !== null && manifest !== null) concludePeriod(reader, main, manifest, spans.value);
}

function concludeManifest({ findings, files, keys, manifestFile }: ExportReader, trust: Trust): Manifest | null {
  if (manifestFile === null) {
    findings.fail("signatures", fault("manifest_missing", "there is no manifest: the archive was cut"));
    return null;
  }
  const { signatures, manifest } = openManifest(manifestFile, keys);
  if (signatures === null) findings.fail("signatures", fault("keys_missing", "the archive brings no keys"));
  else if ("fault" in signatures) findings.set("signatures", signatures);
  else findings.set("signatures", { ok: trust.keys === null ? "under the keys inside the file" : "under your keys" });
  if (manifest === null) return null;
  if (!manifest.ok) {
    findings.fail("statement", manifest.error);
    return null;
  }
  const { predicate, statement } = manifest.value;
  findings.set("statement", { ok: `export of ${shown(predicate.origin)} by cell ${shown(predicate.cell)}` });
  const wrong = files.listedFault(statement.subject);
  findings.set("files", wrong ? { fault: wrong } : { ok: `${statement.subject.length} as listed` });
  return manifest.value;
}

/** `spans` says which entries there should be; without it the tiles must be those of the entries that are there. */
function concludeTree(reader: ExportReader, main: HeldCheckpoint, spans: Spans | null): void {
  const { findings, passage } = reader;
  const { first, last, count } = passage;
  findings.set("entries", {
    ok: `${count} in order and linked${first && last ? `, ${first.index} to ${last.index}` : ""}`,
  });
  findings.set("tiles", { ok: "every entry is the one of its tile" });
  const tree = reader.tree();
  const told = spans?.size === main.size ? exportedRange(spans) : null;
  const { start, end } = told ?? { start: first?.index ?? 0, end: (last?.index ?? -1) + 1 };
  const rootStep = (): Fault | string => {
    for (const tile of neededTiles(start, end, main.size)) {
      if (!tree?.has(tile)) return fault("tile_missing", `tile ${tile.n} of level ${tile.level} is missing`);
    }
    const wrong = tree?.unlinked() ?? treeFault(main, tree === null ? EMPTY_ROOT : tree.rootAt(main.size));
    return wrong ?? `tiles lead to ${encodeBase64(main.root)}, number of tiles ${tree?.count ?? 0}`;
  };
  const step = rootStep();
  if (typeof step === "string") findings.set("root", { ok: step });
  // A leaf that is not its tile's is named exactly; from the tile above only the tile could be.
  else findings.fail("root", findings.failed("tiles") ? fault(step.reason, step.detail) : step);
}

function concludeCheckpoints(
  reader: ExportReader,
  main: HeldCheckpoint,
  during: SignedDuring,
  stated: string,
  trust: Trust,
): void {
  const { findings, archived, passage } = reader;
  const isTree = !findings.failed("root");
  const rootAt = (size: number) => reader.tree()?.rootAt(size) ?? null;
  const ownStep = compareWithOwn(reader, main, trust);
  findings.set("own checkpoint", ownStep);
  const bad = signingFault(main, during);
  // Good checkpoints of the same tree that cover every exported entry prove what compromised keys signed.
  const good = archived.filter(
    (held) => signingFault(held, during) === null && treeFault(held, rootAt(held.size)) === null,
  );
  if (bad === null) good.push(main);
  if ("ok" in ownStep && reader.own?.ok) good.push(reader.own.value);
  const proven = isTree && good.some(({ size }) => size > (passage.last?.index ?? -1));
  const excused = (found: Fault | null) => found === null || (found.reason === "key_compromised" && proven);

  const about = `${shown(main.origin)} at size ${main.size}`;
  if (bad && !excused(bad)) findings.fail("checkpoint", bad);
  else if (stated !== main.origin)
    findings.fail("checkpoint", fault("origin_differs", `the manifest is of ${shown(stated)}`));
  else
    findings.set("checkpoint", { ok: bad ? `${about}; its key is compromised, another checkpoint proves it` : about });

  for (const held of archived) {
    const wrong = signingFault(held, during);
    const refused = wrong && !excused(wrong) ? { ...wrong, detail: `at size ${held.size}: ${wrong.detail}` } : null;
    const found = refused ?? (isTree ? treeFault(held, rootAt(held.size)) : null);
    if (found === null) continue;
    findings.fail("archived checkpoints", found);
    return;
  }
  if (isTree) findings.set("archived checkpoints", { ok: `all of the same tree, number ${archived.length}` });
}

/** The reader's own checkpoint may be at any size whose root the tiles tell. */
function compareWithOwn(reader: ExportReader, main: HeldCheckpoint, trust: Trust): Step {
  if (trust.checkpoint === null) return { skipped: "none was given (--checkpoint)" };
  if (reader.own === null) return { skipped: "there are no keys to check it under" };
  if (!reader.own.ok) return { fault: reader.own.error };
  const own = reader.own.value;
  if (own.origin !== main.origin) return { fault: fault("origin_differs", `yours is of ${shown(own.origin)}`) };
  const root = own.size === 0 ? EMPTY_ROOT : (reader.tree()?.rootAt(own.size) ?? null);
  if (root === null) return { skipped: `the tiles do not tell the root at size ${own.size}, where yours is` };
  if (treeFault(own, root))
    return { fault: fault("root_differs", `at size ${own.size} yours has another root: there are two logs`) };
  return { ok: `yours, at size ${own.size}, is of the same tree` };
}

function concludePeriod(reader: ExportReader, main: HeldCheckpoint, manifest: Manifest, spans: Spans): void {
  const { findings, archived, passage, spansFile } = reader;
  const { from, to, first, count, size } = spans;
  const outside = archived.find((held) => held.size <= first || held.size > first + count);
  if (outside)
    findings.fail("archived checkpoints", fault("border_wrong", `that at size ${outside.size} is not of the period`));
  // What an entry that cannot be read leaves open is not held against the period.
  if (findings.failed("entries")) return;
  const wrong =
    size === main.size
      ? passage.bordersFault(spans)
      : fault("size_differs", `spans.json speaks of ${size} entries, the checkpoint of ${main.size}`);
  const period = `${new Date(from).toISOString()} to ${new Date(to).toISOString()}`;
  findings.set("borders", wrong ? { fault: wrong } : { ok: `${count} entries from ${period}` });
  const untold = repeatedFault(manifest, spansFile ?? new Uint8Array()) ?? (wrong ? null : passage.spansFault(spans));
  if (untold) findings.fail("spans", untold);
  else if (!wrong)
    findings.set("spans", { ok: `no gap; stretches of an hour or more without an entry: ${spans.spans.length}` });
}
