import { parseAllDocuments } from "yaml";
import { type ConfigProblem, problemPath } from "../../../shared/contracts/config/problem.ts";
import type { JsonObject, JsonValue } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";

/** Aliases that one file may use: anchors save repetition, a thousand of them is an attack. */
const ALIASES_MAX = 100;
/** Values in one file after aliases are followed: 1,000 models with 20 facts each are 25,000. */
const VALUES_MAX = 200_000;
const DEPTH_MAX = 64;

/**
 * One file as JSON. YAML 1.2 core only: a duplicate key, a second document, a tag of its own, a merge key, a key that is
 * no text, a number that JSON lacks, a circle and an alias bomb are mistakes, each with its line. Empty text is `{}`.
 */
export function parseYaml(file: string, text: string): Result<JsonValue, ConfigProblem[]> {
  const mistakes: ConfigProblem[] = [];
  const mistake = (message: string, path: readonly PropertyKey[] = []) =>
    void mistakes.push({ file, path: problemPath(path), message });
  const documents = parseAllDocuments(text, {
    version: "1.2",
    schema: "core",
    strict: true,
    uniqueKeys: true,
    stringKeys: true,
    merge: false,
    resolveKnownTags: false,
    customTags: null,
    prettyErrors: true,
    logLevel: "silent",
  });
  if ("empty" in documents) return ok({});
  if (documents.length > 1) mistake("holds more than one document");
  const [document] = documents;
  if (document === undefined) return ok({});
  // Warnings are what this parser would guess about: unknown tags and directives.
  for (const { message, linePos } of [...document.errors, ...document.warnings])
    mistake(`line ${linePos?.[0].line ?? "?"}: ${firstLine(message)}`);
  if (mistakes.length > 0) return err(mistakes);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (thrown) {
    if (!(thrown instanceof ReferenceError)) throw thrown;
    mistake(firstLine(thrown.message));
    return err(mistakes);
  }
  const json = toJson(value ?? {}, mistake);
  return mistakes.length > 0 || json === null ? err(mistakes) : ok(json);
}

const firstLine = (message: string): string =>
  (message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, "");

/** A copy that is a tree of plain JSON; null once anything is wrong. */
function toJson(root: unknown, mistake: (message: string, path: readonly PropertyKey[]) => void): JsonValue | null {
  let values = 0;
  return copy(root, []);

  function copy(value: unknown, path: PropertyKey[]): JsonValue | null {
    if (++values > VALUES_MAX) {
      if (values === VALUES_MAX + 1) mistake(`more than ${VALUES_MAX} values after following aliases`, []);
      return null;
    }
    if (path.length > DEPTH_MAX) {
      mistake(`nested deeper than ${DEPTH_MAX}`, path.slice(0, 4));
      return null;
    }
    if (value === null || typeof value === "string" || typeof value === "boolean") return value;
    if (typeof value === "number") {
      if (Number.isFinite(value)) return value;
      mistake("a number that JSON cannot hold", path);
      return null;
    }
    if (Array.isArray(value)) return value.map((element, at) => copy(element, [...path, at]));
    if (typeof value === "object") {
      const members = Object.entries(value).map(([key, member]): [string, JsonValue] => {
        if (key === "<<") mistake("merge keys are not accepted", [...path, key]);
        return [key, copy(member, [...path, key])];
      });
      return Object.fromEntries(members) satisfies JsonObject;
    }
    mistake("a value that JSON cannot hold", path);
    return null;
  }
}

/** Parses each file; all mistakes of all files, or the files as JSON. */
export function parseFiles(texts: ReadonlyMap<string, string>): Result<JsonObject, ConfigProblem[]> {
  const mistakes: ConfigProblem[] = [];
  const bytes = [...texts.values()].reduce((sum, text) => sum + text.length, 0);
  if (bytes > LIMITS.configBytesMax)
    return err([{ file: "configuration", path: "", message: `is larger than ${LIMITS.configBytesMax} bytes` }]);
  const files: JsonObject = {};
  for (const [file, text] of texts) {
    const parsed = parseYaml(file, text);
    if (parsed.ok) files[file] = parsed.value;
    else mistakes.push(...parsed.error);
  }
  return mistakes.length > 0 ? err(mistakes) : ok(files);
}
