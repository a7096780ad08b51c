import { CONFIG_FILES, type ConfigProblem, isConfigFile } from "../../../shared/contracts/config/problem.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ActiveConfig, CompileConfig, ConfigSource } from "../../../shared/contracts/ports/config-source.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { Activation, unusable } from "./activation.ts";
import type { FolderHost } from "./folder-host.ts";
import { parseFiles } from "./yaml.ts";

/** Runs `work` once after `ms`; answers the function that cancels it. */
export type Schedule = (ms: number, work: () => void) => () => void;

export interface FolderOptions {
  folder: string;
  host: FolderHost;
  compile: CompileConfig;
  /** What goes wrong in watching or in a listener; nothing here stops the cell. */
  onError: (error: unknown) => void;
  schedule?: Schedule;
  /** Quiet time after a change before the files are read: an editor writes in several steps. */
  debounceMs?: number;
  /** Between looks at the files where the watch says nothing (network shares, mounted volumes). */
  pollMs?: number;
}

const realSchedule: Schedule = (ms, work) => {
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
};

/**
 * The configuration in a folder, reloaded when a file changes. All files are read and compiled as one; what does not
 * compile leaves the snapshot in force and is named in `state()`. Whether a secret is present is asked at that time.
 * Rejects with `ConfigUnusable`, one line, when there is nothing good to begin with.
 */
export async function folderConfigSource(options: FolderOptions): Promise<ConfigSource> {
  const { folder, host, compile, onError, schedule = realSchedule, debounceMs = 200, pollMs = 5_000 } = options;
  const firstTexts = await readTexts(host, folder);
  const first = compiled(firstTexts, compile);
  if (!first.ok) throw unusable(`the configuration in ${folder}`, first.error);

  let seen = JSON.stringify(firstTexts);
  let closed = false;
  let cancelDebounce = () => {};
  let cancelPoll = () => {};
  let reading: Promise<void> = Promise.resolve();

  const reload = async (): Promise<void> => {
    const texts = await readTexts(host, folder);
    const now = JSON.stringify(texts);
    if (closed || now === seen) return;
    seen = now;
    activation.offer(compiled(texts, compile));
  };
  /** One reading at a time, in the order of the changes. */
  const queueReload = () => {
    reading = reading.then(reload).catch(onError);
    return reading;
  };
  const changed = () => {
    cancelDebounce();
    if (!closed) cancelDebounce = schedule(debounceMs, () => void queueReload());
  };
  const poll = () => {
    if (!closed) cancelPoll = schedule(pollMs, () => void queueReload().then(poll));
  };
  // A watch that cannot start or breaks off is reported; the poll goes on.
  let unwatch = () => {};
  try {
    unwatch = host.watch(folder, changed, onError);
  } catch (thrown) {
    onError(thrown);
  }
  const activation = new Activation(first.value, onError, () => {
    closed = true;
    cancelDebounce();
    cancelPoll();
    unwatch();
  });
  poll();
  return activation;
}

type Texts = Result<[string, string][], ConfigProblem[]>;

/** The texts of all configuration files, sorted by name. `.yaml` is read as `.yml`; both at once is a mistake. */
async function readTexts(host: FolderHost, folder: string): Promise<Texts> {
  let names: string[];
  try {
    names = await host.list(folder);
  } catch (thrown) {
    return err([{ file: folder, path: "", message: `the folder cannot be read (${reasonOf(thrown)})` }]);
  }
  const problems: ConfigProblem[] = [];
  const texts = new Map<string, string>();
  let bytesLeft: number = LIMITS.configBytesMax;
  for (const name of names.filter((name) => /^[^.].*\.ya?ml$/.test(name)).sort()) {
    const file = name.replace(/\.yaml$/, ".yml");
    if (!isConfigFile(file)) continue;
    if (texts.has(file))
      problems.push({ file, path: "", message: "stands beside a file of the same name with another ending" });
    try {
      const text = await host.read(`${folder}/${name}`, bytesLeft);
      bytesLeft -= text.length;
      texts.set(file, text);
      // A file that somebody is about to write is empty first: it must not take every model away for a moment.
      if (text.trim() === "") problems.push({ file, path: "", message: "is empty" });
    } catch (thrown) {
      problems.push({ file: name, path: "", message: `cannot be read (${reasonOf(thrown)})` });
    }
  }
  if (texts.size === 0 && problems.length === 0)
    problems.push({ file: folder, path: "", message: `holds none of ${CONFIG_FILES.join(", ")}` });
  return problems.length > 0 ? err(problems) : ok([...texts]);
}

function compiled(texts: Texts, compile: CompileConfig): Result<ActiveConfig, ConfigProblem[]> {
  if (!texts.ok) return texts;
  const files: Result<JsonObject, ConfigProblem[]> = parseFiles(new Map(texts.value));
  return files.ok ? compile(files.value) : files;
}

const reasonOf = (thrown: unknown): string => {
  if (thrown instanceof RangeError) return thrown.message;
  if (thrown instanceof TypeError) return "it is not UTF-8 text";
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : String(thrown);
};
