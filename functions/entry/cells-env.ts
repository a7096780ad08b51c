import { z } from "zod";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";
import { type ForwardingKey, forwardingKey } from "../../shared/crypto/forwarding.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { parseKeysFile, type TrustedKey } from "../../shared/evidence/keys-file.ts";
import { DirectoryKeeper } from "../cells/directory-keeper.ts";
import { EnvUnusable } from "./env-unusable.ts";
import { parseResidency, type Residency } from "./residency.ts";

const refuse = (issues: { addIssue(message: string): void }, message: string): never => {
  issues.addIssue(message);
  return z.NEVER;
};
const residency = (text: string, issues: { addIssue(message: string): void }): Residency =>
  parseResidency(text) ?? refuse(issues, "not a list such as disk=eu database=eu");
const forwardingKeys = (text: string, issues: { addIssue(message: string): void }): readonly ForwardingKey[] => {
  const keys = text.split(",").map(forwardingKey);
  const good = keys.filter((key) => key !== null);
  return good.length === keys.length && good.length <= LIMITS.forwardingKeysMax
    ? good
    : refuse(issues, `not 1 to ${LIMITS.forwardingKeysMax} keys of 32 bytes in base64url, with commas between`);
};

/** The signed directory of cells and what it is verified with, for cells and global entries alike. */
export const DIRECTORY_VARIABLES = {
  BAILIWICK_DIRECTORY: z.string().min(1).max(LIMITS.directoryBytesMax).optional(),
  BAILIWICK_DIRECTORY_KEYS: z.string().min(1).optional(),
  BAILIWICK_DIRECTORY_VERSION_MIN: z.coerce.number().int().min(1).default(1),
};
/** What a cell is told about itself among others. */
export const CELLS_VARIABLES = {
  ...DIRECTORY_VARIABLES,
  BAILIWICK_RESIDENCY: z
    .string()
    .transform(residency)
    .default(() => ({})),
  BAILIWICK_FORWARDING_KEYS: z
    .string()
    .transform(forwardingKeys)
    .default(() => []),
};
const Variables = z.object(DIRECTORY_VARIABLES);

/** How a host reaches what the variables name. */
export interface Reach {
  /** Null where the host has no files. */
  readFile: ((path: string) => Promise<string>) | null;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** A URL, a text that is the document itself, or the path of a file. Plain `http` is for this machine alone. */
async function readNamed(named: string, reach: Reach): Promise<string> {
  if (named.trimStart().startsWith("{")) return named;
  if (/^https?:/.test(named)) return readUrl(named, reach);
  if (reach.readFile === null) throw new Error("there are no files here");
  return reach.readFile(named);
}

async function readUrl(url: string, reach: Reach): Promise<string> {
  const { protocol, hostname } = new URL(url);
  if (protocol === "http:" && !["127.0.0.1", "[::1]", "localhost"].includes(hostname))
    throw new Error("plain http is for this machine alone");
  const response = await reach.fetch(url, {
    redirect: "manual",
    signal: AbortSignal.timeout(LIMITS.directoryReadMsMax),
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`its server answered ${response.status}`);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body) {
    size += part.length;
    if (size > LIMITS.directoryBytesMax) throw new Error("too large");
    parts.push(part);
  }
  return new Blob(parts as BlobPart[]).text(); // safe because: a response's bytes are no shared memory
}

/**
 * The keeper of the directory that the variables name, null without one. It was read once, unless each of its readers is
 * to wait `alone`. Throws `EnvUnusable` when a
 * directory has no keys, or the keys are none: a directory that nobody can verify is worse than none.
 */
export async function directoryOf(
  env: z.infer<typeof Variables>,
  reach: Reach,
  parts: { clock: Clock; onFault(fault: string | null): void },
  options: { alone?: boolean } = {},
): Promise<DirectoryKeeper | null> {
  const { BAILIWICK_DIRECTORY: named, BAILIWICK_DIRECTORY_KEYS: trusted } = env;
  if (named === undefined) return null;
  if (trusted === undefined) throw new EnvUnusable("BAILIWICK_DIRECTORY goes with BAILIWICK_DIRECTORY_KEYS");
  const keys = await trustedKeys(trusted, reach);
  const versionMin = env.BAILIWICK_DIRECTORY_VERSION_MIN;
  const keeper = new DirectoryKeeper({ ...parts, read: () => readNamed(named, reach), keys, versionMin, ...options });
  if (options.alone !== true) await keeper.refresh();
  return keeper;
}

async function trustedKeys(named: string, reach: Reach): Promise<TrustedKey[]> {
  // What trust begins with never comes over a network.
  if (/^https?:/.test(named)) throw new EnvUnusable("BAILIWICK_DIRECTORY_KEYS: a file or the document itself, no URL");
  let text: string;
  try {
    text = await readNamed(named, reach);
  } catch {
    throw new EnvUnusable("BAILIWICK_DIRECTORY_KEYS: it cannot be read");
  }
  const keys = parseKeysFile(utf8(text));
  if (!keys.ok) throw new EnvUnusable(`BAILIWICK_DIRECTORY_KEYS: ${keys.error.detail}`);
  return keys.value;
}
