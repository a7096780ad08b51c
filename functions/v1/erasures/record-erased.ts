import type { ErasedObject } from "../../../shared/contracts/ports/content-store.ts";
import type { Erased } from "../../../shared/contracts/ports/session-store.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { unwrap } from "../refusals.ts";

/**
 * Writes what a session has destroyed into the ledger, then lets the session forget it too. If we crash before the entry,
 * the session still knows what it erased and the same request writes the entry; after it, that is the `not-found` of
 * whatever was erased before.
 */
export async function recordErased(
  deps: Deps,
  { tenant, access, by }: Pick<Call, "tenant" | "access" | "by">,
  { scope, id, session }: { scope: ErasedObject["scope"]; id: string; session: string },
  { key, items, bytes }: Erased,
): Promise<void> {
  const object = sha256Hex(id);
  const erased = { scope, object, key, items, bytes };
  const { repeated } = unwrap(await deps.tenants.noteErased(tenant.id, { access, by }, erased));
  // With its key the whole session went: what is left of it is the note of that.
  if (key !== null) await deps.sessions.destroy(tenant.id, session);
  if (repeated) throw new ProblemError("not-found");
}
