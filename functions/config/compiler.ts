import type { SecretRef } from "../../shared/contracts/config/snapshot.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import type { CompileConfig } from "../../shared/contracts/ports/config-source.ts";
import { ok } from "../../shared/contracts/result.ts";
import { type ConfiguredCell, compileSnapshot } from "./compile.ts";

export interface CompilerOptions {
  cell: ConfiguredCell;
  secretsPresent: (ref: SecretRef) => boolean;
  /** A variable that is no secret; null when it is not set. */
  variable: (name: string) => string | null;
}

/** The compiler of one cell: reads `base_url: env:NAME`, then compiles. What was read is part of the digest. */
export const snapshotCompiler =
  ({ cell, secretsPresent, variable }: CompilerOptions): CompileConfig =>
  (files) => {
    const expanded = expandBaseUrls(files, variable);
    const compiled = compileSnapshot(expanded, cell, secretsPresent);
    return compiled.ok ? ok({ snapshot: compiled.value, files: expanded }) : compiled;
  };

/** `providers.<name>.base_url: env:NAME` becomes the variable's text, or null when it is not set. */
export function expandBaseUrls(files: JsonObject, variable: (name: string) => string | null): JsonObject {
  const file = files["providers.yml"];
  if (!isJsonObject(file) || !isJsonObject(file.providers)) return files;
  const providers = Object.entries(file.providers).map(([name, entry]): [string, JsonValue] => {
    if (!isJsonObject(entry) || typeof entry.base_url !== "string") return [name, entry];
    const reference = /^env:([A-Za-z_][A-Za-z0-9_]{0,127})$/.exec(entry.base_url);
    if (reference?.[1] === undefined) return [name, entry];
    return [name, { ...entry, base_url: variable(reference[1]) || null }];
  });
  return { ...files, "providers.yml": { ...file, providers: Object.fromEntries(providers) } };
}
