import type { TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ObjectStore } from "../../../shared/contracts/ports/object-store.ts";
import type { MoveRefusal } from "../../../shared/contracts/ports/tenant-moves.ts";
import { ok, type Result } from "../../../shared/contracts/result.ts";
import { TILE_WIDTH } from "../../../shared/crypto/log/tiles.ts";
import type { TrustedKey } from "../../../shared/evidence/keys-file.ts";
import { verifyLogFolder } from "../../../shared/evidence/log-folder.ts";
import { type LogReader, readBundle } from "../../../shared/evidence/log-reader.ts";
import { type MovingParts, refused } from "./parts.ts";

/** A log's archive in an object store. */
export const storedLog = (store: ObjectStore, prefix: string): LogReader => ({
  async read(path, bytesMax) {
    const got = await store.get(prefix + path, { range: { offset: 0, length: bytesMax + 1 } });
    return got.ok ? got.value.bytes : null;
  },
  async list(folder) {
    const names = new Set<string>();
    const under = `${prefix}${folder}/`;
    for (let after: string | undefined; ; ) {
      const page = await store.list(under, {
        limit: LIMITS.objectListKeysMax,
        ...(after === undefined ? {} : { after }),
      });
      for (const key of page.keys) {
        const [name = ""] = key.slice(under.length).split("/");
        names.add(name);
      }
      after = page.keys.at(-1);
      if (!page.more || after === undefined) return [...names];
    }
  },
});

/**
 * Verifies the whole log as it was written here, entry by entry, under the keys of its former homes, and that the rows of
 * the tenant's object are of this log.
 */
export async function checkLog(
  { store, objects, logPrefix }: MovingParts,
  tenant: TenantId,
  log: { origin: string; size: number; root: string },
  keys: readonly TrustedKey[],
): Promise<Result<null, MoveRefusal>> {
  const reader = storedLog(store, logPrefix(tenant));
  const report = await verifyLogFolder(reader, { keys, checkpoint: null });
  if (!report.verified)
    return refused("not_verified", `the log: ${report.failure?.check ?? "?"}: ${report.failure?.detail ?? "?"}`);
  const note = await reader.read("checkpoint", LIMITS.noteBytesMax);
  const [origin, size, root] = new TextDecoder().decode(note ?? new Uint8Array()).split("\n");
  if (origin !== log.origin || size !== String(log.size) || root !== log.root)
    return refused("not_verified", "the log: its newest checkpoint is not that of the manifest");
  const decoder = new TextDecoder();
  for (let first = 0; first < log.size; first += TILE_WIDTH) {
    const bundle = await readBundle(reader, first / TILE_WIDTH, Math.min(TILE_WIDTH, log.size - first));
    if (!bundle.ok) return refused("not_verified", `the log: ${bundle.error.detail}`);
    const texts = bundle.value.map((entry) => decoder.decode(entry));
    if (!(await objects.holdsEntries(tenant, first, texts)))
      return refused("not_verified", `the log: entries from ${first} on are not those of the archive`);
  }
  return ok(null);
}
