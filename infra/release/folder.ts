import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { sha256 } from "../../shared/crypto/sha256.ts";

/** The one file of a release that its own provenance does not name. */
export const PROVENANCE_FILE = "provenance.dsse.json";

/** Every file under a folder by its path with `/`, and its SHA-256 in hex. */
export function digestsOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
  return new Map(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .map(
        (path) => [path.slice(folder.length + 1).replaceAll("\\", "/"), encodeHex(sha256(readFileSync(path)))] as const,
      )
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
