import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import type { CompileConfig, ConfigSource } from "../../../shared/contracts/ports/config-source.ts";
import { Activation, unusable } from "./activation.ts";
import { parseFiles } from "./yaml.ts";

/**
 * A configuration that came with the deployment: file name → YAML text, or already parsed. It changes with the next
 * deployment only. Throws `ConfigUnusable`, one line, when it does not compile.
 */
export function bundledConfigSource(bundle: JsonValue | undefined, compile: CompileConfig): ConfigSource {
  const what = "the bundled configuration";
  if (!isJsonObject(bundle))
    throw unusable(what, [{ file: "bundle", path: "", message: "expected an object of files by name" }]);
  const files: JsonObject = {};
  const texts = new Map<string, string>();
  for (const [name, content] of Object.entries(bundle)) {
    if (typeof content === "string") texts.set(name, content);
    else files[name] = content;
  }
  const parsed = parseFiles(texts);
  if (!parsed.ok) throw unusable(what, parsed.error);
  const compiled = compile({ ...files, ...parsed.value });
  if (!compiled.ok) throw unusable(what, compiled.error);
  const nothing = () => {};
  return new Activation(compiled.value, nothing, nothing);
}
