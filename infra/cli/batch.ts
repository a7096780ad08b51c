import { open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import {
  type BatchState,
  cellAccess,
  createBatch,
  download,
  readBatch,
  Unreachable,
  uploadInput,
} from "./batch-client.ts";
import { EXIT, Refused, type Run, type Terminal, Usage } from "./command.ts";

const ENDED: ReadonlySet<string> = new Set(["completed", "failed", "expired", "cancelled"]);
const LOOK_MS = 1_000;
/** Whoever does not answer for so long is not waited for; the same command goes on later. */
const PATIENCE_MS = 5 * 60_000;
const BAR_CHARS = 30;
const NAMED_MAX = 20;

interface Words {
  file: string;
  model: string | null;
  /** null: the one that the file's first line names. */
  endpoint: string | null;
}

function read(words: readonly string[]): Words {
  const [verb, ...rest] = words;
  if (verb !== "run") throw new Usage(verb === undefined ? "say what to do: run" : `no command batch ${verb}`);
  let file: string | null = null;
  const options: Record<string, string> = {};
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at] ?? "";
    if (word === "--model" || word === "--endpoint") {
      const value = rest[++at];
      if (value === undefined) throw new Usage(`${word} wants a value`);
      options[word] = value;
    } else if (word.startsWith("-")) throw new Usage(`no option ${word}`);
    else if (file === null) file = word;
    else throw new Usage("one file at a time");
  }
  if (file === null) throw new Usage("name the file of requests");
  return { file, model: options["--model"] ?? null, endpoint: options["--endpoint"] ?? null };
}

/** Of a file's first line: longer ones name their `url` before their body. */
const FIRST_LINE_BYTES = 64 * 1024;

/** The endpoint that the first request of a file names; null when it names none, which the cell tells by its line. */
export function endpointOf(text: string): string | null {
  const [line = ""] = text.trimStart().split("\n", 1);
  try {
    const { url } = JSON.parse(line);
    return typeof url === "string" ? url : null;
  } catch {
    // Cut inside its body, or no JSON.
    return /^\{(?:\s*"(?:custom_id|method)"\s*:\s*"[^"\\]*"\s*,)*\s*"url"\s*:\s*"([^"\\]*)"/.exec(line)?.[1] ?? null;
  }
}

async function beginning(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(FIRST_LINE_BYTES), position: 0 });
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** What a run has begun, beside its input: the same command goes on with it. */
interface Begun {
  /** Size and time of the input, and what was asked: another input begins anew. */
  of: string;
  cell: string;
  input: string | null;
  batch: string | null;
}

/**
 * Uploads a file of requests, creates its batch, shows how it goes and downloads output and errors. Stopped at any moment,
 * the same command goes on where it was. Exit code 1 when the batch failed, or a line did.
 */
export const batch: Run = async (words, terminal) => {
  const { file, model, endpoint: asked } = read(words);
  const cell = await cellAccess(terminal);
  const input = await stat(file).catch(() => null);
  if (!input?.isFile()) throw new Refused(`there is no file ${file}`);
  const endpoint = asked ?? endpointOf(await beginning(file)) ?? "/v1/chat/completions";
  const statePath = `${file}.batch.json`;
  const fresh: Begun = {
    of: JSON.stringify([input.size, Math.trunc(input.mtimeMs), model, endpoint]),
    cell: cell.endpoint,
    input: null,
    batch: null,
  };
  const begun = await resumed(statePath, fresh);
  const keep = async () => {
    // Whole or as before: a run that is stopped here finds one of the two.
    await writeFile(`${statePath}.new`, JSON.stringify(begun));
    await rename(`${statePath}.new`, statePath);
  };
  const bar = progress(terminal);
  if (begun.input === null) {
    begun.input = await told(
      uploadInput(cell, file, model, (bytes) => bar(`uploading  ${(bytes / 1e6).toFixed(1)} MB`)),
    );
    await keep();
  }
  if (begun.batch === null) {
    begun.batch = (await told(createBatch(cell, begun.input, endpoint))).id;
    await keep();
  }
  terminal.err(`\r\u001b[K${begun.batch}; if this is stopped, the same command goes on\n`);
  const ended = await follow(begun.batch, (id) => readBatch(cell, id), bar);
  bar(null);
  const { completed, failed, total } = ended.request_counts;
  terminal.out(`${ended.id} ${ended.status}: ${completed} of ${total} completed, ${failed} failed\n`);
  for (const { code, line, message } of ended.errors?.data.slice(0, NAMED_MAX) ?? [])
    terminal.err(`  ${line === null ? "" : `line ${line}: `}${code}: ${message}\n`);
  for (const [id, path] of [
    [ended.output_file_id, `${file}.output.jsonl`],
    [ended.error_file_id, `${file}.errors.jsonl`],
  ] as const) {
    if (id === null) continue;
    const bytes = await patiently(() => download(cell, id, `${path}.part`));
    await rename(`${path}.part`, path);
    terminal.out(`${path} (${bytes} bytes)\n`);
  }
  await rm(statePath, { force: true });
  return ended.status === "completed" && failed === 0 ? EXIT.done : EXIT.refused;
};

async function resumed(path: string, fresh: Begun): Promise<Begun> {
  const text = await readFile(path, "utf8").catch(() => null);
  if (text === null) return fresh;
  const begun = JSON.parse(text) as Begun; // safe because: `keep` wrote it
  return begun.of === fresh.of && begun.cell === fresh.cell ? begun : fresh;
}

async function follow(id: string, look: (id: string) => Promise<BatchState>, bar: (line: string | null) => void) {
  for (;;) {
    const state = await patiently(() => look(id));
    const { completed, failed, total } = state.request_counts;
    const done = completed + failed;
    const filled = total === 0 ? 0 : Math.floor((BAR_CHARS * done) / total);
    bar(
      `${state.status.padEnd(11)} [${"#".repeat(filled)}${".".repeat(BAR_CHARS - filled)}] ${done}/${total}${failed > 0 ? `, ${failed} failed` : ""}`,
    );
    if (ENDED.has(state.status)) return state;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** What may not be repeated unasked: a cell that does not answer is one line for a person. */
const told = <T>(work: Promise<T>): Promise<T> =>
  work.catch((cause: unknown) => {
    throw cause instanceof Unreachable ? new Refused(`${cause.message}; the same command tries again`) : cause;
  });

/** Repeats what may be repeated while the cell does not answer. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  const untilMs = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await work();
    } catch (cause) {
      if (!(cause instanceof Unreachable)) throw cause;
      if (Date.now() >= untilMs) throw new Refused(`${cause.message}; the same command goes on later`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}

const progress =
  ({ err }: Terminal) =>
  (line: string | null): void =>
    err(`\r\u001b[K${line ?? ""}`);
