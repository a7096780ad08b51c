import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { SignerUnavailable } from "../../../shared/contracts/ports/signer.ts";
import { encodeHex } from "../../../shared/crypto/hex.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { KeyPair } from "./key-document.ts";
import { pairsIn } from "./secret.ts";

/** Its name inside the home of an embedded cell. */
export const SIGNING_KEYS_FILE = "signing-keys.json";
const PRIVATE = 0o600;

/** Another change came first: read the file again. */
export class KeyFileChanged extends Error {
  override readonly name = "KeyFileChanged";
}

/** The file as text; null when there is none. Throws `SignerUnavailable` when it cannot be read. */
export function readKeyFile(path: string): string | null {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return null;
    if (found.size > LIMITS.signingKeysBytesMax) throw new RangeError("it is too large");
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/**
 * Puts `text` in the place of `before` (null: where there is no file), readable by its owner alone. Whole or not at all,
 * and on disk when it returns: what these keys sign is published. Throws `KeyFileChanged` when the file is not `before`.
 */
export function writeKeyFile(path: string, before: string | null, text: string): void {
  const fresh = `${path}.${encodeHex(crypto.getRandomValues(new Uint8Array(8)))}`;
  try {
    const file = openSync(fresh, "wx", PRIVATE);
    try {
      chmodSync(fresh, PRIVATE); // The mode of `open` passes through the umask.
      writeSync(file, utf8(text));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (before === null) linkNew(fresh, path);
    else {
      if (readKeyFile(path) !== before) throw new KeyFileChanged(`${path} was changed meanwhile`);
      // If we crash before this, a file of another name is left and the old keys stay.
      renameSync(fresh, path);
    }
    syncFolder(dirname(path));
  } finally {
    rmSync(fresh, { force: true });
  }
}

/** A link is made only where nothing is: two who create at once never replace each other's keys. */
function linkNew(fresh: string, path: string): void {
  try {
    linkSync(fresh, path);
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") throw new KeyFileChanged(`${path} is there already`, { cause });
    throw cause;
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

export interface KeyFileOptions {
  path: string;
  /** Makes the first pair where there is no file; asked once. Null: a missing file is a fault. */
  create: (() => string) | null;
}

/**
 * Reads the file again when it is another one than before. A file that is broken, or gone, makes every later call throw
 * `SignerUnavailable` until it is mended: new keys are never made in its place.
 */
export function keyFilePairs({ path, create }: KeyFileOptions): () => readonly KeyPair[] {
  let seen: { mark: string; pairs: readonly KeyPair[] | SignerUnavailable } | null = null;
  let first = create;
  return () => {
    if (first !== null) {
      createWhereNone(path, first);
      first = null;
    }
    const mark = markOf(path);
    if (seen?.mark !== mark) seen = { mark, pairs: pairsOrFault(path) };
    if (seen.pairs instanceof SignerUnavailable) throw seen.pairs;
    return seen.pairs;
  };
}

function createWhereNone(path: string, create: () => string): void {
  try {
    if (readKeyFile(path) === null) writeKeyFile(path, null, create());
  } catch (cause) {
    // Somebody else made them in this moment: theirs are read.
    if (!(cause instanceof KeyFileChanged)) throw unreadable(path, cause);
  }
}

function pairsOrFault(path: string): readonly KeyPair[] | SignerUnavailable {
  try {
    const text = readKeyFile(path);
    return text === null ? new SignerUnavailable(`${path} is missing`) : pairsIn(text, path);
  } catch (cause) {
    if (cause instanceof SignerUnavailable) return cause;
    throw cause;
  }
}

/** Changes with every write: a rename brings another inode, an editor another time. */
function markOf(path: string): string {
  try {
    const found = statSync(path, { throwIfNoEntry: false, bigint: true });
    return found === undefined ? "missing" : `${found.ino} ${found.size} ${found.mtimeNs}`;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

const codeOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "code" in cause ? cause.code : null;

/** The system's code alone: its message may be long, and the path is named once. */
function unreadable(path: string, cause: unknown): SignerUnavailable {
  if (cause instanceof SignerUnavailable) return cause;
  const why = codeOf(cause) ?? (cause instanceof Error ? cause.message : "unknown fault");
  return new SignerUnavailable(`${path} cannot be used: ${String(why)}`, { cause });
}
