import type { Snapshot } from "../../shared/contracts/config/snapshot.ts";
import { EnvironmentId, ProjectId, TenantId, WorkspaceId } from "../../shared/contracts/ids.ts";
import type { Attribution } from "../../shared/contracts/ledger.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { ProvisionTenant } from "../../shared/contracts/ports/tenant-store.ts";
import type { CellInfo, Deps } from "../context.ts";

export type FirstKey = ProvisionTenant["keys"][number];

/** The cell acts without a person, and its entries say so: `doing` stands where a caller's request and credential would. */
export const cellAttribution = (
  { id: cell, region, release }: Pick<CellInfo, "id" | "region" | "release">,
  snapshot: string,
  doing: string,
): Attribution => ({
  request: doing,
  subject: `cell:${cell}`,
  credential: doing,
  acr: null,
  workspace: "default",
  project: "default",
  environment: "production",
  cell,
  region,
  source: null,
  release,
  snapshot,
  decision: null,
  policy: null,
});

/** Of the cell's own set-up. */
export const bootstrapAttribution = (
  cell: Pick<CellInfo, "id" | "region" | "release">,
  snapshot: string,
): Attribution => cellAttribution(cell, snapshot, "bootstrap");

const scopes = {
  workspace: WorkspaceId.parse("default"),
  project: ProjectId.parse("default"),
  environment: EnvironmentId.parse("production"),
};

/**
 * Keys of the first tenant: one for its applications, one for its administrators, who also operate this cell and approve
 * what its policy wants approved.
 */
export function firstKeys(api: Pick<FirstKey, "kid" | "digest">, admin: Pick<FirstKey, "kid" | "digest">): FirstKey[] {
  const common = { ...scopes, kind: "service" as const, granted: ["*"], expires_ms: null };
  return [
    {
      ...common,
      ...api,
      name: "first application",
      subject: "service:first-application",
      roles: ["developer"],
      cell_operator: false,
    },
    {
      ...common,
      ...admin,
      name: "first administrator",
      subject: "user:first-administrator",
      roles: ["admin", "operator", "approver"],
      cell_operator: true,
    },
  ];
}

/** A further key of the cell's operators, under a subject of its own: nobody approves for who lost theirs. */
export function operatorKey(key: Pick<FirstKey, "kid" | "digest">, name: string): Omit<FirstKey, "cell_operator"> {
  const [, first] = firstKeys(key, key);
  if (first === undefined) throw new Error("a cell has no first administrator");
  const { cell_operator: _, ...operator } = first;
  return { ...operator, name, subject: `key:${key.kid}` };
}

type Store = Pick<Deps, "tenants" | "cellStore" | "keyring" | "control" | "cell">;

/** Provisions every tenant that the configuration names and the cell does not have yet; repeating it changes nothing. */
export async function provisionTenants(
  deps: Store,
  snapshot: Snapshot,
  first: { tenant: string; keys: FirstKey[] },
): Promise<void> {
  const by = bootstrapAttribution(deps.cell, snapshot.digest);
  for (const config of Object.values(snapshot.tenants)) {
    const id = TenantId.parse(config.id);
    if ((await deps.tenants.lookup(id, null)).ok) continue;
    const provisioned = await deps.tenants.provision(id, {
      settings: { name: config.name, privacy: config.privacy, content: config.content, transit: config.transit },
      data_key: await deps.keyring.createDataKey(id),
      keys: config.id === first.tenant ? first.keys : [],
      budgets: [],
      by,
    });
    if (provisioned.ok) await deps.cellStore.registerTenant(id);
  }
}

/** Rows of every tenant in Postgres; the tenants' objects stay the authority. */
export async function mirrorTenants({
  cellStore,
  tenants,
  control,
}: Pick<Store, "cellStore" | "tenants" | "control">): Promise<void> {
  for (let after: string | null = null; ; ) {
    const page: string[] = await cellStore.tenants({ after, limit: LIMITS.pageItemsMax });
    for (const id of page) {
      const found = await tenants.lookup(TenantId.parse(id), null);
      if (found.ok) await control.registerTenant(found.value.state);
    }
    after = page.at(-1) ?? null;
    if (page.length < LIMITS.pageItemsMax) return;
  }
}
