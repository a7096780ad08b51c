import { CreatedTenant, CreateTenant } from "../../../shared/contracts/http/tenants.ts";
import { EnvironmentId, ProjectId, TenantId, WorkspaceId } from "../../../shared/contracts/ids.ts";
import { ProblemError } from "../../problem.ts";
import { JSON_INPUT } from "../input.ts";
import { mint } from "../keys/mint.ts";
import { keyObject } from "../keys/view.ts";
import { operation, value } from "../operation.ts";
import { requireCellOperator } from "./target.ts";
import { tenantObject } from "./view.ts";

/** The tenant's object comes first and is the authority; its rows in Postgres follow, at once or by the outbox. */
export const createTenant = operation({
  id: "tenants.create",
  method: "post",
  path: "/v1/tenants",
  action: "tenant:create",
  gate: "governed",
  credential: "fresh",
  effect: "reversible-write",
  retry: "never",
  ack: "commit",
  kind: "unary",
  ...JSON_INPUT,
  body: CreateTenant,
  success: [201, CreatedTenant, "The tenant with its first administrator key, shown once."],
  problems: ["already-exists", "misconfigured"],
  summary: "Create a tenant",
  tag: "Tenants",
  resource: { kind: "tenant" },
  async execute(deps, call) {
    requireCellOperator(call);
    const { body, by } = call;
    const id = body.id ?? TenantId.parse(deps.ids.base62(16));
    const { kid, digest, text } = mint(deps, id);
    const key = {
      kid,
      digest,
      name: "first administrator",
      workspace: WorkspaceId.parse("default"),
      project: ProjectId.parse("default"),
      environment: EnvironmentId.parse("production"),
      subject: `key:${kid}`,
      kind: "service" as const,
      roles: ["admin" as const],
      granted: ["*"],
      cell_operator: false,
      expires_ms: null,
    };
    const provisioned = await deps.tenants.provision(id, {
      settings: { name: body.name, privacy: body.privacy, content: body.content, transit: body.transit },
      data_key: await deps.keyring.createDataKey(id),
      keys: [key],
      budgets: [],
      by,
    });
    if (!provisioned.ok) throw new ProblemError("already-exists", { detail: "A tenant with this id exists." });
    await deps.cellStore.registerTenant(id);
    // Awaited, so that workspaces can be made in it at once; while Postgres is away the tenant's outbox brings it later.
    await deps.control.registerTenant(provisioned.value);
    const created = keyObject({
      ...key,
      created_ms: provisioned.value.created_ms,
      revoked_ms: null,
      rotated_to: null,
      created_by: by.subject,
      created_with: by.credential,
      made_by: [by.subject],
      version: 1,
      last_used_ms: null,
    });
    return value({ ...tenantObject(provisioned.value, deps.cell), admin_key: { ...created, secret: text } });
  },
});
