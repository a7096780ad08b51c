import { LIMITS } from "../../shared/contracts/limits.ts";
import { refuse, shown } from "./refusal.ts";

const BLOCK = 512;
const CHECKSUM = { at: 148, bytes: 8 } as const;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The files of a tar archive by their path without a leading slash (POSIX.1-2017, `pax`, ustar interchange format; what
 * `opa build` and plain `tar` write). Directories are passed over. Refuses every other entry, extended headers, paths that
 * lead elsewhere, the same path twice, and whatever follows the end.
 */
export function readTar(tar: Uint8Array<ArrayBuffer>): Map<string, Uint8Array<ArrayBuffer>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const seen = new Set<string>();
  let at = 0;
  for (;;) {
    const header = tar.subarray(at, at + BLOCK);
    if (header.length < BLOCK) malformed("the end is missing");
    if (isZero(header)) break;
    if (!hasChecksum(header)) malformed("a header has another checksum");
    const path = plainPath(pathOf(header));
    const size = octal(header, 124, 12);
    const type = String.fromCharCode(header[156] ?? 0);
    if (seen.size >= LIMITS.policyBundleFilesMax) refuse({ reason: "too_large", limit: "files" });
    if (seen.has(path)) refuse({ reason: "duplicate_file", file: shown(path) });
    seen.add(path);
    at += BLOCK;
    if (type === "0" || type === "\0") {
      if (path === "" || at + size > tar.length) malformed("a file is cut off");
      files.set(path, tar.slice(at, at + size));
      const end = at + Math.ceil(size / BLOCK) * BLOCK;
      if (!isZero(tar.subarray(at + size, end))) malformed("there is more after a file");
      at = end;
    } else if (type !== "5" || size !== 0) refuse({ reason: "entry_refused", file: shown(path) });
  }
  if (!isZero(tar.subarray(at))) malformed("there is more after the end");
  return files;
}

const malformed = (detail: string): never => refuse({ reason: "archive_malformed", detail });

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** The sum of the header's bytes, with spaces where the sum itself stands. */
function hasChecksum(header: Uint8Array): boolean {
  let sum = 0;
  header.forEach((byte, index) => {
    sum += index >= CHECKSUM.at && index < CHECKSUM.at + CHECKSUM.bytes ? 0x20 : byte;
  });
  return sum === octal(header, CHECKSUM.at, CHECKSUM.bytes);
}

function octal(header: Uint8Array, at: number, length: number): number {
  const text = field(header, at, length).trim();
  if (!/^[0-7]{1,11}$/.test(text)) return malformed("a number is not octal");
  return Number.parseInt(text, 8);
}

function field(header: Uint8Array, at: number, length: number): string {
  const bytes = header.subarray(at, at + length);
  const end = bytes.indexOf(0);
  try {
    return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
  } catch {
    return malformed("a name is not UTF-8");
  }
}

function pathOf(header: Uint8Array): string {
  const prefix = field(header, 257, 5) === "ustar" ? ustarPrefix(header) : "";
  const name = field(header, 0, 100);
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** GNU's format, whose magic ends with a space, keeps times where POSIX has the prefix. */
const ustarPrefix = (header: Uint8Array): string => (header[262] === 0x20 ? "" : field(header, 345, 155));

/** The path from the bundle's root: `opa build` writes a leading slash, `tar` of a folder `./`. */
function plainPath(stated: string): string {
  const path = stated.replace(/^(?:\.?\/)/, "").replace(/\/$/, "");
  if (path === "" || path === ".") return "";
  const isPlain = path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  // A backslash separates on some systems, and a control character never names a file of a bundle.
  if (!isPlain || /[\\\p{Cc}]/u.test(path)) return refuse({ reason: "path_refused", file: shown(stated) });
  return path;
}
