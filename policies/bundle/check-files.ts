import { constantTimeEqualText } from "../../shared/crypto/constant-time-equal.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import type { Value } from "../engine/value.ts";
import type { Claims } from "./claims.ts";
import { isStructured, SIGNATURES } from "./layout.ts";
import { jsonOf } from "./parse-file.ts";
import { refuse, shown } from "./refusal.ts";
import { structuredText } from "./structured-text.ts";

/**
 * Holds the archive's files against the signed list: each one listed, each listed one there, each with its digest. Answers
 * the values of the structured files, so that what is used is what was hashed.
 */
export function checkFiles(
  files: ReadonlyMap<string, Uint8Array>,
  listed: Claims["files"],
): ReadonlyMap<string, Value> {
  const open = new Map<string, Claims["files"][number]>();
  for (const entry of listed) {
    const path = entry.name.replace(/^\//, "");
    if (open.has(path)) refuse({ reason: "claims_malformed", detail: `files: ${shown(path)} is there twice` });
    open.set(path, entry);
  }
  const values = new Map<string, Value>();
  for (const [path, bytes] of files) {
    if (path === SIGNATURES) continue;
    const entry = open.get(path) ?? refuse({ reason: "file_unlisted", file: shown(path) });
    open.delete(path);
    // The only one that `opa sign` uses; weaker ones exist in OPA and are not taken.
    if (entry.algorithm !== "SHA-256") refuse({ reason: "hash_algorithm", file: shown(path) });
    const digest = sha256Hex(isStructured(path) ? structured(path, bytes, values) : bytes);
    if (!constantTimeEqualText(digest, entry.hash)) refuse({ reason: "hash_mismatch", file: shown(path) });
  }
  for (const path of open.keys()) refuse({ reason: "listed_file_missing", file: shown(path) });
  return values;
}

function structured(path: string, bytes: Uint8Array, values: Map<string, Value>): Uint8Array {
  const value = jsonOf(path, bytes);
  values.set(path, value);
  return utf8(structuredText(value));
}
