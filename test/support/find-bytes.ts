import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A file can go while its folder is read (a write-ahead log, a page that the database recycles). */
function readOrEmpty(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return Buffer.alloc(0);
    throw cause;
  }
}

export function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The forms in which a store could keep a text without hiding it: as it is, UTF-16, hex, and base64 at each alignment. */
export function formsOf(text: string): { form: string; bytes: Buffer }[] {
  const bytes = Buffer.from(text);
  const base64 = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    // The first characters carry the shift, the last ones what would follow: neither is the text's own.
    return encoded.slice(Math.ceil((shift * 4) / 3), Math.floor(((shift + bytes.length) * 4) / 3));
  });
  const encodings = [
    bytes.toString("hex"),
    ...base64,
    ...base64.map((each) => each.replaceAll("+", "-").replaceAll("/", "_")),
  ];
  return [
    { form: "text", bytes },
    { form: "utf-16", bytes: Buffer.from(text, "utf16le") },
    ...encodings.map((each) => ({ form: "encoded", bytes: Buffer.from(each) })),
  ];
}

/** Needles in all their forms, found in one pass: a table over two bytes leaves few places to compare. */
function searcher(needles: Readonly<Record<string, string>>): (bytes: Buffer) => Set<string> {
  const byStart = new Map<number, { name: string; bytes: Buffer }[]>();
  const starts = new Uint8Array(0x10000);
  for (const [name, text] of Object.entries(needles))
    for (const { bytes } of formsOf(text)) {
      const start = bytes.readUInt16LE(0);
      starts[start] = 1;
      byStart.set(start, [...(byStart.get(start) ?? []), { name, bytes }]);
    }
  return (bytes) => {
    const found = new Set<string>();
    for (let at = 0; at + 1 < bytes.length; at++) {
      const start = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
      if (starts[start] === 0) continue;
      for (const candidate of byStart.get(start) ?? [])
        if (bytes.subarray(at, at + candidate.bytes.length).equals(candidate.bytes)) found.add(candidate.name);
    }
    return found;
  };
}

/** `<where>: <name>` for every needle that the bytes hold in one of its forms. */
export function findIn(where: string, haystack: Buffer | string, needles: Readonly<Record<string, string>>): string[] {
  const bytes = typeof haystack === "string" ? Buffer.from(haystack) : haystack;
  return [...searcher(needles)(bytes)].map((name) => `${where}: ${name}`);
}

/** The same over every file under a folder, but those that `except` names. */
export function findUnder(
  folder: string,
  needles: Readonly<Record<string, string>>,
  except: readonly string[] = [],
): string[] {
  const find = searcher(needles);
  return filesUnder(folder)
    .filter((path) => !except.includes(path))
    .flatMap((path) => [...find(readOrEmpty(path))].map((name) => `${path.slice(folder.length + 1)}: ${name}`));
}
