import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { decodeBase64url, encodeBase64url } from "../../shared/crypto/base64url.ts";

/** The home cannot be used; the message is one line for the operator. */
export class HomeUnusable extends Error {
  override readonly name = "HomeUnusable";
}

const PRIVATE = 0o600;
/** The secret from which every key of the cell but the signing keys derives. */
export const ROOT_KEY_FILE = "root.key";
const ROOT_BYTES = 32;

/** Written whole or not at all: a crash between the two steps leaves the old file, or none. */
function writePrivate(path: string, text: string): void {
  const fresh = `${path}.new`;
  writeFileSync(fresh, text, { mode: PRIVATE });
  chmodSync(fresh, PRIVATE);
  renameSync(fresh, path);
}

export function prepareHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    writePrivate(join(home, "writable"), "");
  } catch (cause) {
    throw new HomeUnusable(`the home ${home} cannot be written`, { cause });
  }
}

/** The cell's root secret, made on first start. Losing it loses every sealed byte and every API key. */
export function rootSecret(home: string, bytes: (count: number) => Uint8Array): Uint8Array {
  const path = join(home, ROOT_KEY_FILE);
  if (existsSync(path)) {
    const secret = decodeBase64url(readFileSync(path, "utf8").trim());
    if (secret?.length !== ROOT_BYTES) throw new HomeUnusable(`${path} is damaged`);
    return secret;
  }
  const secret = bytes(ROOT_BYTES);
  writePrivate(path, `${encodeBase64url(secret)}\n`);
  return secret;
}

/** Jobs for workers of this machine, which read them from it. */
export const QUEUE_FILE = "queue.sqlite";
/** Parts of tasks' logs that their objects do not have yet. */
export const LOG_JOURNAL_FILE = "task-logs.sqlite";
/** Proves that a worker was started beside the cell, by whoever can read the home. */
export const WORKER_SECRET_FILE = "worker-secret";

/** The key under which edges on this machine speak to the objects of this home. */
export const EDGE_KEY_FILE = "edge.key";

/** Made on first start; whoever loses it deletes the file. */
export const workerSecret = (home: string, bytes: (count: number) => Uint8Array): string =>
  madeOnce(home, WORKER_SECRET_FILE, bytes);

/** As `workerSecret`: an Ed25519 seed in base64url. */
export const edgeKey = (home: string, bytes: (count: number) => Uint8Array): string =>
  madeOnce(home, EDGE_KEY_FILE, bytes);

function madeOnce(home: string, file: string, bytes: (count: number) => Uint8Array): string {
  const path = join(home, file);
  if (!existsSync(path)) writePrivate(path, `${encodeBase64url(bytes(ROOT_BYTES))}\n`);
  const secret = readFileSync(path, "utf8").trim();
  if (decodeBase64url(secret)?.length !== ROOT_BYTES) throw new HomeUnusable(`${path} is damaged`);
  return secret;
}

const KeysFile = z.object({ endpoint: z.string(), tenant: z.string(), api_key: z.string(), admin_key: z.string() });
/** What `keys.json` tells the person at this machine. */
export type KeysFile = z.infer<typeof KeysFile>;

export function readKeys(home: string): KeysFile | null {
  const path = join(home, "keys.json");
  if (!existsSync(path)) return null;
  try {
    return KeysFile.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    throw new HomeUnusable(`${path} is damaged`, { cause });
  }
}

export const writeKeys = (home: string, keys: KeysFile): void =>
  writePrivate(join(home, "keys.json"), `${JSON.stringify(keys, null, 2)}\n`);
