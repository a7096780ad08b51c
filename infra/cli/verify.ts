import { stat } from "node:fs/promises";
import { parseArgs } from "node:util";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { parseKeysFile, type TrustedKey } from "../../shared/evidence/keys-file.ts";
import { verifyExport } from "../../shared/evidence/ledger-export.ts";
import { verifyLogFolder } from "../../shared/evidence/log-folder.ts";
import type { Report } from "../../shared/evidence/report.ts";
import { readCheckpoint } from "../../shared/evidence/signed-checkpoint.ts";
import { verifyTaskEvidence } from "../../shared/evidence/task-evidence.ts";
import type { Trust } from "../../shared/evidence/trust.ts";
import { type Run, Usage } from "./command.ts";
import { fileBytes, folderReader, kindOf, readSmall, Unreadable } from "./verify-input.ts";

/** The last of them: everything holds, but only against the keys that the file itself brought. */
export const VERIFY_EXIT = { verified: 0, notVerified: 1, unreadable: 2, ownKeysOnly: 3 } as const;

/** `npx bailiwick verify FILE`: evidence of a task, an export, or a folder with a log's archive. Opens no connection. */
export const verify: Run = async (words, terminal) => {
  const { values, positionals } = parsed(words);
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) throw new Usage("verify takes one FILE");
  try {
    const report = await verifyPath(path, {
      keys: values.keys === undefined ? null : await readKeys(values.keys),
      checkpoint: values.checkpoint === undefined ? null : await readOwn(values.checkpoint),
      ...(values["request-body"] === undefined ? {} : { request: await readBody(values["request-body"]) }),
      ...(values["response-body"] === undefined ? {} : { response: await readBody(values["response-body"]) }),
    });
    const code = exitCode(report);
    terminal.out(values.json ? `${JSON.stringify({ exit_code: code, ...report }, null, 2)}\n` : textOf(report));
    return code;
  } catch (cause) {
    if (!(cause instanceof Unreadable)) throw cause;
    terminal.err(`NOT VERIFIED: cannot be read: ${cause.message}\n`);
    return VERIFY_EXIT.unreadable;
  }
};

function parsed(words: readonly string[]) {
  const file = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        keys: file,
        checkpoint: file,
        "request-body": file,
        "response-body": file,
        json: { type: "boolean", default: false },
      },
    });
  } catch (cause) {
    throw new Usage(cause instanceof Error ? cause.message : String(cause));
  }
}

async function readKeys(path: string): Promise<TrustedKey[]> {
  const keys = parseKeysFile(await readSmall(path, LIMITS.verifyKeysBytesMax));
  if (!keys.ok) throw new Unreadable(`${path}: ${keys.error.detail}`);
  return keys.value;
}

async function readOwn(path: string): Promise<Uint8Array> {
  const note = await readSmall(path, LIMITS.noteBytesMax);
  if (readCheckpoint(note) === null) throw new Unreadable(`${path}: not a checkpoint in a signed note`);
  return note;
}

const readBody = (path: string): Promise<Uint8Array> => readSmall(path, LIMITS.inferenceBodyBytesMax);

async function verifyPath(path: string, trust: Trust): Promise<Report> {
  if (await isFolder(path)) {
    const log = folderReader(path);
    if ((await log.read("checkpoint", LIMITS.noteBytesMax)) === null)
      throw new Unreadable(`${path}: a folder without a log's \`checkpoint\``);
    return verifyLogFolder(log, trust);
  }
  switch (await kindOf(path)) {
    case "tar":
      return verifyExport(fileBytes(path), trust);
    case "json":
      return verifyTaskEvidence(await readSmall(path, LIMITS.dsseBytesMax), trust);
    case "unknown":
      throw new Unreadable(`${path}: neither a JSON envelope nor a ustar archive nor a folder`);
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    const found = await stat(path);
    if (!found.isDirectory() && !found.isFile()) throw new Unreadable(`${path}: neither a file nor a folder`);
    return found.isDirectory();
  } catch (cause) {
    if (cause instanceof Unreadable) throw cause;
    throw new Unreadable(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function exitCode({ verified, own_keys }: Report): number {
  if (!verified) return VERIFY_EXIT.notVerified;
  return own_keys ? VERIFY_EXIT.ownKeysOnly : VERIFY_EXIT.verified;
}

const MARKS = { ok: "ok", failed: "FAILED", "not checked": "not checked" } as const;

function textOf(report: Report): string {
  const lines = report.checks.map(({ check, verdict, detail, reason, index }) => {
    const place = index === undefined ? "" : ` (index ${index})`;
    return `${MARKS[verdict].padEnd(12)} ${check}: ${reason === undefined ? "" : `${reason}: `}${detail}${place}`;
  });
  return `${report.kind}\n${lines.join("\n")}\n${verdictOf(report)}\n`;
}

function verdictOf({ failure, first_bad_index, own_keys }: Report): string {
  if (failure !== null) {
    const place = first_bad_index === null ? "" : `; first bad index ${first_bad_index}`;
    return `NOT VERIFIED: ${failure.check}: ${failure.reason}: ${failure.detail}${place}`;
  }
  return own_keys ? "NOT VERIFIED: everything holds, but only against the keys inside the file (--keys)" : "VERIFIED";
}
