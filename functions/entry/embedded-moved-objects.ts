import { activeBatches } from "../../durable/batch/batches.ts";
import { batchObjectName } from "../../durable/batch/name.ts";
import { movedRows } from "../../durable/runtime/moved-rows.ts";
import type { ObjectClass, ObjectHost } from "../../durable/runtime/object-class.ts";
import { objectNames } from "../../durable/runtime/object-names.ts";
import { tenantMoving } from "../../durable/tenant/moving.ts";
import type { TenantClass } from "../../durable/tenant/object-class.ts";
import type { TenantId } from "../../shared/contracts/ids.ts";
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

const inOrder = (a: MovedObject, b: MovedObject): number =>
  MOVED_CLASSES.indexOf(a.class) - MOVED_CLASSES.indexOf(b.class) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

/**
 * A tenant's objects, in the order of classes and names: those that have a file, and those that its own object lists; what
 * was destroyed has no file, and the archive says that it is gone. Files are read once a copying: nothing of a frozen tenant
 * is made, and what expires meanwhile has no rows. The list may be of millions, so of that one page is in memory.
 */
export function namesOfFiles(
  home: string,
  classes: Readonly<Record<MovedClass, { name: string }>>,
  listed: MovedObjects["names"],
): MovedObjects["names"] {
  let known: { tenant: TenantId; files: MovedObject[] } | null = null;
  return async (tenant, after, limit) => {
    if (known?.tenant !== tenant || after === null) known = { tenant, files: await filesOf(home, classes, tenant) };
    const { files } = known;
    const first = after === null ? 0 : files.findIndex((one) => inOrder(one, after) > 0);
    const found = first < 0 ? [] : files.slice(first, first + limit);
    // The list begins with the batches, which are among the files.
    const own = after?.class === "batch" ? [] : await listed(tenant, after, limit + 1);
    const has = new Set(found.map(({ class: of, name }) => `${of} ${name}`));
    for (const one of own) if (one.class !== "batch" && !has.has(`${one.class} ${one.name}`)) found.push(one);
    return found.sort(inOrder).slice(0, limit);
  };
}

async function filesOf(
  home: string,
  classes: Readonly<Record<MovedClass, { name: string }>>,
  tenant: TenantId,
): Promise<MovedObject[]> {
  const files: MovedObject[] = [{ class: "batch", name: batchObjectName(tenant) }];
  for (const kind of ["session", "task"] as const)
    for (const name of await objectNames(home, classes[kind].name, `${tenant}:`)) files.push({ class: kind, name });
  return files.sort(inOrder);
}
