import type { TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { MovedFile } from "../../../shared/contracts/ports/tenant-moves.ts";
import { MANIFEST_PREDICATE, type MovedClass, type RowsCursor } from "../../../shared/contracts/tenant-move.ts";
import { seal } from "../../../shared/crypto/seal.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { MANIFEST_FILE, PartWriter, partContext, partName } from "./part-format.ts";
import { contentPrefixes, type FrozenTenant, type MovedScopes, type MovingParts } from "./parts.ts";
import { signed } from "./statements.ts";

/** What was being copied changed or went away: the archive is worth nothing, and has no manifest. */
export class ExportBroken extends Error {
  override readonly name = "ExportBroken";
}

interface Exported {
  tenant: TenantId;
  frozen: FrozenTenant;
  scopes: MovedScopes;
  /** What parts are sealed with. */
  transferKey: Uint8Array;
}

/**
 * The archive of a frozen tenant, file by file, in the memory of one part. Its manifest comes last, once the object has
 * noted it, so that an archive that broke off is none. Rejects with `ExportBroken` and as stores do.
 */
export async function* exportTenant(parts: MovingParts, exported: Exported): AsyncGenerator<MovedFile> {
  const { tenant, frozen, transferKey } = exported;
  const { move } = frozen;
  const digests: string[] = [];
  const writer = new PartWriter();
  for await (const _full of records(parts, exported, writer, () => digests.length)) yield await part();
  if (!writer.isEmpty) yield await part();
  const predicate = {
    schema_version: 1,
    ...{ move: move.id, tenant, from: move.from, to: move.to, jurisdiction: parts.cell.jurisdiction },
    generated_at: new Date(parts.clock.now()).toISOString(),
    log: { origin: frozen.origin, size: frozen.size, root: frozen.root },
    schemas: parts.objects.schemas(),
  };
  const subject = digests.map((sha256, n) => ({ name: partName(n), digest: { sha256 } }));
  const manifest = utf8(await signed(parts.signer, subject, MANIFEST_PREDICATE, predicate));
  const noted = await parts.objects.noteArchive(tenant, move.id, sha256Hex(manifest));
  if (!noted.ok) throw new ExportBroken("the move was called off");
  yield { name: MANIFEST_FILE, bytes: manifest };

  async function part(): Promise<MovedFile> {
    const n = digests.length;
    const bytes = await seal(transferKey, partContext(tenant, move.id, n), writer.take());
    digests.push(sha256Hex(bytes));
    return { name: partName(n), bytes };
  }
}

/** Adds everything to the writer; yields whenever a part is full. */
async function* records(
  parts: MovingParts,
  { tenant, frozen, scopes }: Exported,
  writer: PartWriter,
  part: () => number,
): AsyncGenerator<null> {
  writer.add({ kind: "data_key" }, await parts.keyring.openDataKey(tenant, frozen.data_key));
  yield* rows(parts, { class: "tenant", name: tenant }, writer, true);
  writer.add({ kind: "scopes", ...scopes });
  for (const object of await parts.objects.names(tenant)) yield* rows(parts, object, writer, false);
  for (const prefix of [parts.logPrefix(tenant), ...contentPrefixes(tenant)])
    for await (const key of keysUnder(parts, prefix)) yield* blob(parts, key, writer, part);
}

async function* rows(
  { objects }: MovingParts,
  object: { class: MovedClass; name: string },
  writer: PartWriter,
  demanded: boolean,
): AsyncGenerator<null> {
  let cursor: RowsCursor | null = null;
  let begin = true;
  do {
    const dumped: Awaited<ReturnType<typeof objects.dump>> = await objects.dump(
      object,
      cursor,
      Math.max(writer.room, 1),
    );
    if (dumped === null) {
      // What expired before it was begun is not the tenant's any more; what goes away in between would be half.
      if (begin && !demanded) return;
      throw new ExportBroken(`a ${object.class} went away while it was copied`);
    }
    writer.add({ kind: "rows", ...object, begin, tables: dumped.tables });
    if (writer.full) yield null;
    begin = false;
    cursor = dumped.next;
  } while (cursor !== null);
}

async function* keysUnder({ store }: MovingParts, prefix: string): AsyncGenerator<string> {
  let after: string | undefined;
  for (;;) {
    const page = await store.list(prefix, {
      limit: LIMITS.objectListKeysMax,
      ...(after === undefined ? {} : { after }),
    });
    yield* page.keys;
    after = page.keys.at(-1);
    if (!page.more || after === undefined) return;
  }
}

async function* blob(
  { store }: MovingParts,
  key: string,
  writer: PartWriter,
  part: () => number,
): AsyncGenerator<null> {
  const head = await store.head(key);
  // A file that expired since it was listed.
  if (!head.ok) return;
  const { size, version } = head.value;
  const first = part();
  let at = 0;
  do {
    const length = Math.min(size - at, Math.max(writer.room, 1));
    const got =
      length === 0
        ? null
        : await store.get(key, { range: { offset: at, length }, ...(version === null ? {} : { version }) });
    if (got !== null && (!got.ok || got.value.bytes.length !== length || got.value.size !== size))
      throw new ExportBroken("an object went away while it was copied");
    writer.add({ kind: "blob", key, size, at, first }, got?.ok ? got.value.bytes : new Uint8Array());
    at += length;
    if (writer.full) yield null;
  } while (at < size);
}
