import { TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ObjectStore } from "../../../shared/contracts/ports/object-store.ts";
import type { MoveRefusal } from "../../../shared/contracts/ports/tenant-moves.ts";
import { ok, type Result } from "../../../shared/contracts/result.ts";
import { contentPrefixes, type MovingParts, refused, stagePrefix } from "./parts.ts";

/** An import that is called off has a note here from before its tenant is gone until nothing of it is left. */
const NOTES = "imports-called-off/";
const note = (tenant: string): string => `${NOTES}${tenant}`;

type Parts = Pick<MovingParts, "objects" | "store">;

/** Whether what was written of a tenant here is being removed: nothing may be written of it until that is done. */
export const isCalledOff = async (store: ObjectStore, tenant: TenantId): Promise<boolean> =>
  (await store.head(note(tenant))).ok;

/**
 * Ends an import: the tenant's object first, which from then on cannot become live, then the content that was written for
 * it, then the parts of its archive. If we crash in between, the note is there, and the same call or `finishCalledOff`
 * goes on. Without a note, content of a tenant that is not known here is nobody's to remove. A tenant that became live
 * meanwhile stays as it is. What is archived of its log stays: it is locked, and no content.
 */
export const callOff = (parts: Parts, tenant: TenantId): Promise<Result<null, MoveRefusal>> => end(parts, tenant, true);

/** Without `asked` only what has a note: another call may have ended it, and a new import begun. */
async function end({ objects, store }: Parts, tenant: TenantId, asked: boolean): Promise<Result<null, MoveRefusal>> {
  const at = await objects.state(tenant);
  // Looked at behind the tenant: an import that goes on arrived when the note was gone.
  const noted = await isCalledOff(store, tenant);
  if (!asked && !noted) return ok(null);
  if (at.ok && (at.value?.phase === "arriving" || at.value?.phase === "arrived")) {
    await store.put(note(tenant), new Uint8Array());
    await objects.discard(tenant);
    return end({ objects, store }, tenant, false);
  }
  const goesOn = () => isCalledOff(store, tenant);
  let removed = 0;
  if (!at.ok && noted) for (const prefix of contentPrefixes(tenant)) removed += await emptied(store, prefix, goesOn);
  // Parts may lie here of an archive whose import never began.
  if (!at.ok) removed += await emptied(store, stagePrefix(tenant), noted ? goesOn : undefined);
  if (noted) await store.delete(note(tenant));
  if (at.ok) return refused("not_moving", "it does not arrive in this cell");
  return !noted && removed === 0 ? at : ok(null);
}

/** Goes on with every import that was called off and cut off there. */
export async function finishCalledOff(parts: Parts): Promise<void> {
  const { keys } = await parts.store.list(NOTES, { limit: LIMITS.objectListKeysMax });
  for (const key of keys) {
    const tenant = TenantId.safeParse(key.slice(NOTES.length));
    if (tenant.success) await end(parts, tenant.data, false);
  }
}

/** Removes every object under a prefix, as long as `goesOn` says so before each, and answers how many there were. */
export async function emptied(
  store: ObjectStore,
  prefix: string,
  goesOn: () => Promise<boolean> = async () => true,
): Promise<number> {
  for (let removed = 0; ; ) {
    const { keys, more } = await store.list(prefix, { limit: LIMITS.objectListKeysMax });
    for (const found of keys) {
      if (!(await goesOn())) return removed;
      await store.delete(found);
      removed++;
    }
    if (!more || keys.length === 0) return removed;
  }
}
