import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { z } from "zod";
import { inForceAt, type KeyPair, parseKeyDocument } from "../../functions/adapters/signer/key-document.ts";
import { publicPair, verifierKeys } from "../../functions/adapters/signer/public-keys.ts";
import { keysDocument } from "../../functions/evidence/keys-document.ts";
import { CellEntry } from "../../shared/contracts/cell-directory.ts";
import { CellId, TenantId } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { encodeBase64url } from "../../shared/crypto/base64url.ts";
import { forwardingKey } from "../../shared/crypto/forwarding.ts";
import { ed25519DsseSigner, mlDsa65DsseSigner } from "../../shared/crypto/log/dsse.ts";
import { tenantDigest } from "../../shared/crypto/tenant-digest.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { parseKeysFile } from "../../shared/evidence/keys-file.ts";
import { type DirectoryDocument, readDirectory, signDirectory } from "../../shared/evidence/signed-directory.ts";
import { EXIT, Refused, type Run, type Terminal, Usage } from "./command.ts";

const HOUR_MS = 3_600_000;
const HOURS_DEFAULT = 24;

/** What a person writes: tenants by their ids, which the signed directory holds as digests alone. */
const Source = z.strictObject({
  cells: z
    .array(
      CellEntry.extend({
        hosts: CellEntry.shape.hosts.default([]),
        forwarding_keys: CellEntry.shape.forwarding_keys.default([]),
      }),
    )
    .min(1),
  /** `cell`: the one that the tenant's keys name. `now`: where it lives since it moved. */
  tenants: z
    .array(
      z.strictObject({
        cell: CellId,
        tenant: TenantId,
        transit: z.enum(["refused", "allowed"]).default("refused"),
        now: CellId.optional(),
      }),
    )
    .default([]),
  issuers: z
    .array(
      z.strictObject({
        iss: z.string(),
        aud: z.string(),
        cell: CellId,
        transit: z.enum(["refused", "allowed"]).default("refused"),
      }),
    )
    .default([]),
});
export type DirectorySource = z.input<typeof Source>;

/** The document that is signed; every version has a salt of its own. */
export function directoryDocument(
  source: DirectorySource,
  { version, nowMs, hours }: { version: number; nowMs: number; hours: number },
): DirectoryDocument {
  const { cells, tenants, issuers } = Source.parse(source);
  const salt = encodeBase64url(crypto.getRandomValues(new Uint8Array(32)));
  const digest = ({ cell, tenant }: { cell: string; tenant: string }) => tenantDigest(salt, cell, tenant);
  return {
    schema_version: 1,
    version,
    issued: new Date(nowMs).toISOString(),
    expires: new Date(nowMs + hours * HOUR_MS).toISOString(),
    salt,
    cells,
    moved: tenants.flatMap((row) => (row.now === undefined ? [] : [{ tenant: digest(row), cell: row.now }])),
    issuers,
    transit: tenants.filter(({ transit }) => transit === "allowed").map(digest),
  };
}

/** Signs with every pair in force. Throws `Refused` when the source makes no directory. */
export function signedDirectory(document: DirectoryDocument, pairs: readonly KeyPair[], nowMs: number): string {
  const signers = inForceAt(pairs, nowMs).flatMap((pair) => [
    ed25519DsseSigner(pair.ed25519Seed),
    mlDsa65DsseSigner(pair.mlDsa65Seed),
  ]);
  if (signers.length === 0) throw new Refused("no pair of the key document is in force");
  try {
    return signDirectory(document, signers);
  } catch (cause) {
    if (cause instanceof z.ZodError) throw new Refused(`that makes no directory: ${z.prettifyError(cause)}`);
    throw cause;
  }
}

/** `npx bailiwick cells …`: the signed directory of a deployment's cells, and what it is verified with. */
export const cells: Run = async (words, terminal) => {
  const { values, positionals } = parsed(words);
  const [verb = "", file, ...more] = positionals;
  if (more.length > 0) throw new Usage(`${more[0]} is one word too many`);
  switch (verb) {
    case "sign":
      return sign(required(file, "sign needs a FILE"), values, terminal);
    case "trust": {
      const pairs = pairsOf(required(file, "trust needs a key document"));
      const keys = pairs.flatMap((pair) => verifierKeys(pair, publicPair(pair)));
      terminal.out(`${JSON.stringify(keysDocument("directory", "cells", keys))}\n`);
      return EXIT.done;
    }
    case "key": {
      if (file !== undefined) throw new Usage("key takes no FILE");
      const text = encodeBase64url(crypto.getRandomValues(new Uint8Array(32)));
      terminal.out(`${text}\n`);
      terminal.err(`its id, for forwarding_keys: ${forwardingKey(text)?.kid}\n`);
      return EXIT.done;
    }
    case "show":
      return show(required(file, "show needs a FILE"), required(values.keys, "show needs --keys"), terminal);
    default:
      throw new Usage(`no such verb: ${verb || "none"}`);
  }
};

function parsed(words: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { keys: text, out: text, hours: text, version: text },
    });
  } catch (cause) {
    throw new Usage(cause instanceof Error ? cause.message : String(cause));
  }
}

function required(given: string | undefined, otherwise: string): string {
  if (given === undefined) throw new Usage(otherwise);
  return given;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Refused(cause instanceof Error ? cause.message : `${path} cannot be read`);
  }
}

function pairsOf(path: string): KeyPair[] {
  const document = parseKeyDocument(textOf(path));
  if (document.ok) return document.value;
  throw new Refused(`${path}: ${document.error.field}: ${document.error.problem}`);
}

/** One above what lies at `out`, so that whoever has that one takes the new one. */
function versionAfter(out: string): number {
  if (!existsSync(out)) return 1;
  const Envelope = z.looseObject({ payload: z.string() });
  try {
    const { payload } = Envelope.parse(JSON.parse(textOf(out)));
    const { version } = z.looseObject({ version: z.int().min(1) }).parse(JSON.parse(atob(payload)));
    return version + 1;
  } catch {
    throw new Refused(`${out} is no directory; name the next version with --version`);
  }
}

function sign(
  file: string,
  values: { keys?: string; out?: string; hours?: string; version?: string },
  terminal: Terminal,
): number {
  const out = required(values.out, "sign needs --out");
  const hours = Number(values.hours ?? HOURS_DEFAULT);
  if (!Number.isInteger(hours) || hours < 1 || hours * HOUR_MS > LIMITS.directoryLifeMsMax)
    throw new Usage(`--hours is from 1 to ${LIMITS.directoryLifeMsMax / HOUR_MS}`);
  const version = values.version === undefined ? versionAfter(out) : Number(values.version);
  if (!Number.isSafeInteger(version) || version < 1) throw new Usage("--version is a whole number from 1");
  const source = Source.safeParse(parse(textOf(file)));
  if (!source.success) throw new Refused(`${file}: ${z.prettifyError(source.error)}`);
  const pairs = pairsOf(required(values.keys, "sign needs --keys"));
  const nowMs = Date.now();
  const document = directoryDocument(source.data, { version, nowMs, hours });
  const text = signedDirectory(document, pairs, nowMs);
  // Whole or not at all: cells and entries read it at any moment.
  writeFileSync(`${out}.new`, text);
  renameSync(`${out}.new`, out);
  terminal.err(
    `version ${version}: ${document.cells.length} cells, ${document.transit.length} tenants with transit, until ${document.expires}\n`,
  );
  return EXIT.done;
}

function show(file: string, keysFile: string, { out }: Terminal): number {
  const keys = parseKeysFile(utf8(textOf(keysFile)));
  if (!keys.ok) throw new Refused(keys.error.detail);
  const read = readDirectory(textOf(file), keys.value, Date.now());
  if (!read.ok) throw new Refused(`${read.error.reason}: ${read.error.detail}`);
  const { version, expires, cells, moved, issuers, transit } = read.value;
  out(`version ${version}, until ${new Date(expires).toISOString()}\n`);
  for (const { id, jurisdiction, base_url, hosts, forwarding_keys } of cells)
    out(`  ${id}  ${jurisdiction}  ${base_url}  ${hosts.join(" ") || "-"}  ${forwarding_keys.join(" ") || "-"}\n`);
  out(`${moved.length} moved, ${issuers.length} issuers, ${transit.length} with transit\n`);
  return EXIT.done;
}
