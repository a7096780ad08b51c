import { readFileSync } from "node:fs";
import { pack, sign } from "../../policies/bundle/archive.fixture.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import type { Lab, Tenant } from "./lab.ts";
import { BUNDLE_KEY, BUNDLE_SECRET } from "./policy-bundle.ts";

/** `policies/examples/approvals`, as its Rego compiles. */
const PLAN = readFileSync(new URL("../../policies/plans/approvals-example.json", import.meta.url), "utf8");

interface Demand {
  approvers?: number;
  role?: string;
  edit?: boolean;
}
/** What must be approved: by action, and by the alias of a model. */
export interface ApprovalTables {
  actions?: Readonly<Record<string, Demand>>;
  models?: Readonly<Record<string, Demand>>;
}

/** The example policy over a test's own tables, signed as `opa sign` signs. */
export async function approvalsBundle(
  tenant: string,
  revision: number,
  { actions = {}, models = {} }: ApprovalTables,
): Promise<Uint8Array> {
  const files = new Map<string, string | Uint8Array>([
    ["data.json", JSON.stringify({ approvals: { actions, models } })],
    ["plan.json", PLAN],
    [".manifest", JSON.stringify({ revision: String(revision), roots: ["bailiwick", "approvals"] })],
  ]);
  const claims = { keyid: BUNDLE_KEY, layer: "tenant", tenant, revision, contract: "1.0.0" };
  await sign(files, claims, { alg: "HS256", key: utf8(BUNDLE_SECRET), kid: BUNDLE_KEY });
  return pack(files);
}

let revisions = 0;
/** Puts the tables in force for a tenant of the configuration. */
export async function demandApprovals(lab: Lab, tenant: Tenant, tables: ApprovalTables): Promise<void> {
  const { data } = await lab.json("/v1/policies/bundles?limit=1", { key: tenant.adminKey });
  revisions = Math.max(revisions, Number(data[0]?.revision ?? 0)) + 1;
  const body = await approvalsBundle(tenant.id, revisions, tables);
  const headers = { "content-type": "application/gzip" };
  const { revision } = await lab.json("/v1/policies/bundles", { key: tenant.adminKey, method: "PUT", body, headers });
  await lab.json(`/v1/policies/bundles/${revision}/activate`, { key: tenant.adminKey, body: {} });
}
