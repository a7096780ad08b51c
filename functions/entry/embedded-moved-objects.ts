import { activeBatches } from "../../durable/batch/batches.ts";
import { batchObjectName } from "../../durable/batch/name.ts";
import { movedRows } from "../../durable/runtime/moved-rows.ts";
import type { ObjectClass, ObjectHost } from "../../durable/runtime/object-class.ts";
import { objectNames } from "../../durable/runtime/object-names.ts";
import { tenantMoving } from "../../durable/tenant/moving.ts";
import type { TenantClass } from "../../durable/tenant/object-class.ts";
import type { TenantId } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { MOVED_CLASSES, type MovedClass, type MovedObject } from "../../shared/contracts/tenant-move.ts";
import type { MovedObjects } from "../cells/moving/parts.ts";
import { movedObjects, schemasOf } from "./moved-objects.ts";

export type MovedClasses = Readonly<Record<Exclude<MovedClass, "tenant">, ObjectClass>> & { tenant: TenantClass };

/** The objects of tenants on an embedded host, whose files tell which ones there are. */
export const embeddedMovedObjects = (host: ObjectHost, home: string, classes: MovedClasses): MovedObjects => {
  const listed = hostMovedObjects(host, classes, null);
  return hostMovedObjects(host, classes, namesOfFiles(home, classes, listed.names));
};

/** The objects of tenants on a host. Without `names` they are those that each tenant's own object lists, as on Workers. */
export function hostMovedObjects(
  host: ObjectHost,
  classes: MovedClasses,
  names: Parameters<typeof movedObjects>[0]["names"],
): MovedObjects {
  return movedObjects({
    schemas: schemasOf(classes),
    tenant: tenantMoving(host, classes.tenant),
    rows: {
      session: movedRows(host, classes.session),
      task: movedRows(host, classes.task),
      batch: movedRows(host, classes.batch),
    },
    activeBatches: async (tenant) => (await host.call(classes.batch, batchObjectName(tenant), activeBatches)) ?? 0,
    names,
  });
}

/** Read once a copying: nothing of a frozen tenant is made, and what expires meanwhile has no rows. */
function namesOfFiles(
  home: string,
  classes: Readonly<Record<MovedClass, ObjectClass>>,
  listed: MovedObjects["names"],
): MovedObjects["names"] {
  let known: { tenant: TenantId; names: MovedObject[] } | null = null;
  return async (tenant, after, limit) => {
    if (known?.tenant !== tenant || after === null) {
      const names: MovedObject[] = [];
      const own = await everyName(listed, tenant);
      for (const of of MOVED_CLASSES) {
        if (of === "tenant") continue;
        const found = await objectNames(home, classes[of].name, of === "batch" ? tenant : `${tenant}:`);
        // What was destroyed has no file, and is still listed: the archive says that it is gone.
        const all = new Set([...found, ...own.filter((one) => one.class === of).map(({ name }) => name)]);
        for (const name of [...all].sort()) if (of !== "batch" || name === tenant) names.push({ class: of, name });
      }
      known = { tenant, names };
    }
    const { names } = known;
    const behind = (a: MovedObject, b: MovedObject) =>
      MOVED_CLASSES.indexOf(a.class) - MOVED_CLASSES.indexOf(b.class) ||
      (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
    const first = after === null ? 0 : names.findIndex((one) => behind(one, after) > 0);
    return first < 0 ? [] : names.slice(first, first + limit);
  };
}

async function everyName(listed: MovedObjects["names"], tenant: TenantId): Promise<MovedObject[]> {
  const names: MovedObject[] = [];
  for (;;) {
    const page = await listed(tenant, names.at(-1) ?? null, LIMITS.movedNamesMax);
    names.push(...page);
    if (page.length < LIMITS.movedNamesMax) return names;
  }
}
