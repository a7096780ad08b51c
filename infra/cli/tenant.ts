import { createWriteStream } from "node:fs";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { z } from "zod";
import { tarOf } from "../../functions/evidence/tar.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { ok } from "../../shared/contracts/result.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { decodeBase64 } from "../../shared/crypto/log/base64.ts";
import { parseDsse } from "../../shared/crypto/log/dsse-envelope.ts";
import { parseStatement } from "../../shared/crypto/log/statement.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { parseKeysFile } from "../../shared/evidence/keys-file.ts";
import { readTar, type TarFile } from "../../shared/evidence/tar-reader.ts";
import { EXIT, Refused, type Run, type Terminal, Usage } from "./command.ts";
import { MoveClient, operatorAccess } from "./tenant-client.ts";
import { fileBytes } from "./verify-input.ts";

const MANIFEST = "manifest.dsse.json";
const PRIVATE = 0o600;
const FILE_MAX = Math.max(LIMITS.movedPartSealedBytesMax, LIMITS.movedManifestBytesMax);

type Values = { to?: string; out?: string; keys?: string; "transfer-key"?: string; receipt?: string };

/**
 * `npx bailiwick tenant …`: a tenant's move between two cells of one jurisdiction, a step a verb. `BAILIWICK_ENDPOINT` and
 * `BAILIWICK_API_KEY` say at which cell. Each verb may be repeated; stopped at any moment, the same command goes on.
 */
export const tenant: Run = async (words, terminal) => {
  const { values, positionals } = parsed(words);
  const [verb = "", ...rest] = positionals;
  if (verb === "key") {
    terminal.out(`${encodeBase64url(crypto.getRandomValues(new Uint8Array(32)))}\n`);
    return EXIT.done;
  }
  if (verb === "keys") return joinKeys(rest, terminal);
  const [id, file, ...more] = rest;
  if (id === undefined) throw new Usage(verb === "" ? "say what to do" : `${verb} needs a TENANT`);
  if (more.length > 0) throw new Usage(`${more[0]} is one word too many`);
  const step = STEPS[verb];
  if (step === undefined) throw new Usage(`no such verb: ${verb}`);
  await step(new MoveClient(await operatorAccess(terminal), id, terminal), values, file, terminal);
  return EXIT.done;
};

type Step = (client: MoveClient, values: Values, file: string | undefined, terminal: Terminal) => Promise<void>;

const STEPS: Readonly<Record<string, Step>> = {
  async export(client, values, _file, terminal) {
    const out = required(values.out, "export needs --out");
    const key = await transferKey(values);
    if (values.to !== undefined) {
      const { phase, to } = await client.leave(values.to);
      terminal.err(`${phase}, to ${to}\n`);
    }
    let whole: Awaited<ReturnType<typeof manifestOf>>;
    try {
      await pipeline(tarOf(archived(client, key, terminal), 0), createWriteStream(`${out}.part`, { mode: PRIVATE }));
      whole = await manifestOf(`${out}.part`);
    } catch (cause) {
      await rm(`${out}.part`, { force: true });
      if (cause instanceof Refused) throw cause;
      throw new Refused("the archive broke off: export again", { cause });
    }
    await rename(`${out}.part`, out);
    const { parts, digest } = whole;
    terminal.err(`${parts} parts, manifest ${digest}\n`);
  },

  async import(client, values, file, terminal) {
    const path = required(file, "import needs a FILE");
    const { manifest } = await manifestOf(path);
    const keys = await textOf(required(values.keys, "import needs --keys"));
    const archive = { manifest, keys, transfer_key: await transferKey(values) };
    for (;;) {
      const { move, missing, applied, parts } = await client.import(archive);
      if (missing.length > 0) {
        await sendParts(client, path, new Set(missing));
        terminal.err(`sent ${missing.length} of ${parts} parts\n`);
        continue;
      }
      terminal.err(`written ${applied} of ${parts} parts\n`);
      if (move?.phase === "arrived") {
        terminal.err(
          `arrived whole and verified, and not live: sign a directory that names ${move.to}, release, activate\n`,
        );
        return;
      }
    }
  },

  async release(client, values, file, terminal) {
    const { digest } = await manifestOf(required(file, "release needs the archive's FILE"));
    const out = required(values.out, "release needs --out");
    await writeFile(out, await client.release(digest), { mode: PRIVATE });
    terminal.err(`given up for ever; the receipt is in ${out}\n`);
  },

  async activate(client, values, _file, terminal) {
    const receipt = await textOf(required(values.receipt, "activate needs --receipt"));
    await client.activate({ receipt, keys: await textOf(required(values.keys, "activate needs --keys")) });
    terminal.err("live\n");
  },

  async status(client, _values, _file, terminal) {
    const { id, phase, from, to, begun_at, manifest } = await client.move();
    terminal.out(`${phase}  ${from} → ${to}  since ${begun_at}  move ${id}  manifest ${manifest ?? "-"}\n`);
  },

  async stay(client, _values, _file, terminal) {
    const { from, to } = await client.stay();
    terminal.err(`the move from ${from} to ${to} is off\n`);
  },
};

function parsed(words: readonly string[]): { values: Values; positionals: string[] } {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { to: text, out: text, keys: text, "transfer-key": text, receipt: text },
    });
  } catch (cause) {
    throw new Usage(cause instanceof Error ? cause.message : String(cause));
  }
}

function required(given: string | undefined, otherwise: string): string {
  if (given === undefined) throw new Usage(otherwise);
  return given;
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new Refused(cause instanceof Error ? cause.message : `${path} cannot be read`);
  }
}

const transferKey = async (values: Values): Promise<string> =>
  (await textOf(required(values["transfer-key"], "name the file of the --transfer-key"))).trim();

/** Answers in a row that gave nothing new because they broke off. */
const BREAKS_MAX = 10;
const BREAK_PAUSE_MS = 1_000;

/** Files of an archive, from as many answers as it takes: one that ends or breaks off is gone on with behind its last file. */
async function* archived(client: MoveClient, key: string, { err }: Terminal): AsyncGenerator<TarFile> {
  let parts = 0;
  for (let breaks = 0; ; ) {
    const before = parts;
    const { body } = await client.export(key, parts);
    if (body === null) throw new Refused("the cell answered without an archive");
    let broken = false;
    const source = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]); // safe because: both are the platform's streams
    try {
      for await (const file of readTar(source, () => ok(FILE_MAX))) {
        broken = !file.ok;
        if (!file.ok) break;
        yield file.value;
        if (file.value.name === MANIFEST) return;
        parts++;
      }
    } catch {
      broken = true; // The connection; what came whole is kept.
    }
    breaks = broken && parts === before ? breaks + 1 : 0;
    if (breaks > BREAKS_MAX) throw new Refused("the archive breaks off again and again: export again later");
    if (!broken) continue;
    err(`broke off behind ${parts} parts, going on\n`);
    await new Promise((resolve) => setTimeout(resolve, BREAK_PAUSE_MS));
  }
}

/** The manifest of an archive that is whole: it stands at the end, and lists the parts that stand before it. */
async function manifestOf(path: string): Promise<{ manifest: string; digest: string; parts: number }> {
  const digests: string[] = [];
  let found: Uint8Array | null = null;
  for await (const { name, bytes } of filesOf(path)) {
    if (name === MANIFEST) found = bytes;
    else digests.push(sha256Hex(bytes));
  }
  if (found === null) throw new Refused(`${path} has no manifest: it broke off, export again`);
  const manifest = new TextDecoder().decode(found);
  // Whoever exports at the same time makes parts anew: neither archive is whole then.
  if (listedParts(manifest) !== digests.join())
    throw new Refused(`${path} has other parts than its manifest lists: export again, once nobody else does`);
  return { manifest, digest: sha256Hex(found), parts: digests.length };
}

/** Digests that a manifest lists; its signatures are the cells' to verify. */
function listedParts(manifest: string): string | null {
  const payload = parseDsse(manifest)?.payload;
  const statement = payload === undefined ? null : parseStatement(decodeBase64(payload) ?? new Uint8Array());
  return statement?.subject.map(({ digest }) => digest.sha256).join() ?? null;
}

async function* filesOf(path: string): AsyncGenerator<{ name: string; bytes: Uint8Array }> {
  for await (const file of readTar(fileBytes(path), () => ok(FILE_MAX))) {
    if (!file.ok) throw new Refused(`${path}: ${file.error.detail}`);
    yield file.value;
  }
}

async function sendParts(client: MoveClient, path: string, missing: ReadonlySet<string>): Promise<void> {
  for await (const { name, bytes } of filesOf(path)) {
    const sha256 = sha256Hex(bytes);
    if (name !== MANIFEST && missing.has(sha256)) await client.part(sha256, bytes);
  }
}

/**
 * One keys file of several: a log that moved is verified with the keys of each of its homes. Whoever joins them vouches for
 * each file; a key that stands in two of them stands once.
 */
async function joinKeys(paths: readonly string[], { out }: Terminal): Promise<number> {
  if (paths.length === 0) throw new Usage("keys needs a FILE of each home");
  const seen = new Set<string>();
  const keys: unknown[] = [];
  for (const path of paths) {
    const text = await textOf(path);
    const read = parseKeysFile(utf8(text));
    if (!read.ok) throw new Refused(`${path}: ${read.error.detail}`);
    for (const key of z.looseObject({ keys: z.array(z.looseObject({ kid: z.string() })) }).parse(JSON.parse(text)).keys)
      if (!seen.has(key.kid)) {
        seen.add(key.kid);
        keys.push(key);
      }
  }
  out(`${JSON.stringify({ schema_version: 1, keys })}\n`);
  return EXIT.done;
}
