import { createAuthenticator } from "../../functions/pipeline/authenticate/authenticator.ts";
import type { IssuerConfig } from "../../shared/contracts/config/snapshot.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { configOf, issuerConfig, MAC_KEY, NOW, tenantConfig, tenantState, tenantsWith } from "./identity.ts";
import { issuerEgress, type TestIssuer } from "./issuer.ts";

export const ISS = "https://id.example.com";
export const CELL = "https://cell.example.com";
export const nowS = NOW / 1000;
/** Claims of a good token of a user of tenant `a`. */
export const base = {
  iss: ISS,
  aud: CELL,
  sub: "user-1",
  iat: nowS,
  exp: nowS + 600,
  scope: "inference:invoke model:*",
  roles: ["dev"],
};

/** Tenants `a` (issuer, audience `CELL`, workloads) and `b` (the same issuer, another audience; and `more`). */
export function tokenWorld(
  { op, workloads }: { op: TestIssuer; workloads: TestIssuer },
  members: Partial<IssuerConfig> = {},
  more: IssuerConfig[] = [],
) {
  const { egress, control } = issuerEgress([op, workloads]);
  const workload = issuerConfig({ issuer: workloads.issuer, kind: "workload", network: "operator" });
  const configured = (config: Partial<IssuerConfig>) =>
    configOf(
      tenantConfig("a", [issuerConfig({ issuer: ISS, ...config }), workload]),
      tenantConfig("b", [issuerConfig({ issuer: ISS, audiences: ["https://b.example.com"] }), ...more]),
    ).current();
  let snapshot = configured(members);
  const tenants = tenantsWith([tenantState("a"), tenantState("b")], [], new Map());
  const authenticator = createAuthenticator({
    cell: { id: "local", endpoint: CELL },
    config: { current: () => snapshot },
    tenants,
    keyring: { macKeys: () => [MAC_KEY] },
    egress,
  });
  const call = (token: string, context: { now?: number; tenant?: string; fresh?: boolean } = {}) =>
    authenticator.authenticate(
      new Headers({
        authorization: `Bearer ${token}`,
        ...(context.tenant === undefined ? {} : { "x-tenant": context.tenant }),
      }),
      // safe because: test moments are milliseconds
      { host: null, source: null, fresh: context.fresh ?? false, now: (context.now ?? NOW) as UnixMs },
    );
  const outcome = async (token: string, context = {}) => {
    const answer = await call(token, context);
    return answer.ok ? "accepted" : answer.error.slug;
  };
  const actor = async (token: string, context = {}) => {
    const answer = await call(token, context);
    if (!answer.ok) throw new Error(answer.error.slug);
    return answer.value.actor;
  };
  /** Activates another configuration of tenant `a`'s issuer. */
  const reconfigure = (config: Partial<IssuerConfig>) => {
    snapshot = configured(config);
  };
  return { call, outcome, actor, control, tenants, reconfigure };
}
