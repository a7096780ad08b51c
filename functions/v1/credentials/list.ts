import { CredentialList } from "../../../shared/contracts/http/credentials.ts";
import { PageQuery } from "../../../shared/contracts/http/page.ts";
import { READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { pageOfArray } from "../page.ts";
import { unwrap } from "../refusals.ts";
import { credentialObject } from "./view.ts";

export const listCredentials = operation({
  ...READ,
  id: "credentials.list",
  path: "/v1/credentials",
  action: "credential:read",
  gate: "governed",
  credential: "compared",
  query: PageQuery,
  success: [200, CredentialList, "References to the tenant's provider keys."],
  problems: [],
  summary: "List provider keys",
  tag: "Credentials",
  resource: { kind: "credential" },
  async execute(deps, { access, query, tenant }) {
    return value(
      pageOfArray(
        "credentials",
        unwrap(await deps.tenants.listCredentials(tenant.id, access)).map(credentialObject),
        query,
      ),
    );
  },
});
