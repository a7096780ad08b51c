import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Attribution } from "../../../shared/contracts/ledger.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { SystemEvent } from "../../../shared/contracts/ports/cell-store.ts";
import type { MoveRefusal, TenantMoves } from "../../../shared/contracts/ports/tenant-moves.ts";
import { ok, type Result } from "../../../shared/contracts/result.ts";
import { RECEIPT_PREDICATE, ReceiptPredicate } from "../../../shared/contracts/tenant-move.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import { callOff } from "./called-off.ts";
import { exportPart } from "./export-tenant.ts";
import { importTenant } from "./import-tenant.ts";
import { namesHome } from "./new-home.ts";
import { type MovingParts, refused } from "./parts.ts";
import { Staged } from "./staged.ts";
import { signed, trusted, verified } from "./statements.ts";

type MoveEvent = Extract<SystemEvent["kind"], `tenant.${string}`>;
const ID_CHARS = 26;

/** See `TenantMoves`. Within one process a tenant is written by one call at a time, which spares work: two that write it at once do no harm. */
export function tenantMoves(parts: MovingParts): TenantMoves {
  const { objects, cell, cellStore } = parts;
  const busy = new Set<string>();

  /** At least once: a crash between the step and its record leaves the step to be asked for again. */
  const told = (kind: MoveEvent, action: string, by: Attribution, detail: JsonObject): Promise<void> =>
    cellStore.system([{ kind, reason: "moved", source: by.source, detail, operated: { action, by } }]);

  async function alone<T>(
    tenant: string,
    work: () => Promise<Result<T, MoveRefusal>>,
  ): Promise<Result<T, MoveRefusal>> {
    if (busy.has(tenant)) return refused("in_progress", "another call is at work on this move", LIMITS.movedRetryMs);
    busy.add(tenant);
    try {
      return await work();
    } finally {
      busy.delete(tenant);
    }
  }

  /** The directory that is in force, if it names `to` as the tenant's home. */
  function directoryTo(tenant: string, from: string, to: string): Result<{ version: number }, MoveRefusal> {
    const view = parts.directory();
    if (view === null) return refused("directory", "no directory of cells is in force here");
    return namesHome(view, tenant, from, to)
      ? ok({ version: view.version })
      : refused("directory", `version ${view.version} of the directory does not say that the tenant lives in ${to}`);
  }

  return {
    async leave(tenant, to, by) {
      if (to === cell.id) return refused("misplaced", "it lives there");
      const there = parts.directory()?.cells.get(to);
      if (there === undefined) return refused("directory", `no directory that is in force here has the cell ${to}`);
      if (there.jurisdiction !== cell.jurisdiction)
        return refused("misplaced", `${to} is of ${there.jurisdiction}: a tenant never leaves ${cell.jurisdiction}`);
      const left = await objects.leave(tenant, { id: parts.ids.base62(ID_CHARS), from: cell.id, to }, by);
      if (left.ok) await told("tenant.leaving", "tenant:suspend", by, { tenant, move: left.value.id, to });
      return left;
    },

    state: (tenant) => objects.state(tenant),

    async cancel(tenant, by) {
      const at = await objects.state(tenant);
      if (!at.ok || at.value?.phase === "arriving" || at.value?.phase === "arrived")
        return alone(tenant, () => callOff(parts, tenant));
      const move = at.value;
      if (move === null) return refused("not_moving", "it is not on its way");
      if (move.phase === "left") {
        // Parts may lie here of an archive that it was to come back with.
        await new Staged(parts.store, tenant).remove();
        return refused("left", "it was given up here: the move can only go on");
      }
      if (directoryTo(tenant, move.from, move.to).ok)
        return refused("directory", `the directory names ${move.to}: sign one that takes it back first`);
      const stays = await objects.stay(tenant, by);
      if (stays.ok) await told("tenant.staying", "tenant:suspend", by, { tenant, move: move.id, to: move.to });
      return stays;
    },

    export: (tenant, transferKey, part) => exportPart(parts, tenant, transferKey, part),

    async release(tenant, manifest, by) {
      const at = await objects.state(tenant);
      if (!at.ok) return at;
      if (at.value === null) return refused("not_moving", "it is not on its way");
      const named = directoryTo(tenant, at.value.from, at.value.to);
      if (!named.ok) return named;
      const released = await objects.release(tenant, manifest);
      if (!released.ok) return released;
      const { id, from, to, size, root } = released.value;
      const log = { origin: parts.logOrigin(tenant), size, root };
      const predicate = { schema_version: 1, move: id, tenant, from, to, manifest, log };
      // If we crash before the receipt is given out, asking again gives another one about the same.
      await told("tenant.left", "tenant:delete", by, {
        ...{ tenant, move: id, to, manifest, size, root },
        directory_version: named.value.version,
      });
      return ok(
        await signed(
          parts.signer,
          [{ name: `${log.origin}#${size}`, digest: { sha256: manifest } }],
          RECEIPT_PREDICATE,
          {
            ...predicate,
            directory_version: named.value.version,
            released_at: new Date(parts.clock.now()).toISOString(),
          },
        ),
      );
    },

    async stage(tenant, sha256, bytes) {
      if (sha256Hex(bytes) !== sha256) return refused("not_verified", "the part is not what its name says");
      const at = await objects.state(tenant);
      // One that comes late would lie here for ever.
      if (at.ok && at.value === null) return refused("exists", "a tenant of this name lives here");
      await new Staged(parts.store, tenant).put(sha256, bytes);
      return ok(null);
    },

    import: (tenant, archive) => alone(tenant, () => importTenant(parts, tenant, archive, LIMITS.movedImportMs)),

    async activate(tenant, { receipt, keys }, by) {
      const trust = trusted(keys);
      if (!trust.ok) return trust;
      const read = verified(receipt, trust.value, {
        ...{ type: RECEIPT_PREDICATE, schema: ReceiptPredicate },
        signedAt: ({ released_at }) => released_at,
      });
      if (!read.ok) return read;
      const { move, from, to, manifest, log, directory_version } = read.value.predicate;
      if (read.value.predicate.tenant !== tenant || to !== cell.id)
        return refused("misplaced", "the receipt is of another tenant, or for another cell");
      const named = directoryTo(tenant, from, to);
      if (!named.ok) return named;
      if (named.value.version < directory_version)
        return refused("directory", `the old home has seen version ${directory_version} of the directory`);
      const { size, root } = log;
      // Listed first, so that a tenant that is live is always found by upkeep.
      await cellStore.registerTenant(tenant);
      const live = await objects.settleIn(
        tenant,
        { move, from, to, manifest, size, root, version: named.value.version },
        by,
      );
      if (!live.ok) return live;
      await told("tenant.arrived", "tenant:create", by, {
        ...{ tenant, move, from, manifest, size, root },
        directory_version: named.value.version,
      });
      await new Staged(parts.store, tenant).remove();
      return live;
    },
  };
}
