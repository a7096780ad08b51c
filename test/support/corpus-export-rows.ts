import type { JsonObject } from "../../shared/contracts/json.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { A, type CorpusRow, EXPORT, KEYS } from "./corpus-world.ts";
import { type MadeFile, type MadePair, tarball } from "./evidence-maker.ts";
import { manifestOf } from "./export-maker.ts";

export type Expected = CorpusRow["expected"];
export type Fault = Exclude<Expected, string>;

export const at = (check: string, reason: Fault["reason"], index?: number): Fault =>
  index === undefined ? { check, reason } : { check, reason, index };

export const row = (
  name: string,
  content: Uint8Array,
  expected: Expected,
  more: Partial<CorpusRow> = {},
): CorpusRow => ({
  kind: "export",
  name,
  content,
  keys: KEYS,
  expected,
  ...more,
});

export const MANIFEST = manifestOf(EXPORT.files, EXPORT.predicate, [A]);
export const FILES: readonly MadeFile[] = [...EXPORT.files, MANIFEST];

/** The files with another content at a name; nothing for null. */
export function swapped(
  files: readonly MadeFile[],
  name: string,
  content: (bytes: Uint8Array) => Uint8Array | null,
): MadeFile[] {
  if (!files.some((file) => file.name === name)) throw new Error(`no file ${name}`);
  return files.flatMap((file) => {
    const bytes = file.name === name ? content(file.bytes) : file.bytes;
    return bytes === null ? [] : [{ name: file.name, bytes }];
  });
}

export const flippedByte = (place: number) => (bytes: Uint8Array) => {
  const copy = Uint8Array.from(bytes);
  const index = place < 0 ? copy.length + place : place;
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
};
export const gone = () => null;
export const edited = (change: (text: string) => string) => (bytes: Uint8Array) =>
  utf8(change(new TextDecoder().decode(bytes)));
export const lines = (change: (lines: string[]) => string[]) =>
  edited((text) =>
    change(text.split("\n").slice(0, -1))
      .map((line) => `${line}\n`)
      .join(""),
  );

export const MIDDLE = "entries/0000000000000259.jsonl";
export const LAST = "entries/0000000000000512.jsonl";
export const FIRST_TILE = "tile/0/001";
export const ARCHIVED = "checkpoint-history/0000000000000420";

/** The archive with other files, and a manifest that the cell signed over these. */
export function signed(
  files: readonly MadeFile[],
  predicate: JsonObject = EXPORT.predicate,
  pairs: readonly MadePair[] = [A],
  more: JsonObject = {},
) {
  return tarball([...files, manifestOf(files, predicate, pairs, more)]);
}
