import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CorpusRow } from "./corpus-world.ts";

/** A row as words of a verifier's command line. */
export interface WrittenRow {
  row: CorpusRow;
  words: string[];
}

/** Writes rows to a folder, each as anybody would get it, so that verifiers in any language read the very same bytes. */
export function writeCorpus(rows: readonly CorpusRow[], folder: string): WrittenRow[] {
  return rows.map((row, at) => {
    const place = join(folder, `${String(at).padStart(3, "0")}-${row.kind}`);
    mkdirSync(place);
    const write = (name: string, bytes: Uint8Array): string => {
      const path = join(place, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
      return path;
    };
    const words: string[] = [];
    if (row.content instanceof Uint8Array)
      words.push(write(row.kind === "evidence" ? "evidence.json" : "export.tar", row.content));
    else {
      for (const { name, bytes } of row.content) write(`log/${name}`, bytes);
      words.push(join(place, "log"));
    }
    if (row.keys !== null) words.push("--keys", write("keys.json", row.keys));
    if (row.checkpoint) words.push("--checkpoint", write("checkpoint", row.checkpoint));
    if (row.request) words.push("--request-body", write("request", row.request));
    return { row, words };
  });
}
