import { decodeBundle } from "../../../shared/crypto/log/entry-bundle.ts";
import { entriesPath, TILE_WIDTH } from "../../../shared/crypto/log/tiles.ts";
import { leafHash, rootOfLeaves } from "../../../shared/crypto/log/tree.ts";
import type { ObjectBody } from "../object-class.ts";
import type { CoreEnv, Sql } from "../sql.ts";
import { LogArchive, sameBytes } from "./archive.ts";
import { type ArchivedBundle, attempt, type Bundles, InArchive } from "./bundles.ts";
import { nodeAt } from "./nodes.ts";
import type { LogParts } from "./parts.ts";
import { suspectBundle } from "./turn.ts";

/** A pruned entry cannot be read: the archive lacks its bundle, or has another one. The log's next turn looks at it. */
export class ArchiveDamaged extends Error {
  override readonly name = "ArchiveDamaged";
}

/** One call into the object, however the host makes it. */
export type CallObject = <T>(body: ObjectBody<T>) => Promise<T | undefined>;
/** A step that reads entries, and throws `InArchive` for one that is pruned and not among `bundles`. It writes after that. */
export type ReadingBody<T> = (sql: Sql, env: CoreEnv, bundles: Bundles) => T;

/**
 * Performs a step that may need pruned entries: it is asked again with the bundles that it named, each read from the
 * archive and compared with the node that the object kept. Rejects with `ArchiveDamaged`, and as the archive does.
 */
export async function readingArchive<T>(
  parts: LogParts | null,
  log: string,
  call: CallObject,
  body: ReadingBody<T>,
): Promise<T | undefined> {
  const bundles = new Map<number, ArchivedBundle>();
  for (;;) {
    const value = await call((sql, env) => attempt(() => body(sql, env, bundles)));
    if (!(value instanceof InArchive)) return value;
    if (!parts) throw new ArchiveDamaged("the entry is in an archive, and none is configured");
    if (bundles.has(value.bundle)) throw new Error("a bundle was asked for twice");
    bundles.set(value.bundle, await readBundle(parts, log, call, value.bundle));
  }
}

async function readBundle(parts: LogParts, log: string, call: CallObject, n: number): Promise<ArchivedBundle> {
  const bytes = await new LogArchive(parts, log).readBundle({ n, width: TILE_WIDTH });
  const decoded = bytes ? decodeBundle(bytes) : null;
  const entries = decoded?.ok && decoded.value.length === TILE_WIDTH ? decoded.value : null;
  const leaves = entries?.map(leafHash);
  const kept = await call((sql) => nodeAt(sql, { height: 8, index: n }));
  if (!entries || !leaves || !kept || !sameBytes(rootOfLeaves(leaves), kept)) {
    await call((sql) => suspectBundle(sql, n));
    throw new ArchiveDamaged(`${entriesPath({ n, width: TILE_WIDTH })} is ${bytes ? "altered" : "missing"}`);
  }
  const decoder = new TextDecoder();
  return { texts: entries.map((entry) => decoder.decode(entry)), leaves };
}
