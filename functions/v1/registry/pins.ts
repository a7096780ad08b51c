import { type PrivacyMode, stricterPrivacy } from "../../../shared/contracts/decision.ts";
import { PinObject, PinPath, PutPin, UnpinnedObject } from "../../../shared/contracts/http/workspace-pins.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { WorkspacePin } from "../../../shared/contracts/workspace-pin.ts";
import type { Call, Deps } from "../../context.ts";
import { pinOf } from "../../pipeline/pinned.ts";
import { ProblemError } from "../../problem.ts";
import { DELETE, JSON_INPUT, READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";

const common = {
  path: "/v1/workspaces/{workspace_id}/pin",
  gate: "governed",
  // The tenant's object compares it with the change.
  credential: "fresh",
  params: PinPath,
  tag: "Workspaces",
  resource: { kind: "workspace", param: "workspace_id" },
} as const;

const wider = (param: string, detail: string) =>
  new ProblemError("invalid-request", { param, detail, members: { reason: "wider" } });

/** Both changes: the tenant's object writes them, or refuses. */
async function changePin(
  deps: Pick<Deps, "tenants">,
  { tenant, access, by }: Pick<Call, "tenant" | "access" | "by">,
  workspace: string,
  to: WorkspacePin | null,
) {
  unwrap(await deps.tenants.change(tenant.id, { access, by }, { pin: { workspace, to } }));
}

/** A pin that allows what the tenant may not have is a mistake; it would restrict nothing in the way it reads. */
function refuseWider(call: Pick<Call, "tenant" | "snapshot">, pin: WorkspacePin): void {
  const { snapshot, tenant } = call;
  const may: PrivacyMode = tenant.settings.privacy;
  if (pin.privacy !== null && stricterPrivacy(pin.privacy, may) !== pin.privacy)
    throw wider("privacy", `The tenant's mode is ${may}: a workspace is never wider.`);
  const providers = snapshot.tenants[tenant.id]?.providers_allow ?? null;
  const foreign = pin.providers?.find(
    (name) => !Object.hasOwn(snapshot.providers, name) || (providers !== null && !providers.includes(name)),
  );
  if (foreign !== undefined) throw wider("providers", `The tenant has no provider ${foreign}.`);
  const { cell, policies } = snapshot;
  const outside = pin.jurisdictions?.find(
    (name) =>
      cell.jurisdiction !== "local" &&
      name !== cell.jurisdiction &&
      !(policies.jurisdictions_allow ?? []).includes(name),
  );
  if (outside !== undefined) throw wider("jurisdictions", `No call of this cell is computed in ${outside}.`);
}

const shown = (workspace: string, pin: WorkspacePin) => ({ object: "workspace.pin", workspace, ...pin });

export const pinWorkspace = operation({
  ...common,
  ...JSON_INPUT,
  id: "workspaces.pin",
  method: "put",
  action: "workspace:write",
  effect: "reversible-write",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  body: PutPin,
  success: [
    200,
    PinObject,
    "A narrower pin is in force for the next call of the workspace, a wider one within five minutes.",
  ],
  problems: ["limit-reached"],
  summary: "Pin a workspace narrower than its tenant",
  async execute(deps, call) {
    const { workspace_id: workspace } = call.params;
    const pin = call.body;
    refuseWider(call, pin);
    const pins = call.tenant.pins ?? {};
    if (!Object.hasOwn(pins, workspace) && Object.keys(pins).length >= LIMITS.pinsPerTenantMax)
      throw new ProblemError("limit-reached", {
        detail: `A tenant pins at most ${LIMITS.pinsPerTenantMax} workspaces.`,
      });
    await changePin(deps, call, workspace, pin);
    return value(shown(workspace, pin));
  },
});

export const getPin = operation({
  ...READ,
  ...common,
  id: "workspaces.pin.get",
  action: "workspace:read",
  success: [200, PinObject, "What the workspace is pinned to."],
  problems: ["not-found"],
  summary: "Get a workspace's pin",
  execute(_deps, call) {
    const { workspace_id: workspace } = call.params;
    const pin = pinOf(call.tenant, workspace);
    if (pin === null) throw new ProblemError("not-found");
    return value(shown(workspace, pin));
  },
});

export const unpinWorkspace = operation({
  ...DELETE,
  ...common,
  id: "workspaces.unpin",
  action: "workspace:write",
  success: [
    200,
    UnpinnedObject,
    "The workspace is as wide as its tenant again: for the next call, or within five minutes where an edge remembers it.",
  ],
  problems: ["not-found"],
  summary: "Take a workspace's pin away",
  async execute(deps, call) {
    const { workspace_id: workspace } = call.params;
    if (pinOf(call.tenant, workspace) === null) throw new ProblemError("not-found");
    await changePin(deps, call, workspace, null);
    return value({ object: "workspace.pin.deleted", workspace, deleted: true });
  },
});
