import { firstKeys } from "../../../functions/entry/bootstrap.ts";
import { mint } from "../../../functions/v1/keys/mint.ts";
import { TenantId } from "../../../shared/contracts/ids.ts";
import { attribution } from "../../support/tenant-fixtures.ts";
import type { BenchCell } from "./cell.ts";

const PROVISIONED_AT_ONCE = 64;

/** As many tenants as asked for, each with a key; answers the keys. */
export async function tenantsOf(cell: BenchCell, size: number): Promise<string[]> {
  const keys = [cell.apiKey];
  const by = attribution();
  const provision = async (number: number) => {
    const tenant = TenantId.parse(`t${number}`);
    const [api, admin] = [mint(cell.deps, tenant), mint(cell.deps, tenant)];
    const done = await cell.deps.tenants.provision(tenant, {
      settings: { name: `Tenant ${number}`, privacy: "allow-api", content: "none", transit: "refused" },
      data_key: await cell.deps.keyring.createDataKey(tenant),
      keys: firstKeys(api, admin),
      budgets: [],
      by,
    });
    if (!done.ok) throw new Error(done.error.reason);
    await cell.deps.cellStore.registerTenant(tenant);
    keys[number] = api.text;
  };
  for (let from = 1; from < size; from += PROVISIONED_AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(PROVISIONED_AT_ONCE, size - from) }, (_, index) => provision(from + index)),
    );
  return keys;
}
