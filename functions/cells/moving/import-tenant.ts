import type { TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ArchiveInput, ImportState, MoveRefusal } from "../../../shared/contracts/ports/tenant-moves.ts";
import { ok, type Result } from "../../../shared/contracts/result.ts";
import { MANIFEST_PREDICATE, ManifestPredicate, type TableRows } from "../../../shared/contracts/tenant-move.ts";
import { constantTimeEqual } from "../../../shared/crypto/constant-time-equal.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { TrustedKey } from "../../../shared/evidence/keys-file.ts";
import { isCalledOff } from "./called-off.ts";
import { checkLog } from "./check-log.ts";
import { type PartEntry, partName } from "./part-format.ts";
import { contentPrefixes, type MovingParts, refused } from "./parts.ts";
import { Staged } from "./staged.ts";
import { trusted, verified } from "./statements.ts";

interface Archive {
  tenant: TenantId;
  manifest: string;
  predicate: ManifestPredicate;
  /** Of the parts in order. */
  digests: string[];
  keys: TrustedKey[];
  transferKey: Uint8Array;
}

/** A manifest that holds, and is meant for this cell. */
function readArchive(parts: MovingParts, tenant: TenantId, input: ArchiveInput): Result<Archive, MoveRefusal> {
  const keys = trusted(input.keys);
  if (!keys.ok) return keys;
  const read = verified(input.manifest, keys.value, {
    ...{ type: MANIFEST_PREDICATE, schema: ManifestPredicate },
    signedAt: ({ generated_at }) => generated_at,
  });
  if (!read.ok) return read;
  const { predicate, subject } = read.value;
  const own = parts.objects.schemas();
  if (predicate.tenant !== tenant) return refused("misplaced", "the archive is of another tenant");
  if (predicate.to !== parts.cell.id) return refused("misplaced", `the archive is for the cell ${predicate.to}`);
  if (predicate.jurisdiction !== parts.cell.jurisdiction)
    return refused("misplaced", `the archive is of ${predicate.jurisdiction}, the cell of ${parts.cell.jurisdiction}`);
  if (predicate.log.origin !== parts.logOrigin(tenant))
    return refused("misplaced", `its log is ${predicate.log.origin}, and would be ${parts.logOrigin(tenant)} here`);
  for (const [name, schema] of Object.entries(predicate.schemas))
    if (own[name as keyof typeof own] !== schema)
      // safe because: the schema of the predicate has these four members
      return refused("misplaced", `rows of ${name} are at schema ${schema}: both cells run one release for a move`);
  const digests: string[] = [];
  for (const [n, { name, digest }] of subject.entries()) {
    const { sha256 } = digest;
    if (name !== partName(n) || sha256 === undefined) return refused("not_verified", `part ${n} is not listed as one`);
    digests.push(sha256);
  }
  if (digests.length > LIMITS.movedPartsMax) return refused("not_verified", "more parts than an archive may have");
  const { manifest, transfer_key: transferKey } = input;
  return ok({ tenant, manifest: sha256Hex(utf8(manifest)), predicate, digests, keys: keys.value, transferKey });
}

/**
 * Verifies an archive, writes what `budgetMs` allows, and goes on where it was. The tenant is whole once `move.phase` is
 * `arrived`: only then was everything compared.
 */
export async function importTenant(
  parts: MovingParts,
  tenant: TenantId,
  input: ArchiveInput,
  budgetMs: number,
): Promise<Result<ImportState, MoveRefusal>> {
  const read = readArchive(parts, tenant, input);
  if (!read.ok) return read;
  const archive = read.value;
  const { digests, predicate, manifest } = archive;
  const at = await parts.objects.state(tenant);
  const known = at.ok ? at.value : null;
  const state = (applied: number, missing: string[] = [], move = known): Result<ImportState, never> =>
    ok({ move, missing, applied, parts: digests.length });
  if (known?.phase === "arrived" && known.manifest === manifest) return state(digests.length);
  if (at.ok && (known === null || known.phase === "leaving" || known.phase === "frozen"))
    return refused("exists", "a tenant of this name lives here");
  // Told before anything is sent: what stands here is another archive's, however whole.
  if (known?.phase !== "left" && known !== null && known.manifest !== manifest)
    return refused("exists", "another archive of it is being written");
  const staged = new Staged(parts.store, tenant);
  const missing = await staged.missing(digests);
  if (missing.length > 0) return state(0, missing);

  const opened = await staged.read(digests[0] ?? "", archive.transferKey, predicate.move, 0);
  const dataKey = opened?.[0];
  if (dataKey?.record.kind !== "data_key" || dataKey.body.length !== 32)
    return refused("not_verified", "the first part does not open: another transfer key, or altered");
  const wrapped = await parts.keyring.wrapDataKey(tenant, dataKey.body);
  // The data key is what all of it rests on: one that the keyring cannot give back would be lost with the old home.
  if (!constantTimeEqual(await parts.keyring.openDataKey(tenant, wrapped), dataKey.body))
    throw new Error("the keyring does not give back what it wrapped");

  const begun = await parts.objects.arrive(tenant, {
    id: predicate.move,
    from: predicate.from,
    to: predicate.to,
    manifest,
  });
  if (!begun.ok) return begun;
  // Looked at behind the arrival: whoever removes what was written before has noted so ahead of it.
  if (await isCalledOff(parts.store, tenant))
    return refused("in_progress", "what was written of it before is being removed", LIMITS.movedRetryMs);
  const endMs = parts.clock.now() + budgetMs;
  let steps = 0;
  for (let part = begun.value.applied; part < digests.length; part++) {
    if (parts.clock.now() >= endMs || steps >= LIMITS.movedRequestStepsMax) return state(part);
    const entries = await staged.read(digests[part] ?? "", archive.transferKey, predicate.move, part);
    if (entries === null) return refused("not_verified", `part ${part} is not what was signed`);
    const done = await writeEntries(parts, archive, staged, part, entries);
    if (!done.ok) return done;
    // If we crash before this, the part is written again, over what is there of it.
    const noted = await parts.objects.writePart(tenant, part, done.value, wrapped);
    if (!noted.ok) return noted;
    // A record is one call or two; what stands in several parts is read from each.
    steps += 2 * entries.length;
  }
  // The log is read whole: by a call that has not written much.
  if (steps >= LIMITS.movedPartStepsMax) return state(digests.length);
  const log = await checkLog(parts, tenant, predicate.log, archive.keys);
  if (!log.ok) return log;
  const arrived = await parts.objects.complete(tenant, predicate.log);
  return arrived.ok ? state(digests.length, [], arrived.value) : arrived;
}

/** Writes everything of a part but the rows of the tenant's own object, which it answers. */
async function writeEntries(
  parts: MovingParts,
  archive: Archive,
  staged: Staged,
  part: number,
  entries: readonly PartEntry[],
): Promise<Result<TableRows[], MoveRefusal>> {
  const { tenant } = archive;
  const own: TableRows[] = [];
  for (const { record, body } of entries) {
    switch (record.kind) {
      case "data_key":
        break;
      case "rows": {
        if (record.class === "tenant") {
          if (record.name !== tenant) return refused("not_verified", "rows of another tenant");
          own.push(...record.tables);
          break;
        }
        if (record.name !== tenant && !record.name.startsWith(`${tenant}:`))
          return refused("not_verified", "an object of another tenant");
        const placed = await parts.objects.place(record, archive.manifest, record.tables);
        if (!placed.ok) return placed;
        break;
      }
      case "scopes": {
        const { kind: _kind, ...scopes } = record;
        if (!(await parts.scopes.restore(tenant, scopes)))
          return refused("unavailable", "the control database does not answer", LIMITS.movedRetryMs);
        break;
      }
      case "blob": {
        const last = record.at + body.length === record.size;
        const written = last ? await writeBlob(parts, archive, staged, part, record, body) : ok(null);
        if (!written.ok) return written;
        break;
      }
    }
  }
  return ok(own);
}

type BlobRecord = Extract<PartEntry["record"], { kind: "blob" }>;

/** The object whose last piece this is, from all of its parts. */
async function writeBlob(
  parts: MovingParts,
  archive: Archive,
  staged: Staged,
  part: number,
  { key, size, first }: BlobRecord,
  last: Uint8Array,
): Promise<Result<null, MoveRefusal>> {
  const { tenant, digests, transferKey, predicate } = archive;
  const ledger = parts.logPrefix(tenant);
  if (![ledger, ...contentPrefixes(tenant)].some((prefix) => key.startsWith(prefix)))
    return refused("not_verified", "an object outside of the tenant's folders");
  // Until all of its pieces were read and make up its size.
  let broken = true;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    let at = 0;
    for (let n = first; n < part; n++) {
      const entries = (await staged.read(digests[n] ?? "", transferKey, predicate.move, n)) ?? [];
      for (const { record, body } of entries) {
        if (record.kind !== "blob" || record.key !== key || record.at !== at) continue;
        yield body;
        at += body.length;
      }
    }
    broken = at + last.length !== size;
    if (!broken) yield last;
  }
  if (!key.startsWith(ledger)) {
    const put = await parts.store.putStream(key, pieces());
    if (broken || !put.ok) return refused("not_verified", "an object lacks a piece, or is locked here");
    return ok(null);
  }
  const bytes = await joined(pieces(), size);
  if (broken) return refused("not_verified", "an object of the log lacks a piece");
  return writeLogObject(parts, key.slice(ledger.length), key, bytes);
}

async function joined(pieces: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.min(size, LIMITS.objectPutBytesMax));
  let at = 0;
  for await (const piece of pieces) {
    if (at + piece.length > bytes.length) break;
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

const DAY_MS = 86_400_000;
/** The pointer is replaced by each publication; partial tiles give way to full ones. */
const PASSES = /^checkpoint$|\.p\/\d+$/;

/** As the log's own publisher writes it: once, and locked. */
async function writeLogObject(
  { store, clock, retentionDays }: MovingParts,
  path: string,
  key: string,
  bytes: Uint8Array,
): Promise<Result<null, MoveRefusal>> {
  if (PASSES.test(path)) {
    await store.put(key, bytes);
    return ok(null);
  }
  const lock =
    retentionDays > 0 ? ({ mode: "compliance", until_ms: clock.now() + retentionDays * DAY_MS } as const) : null;
  const put = await store.put(key, bytes, { if_absent: true, lock });
  if (put.ok) return ok(null);
  const there = await store.get(key);
  const same =
    there.ok && there.value.bytes.length === bytes.length && sha256Hex(there.value.bytes) === sha256Hex(bytes);
  return same ? ok(null) : refused("not_verified", `another ${path} is archived here`);
}
