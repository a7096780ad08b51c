import {
  ActivateBundle,
  BundleList,
  BundleObject,
  BundlePath,
  LayerPageQuery,
  LayerQuery,
  PolicyObject,
} from "../../../shared/contracts/http/policies.ts";
import type { StoredBundle } from "../../../shared/contracts/ports/policy-store.ts";
import type { Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { JSON_INPUT, READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { pageOfArray } from "../page.ts";
import { unwrap } from "../refusals.ts";
import { type TargetLayer, targetLayer } from "./layer.ts";
import { bundleObject, policyObject } from "./view.ts";

const common = { gate: "governed", credential: "fresh", tag: "Policies" } as const;
const bundle = { kind: "policy", param: "revision" } as const;

export async function keptBundle(deps: Deps, target: TargetLayer, revision: number): Promise<StoredBundle> {
  const { bundles } = unwrap(await deps.policies.list(target.layer, target.change.access));
  const found = bundles.find((one) => one.revision === revision);
  if (!found) throw new ProblemError("not-found");
  return found;
}

export const listBundles = operation({
  ...READ,
  ...common,
  id: "policies.bundles.list",
  path: "/v1/policies/bundles",
  action: "policy:read",
  query: LayerPageQuery,
  success: [200, BundleList, "The layer's bundles, newest first."],
  problems: ["not-found"],
  summary: "List policy bundles",
  resource: { kind: "policy" },
  async execute(deps, call) {
    const { layer, change } = await targetLayer(deps, call, call.query);
    const { bundles } = unwrap(await deps.policies.list(layer, change.access));
    const objects = bundles.map((one) => bundleObject(layer, one));
    return value(pageOfArray("policy-bundles", objects, call.query));
  },
});

export const getBundle = operation({
  ...READ,
  ...common,
  id: "policies.bundles.get",
  path: "/v1/policies/bundles/{revision}",
  action: "policy:read",
  params: BundlePath,
  query: LayerQuery,
  success: [200, BundleObject, "What is known of the bundle."],
  problems: ["not-found"],
  summary: "Get a policy bundle",
  resource: bundle,
  async execute(deps, call) {
    const target = await targetLayer(deps, call, call.query);
    return value(bundleObject(target.layer, await keptBundle(deps, target, call.params.revision)));
  },
});

export const getArchive = operation({
  ...READ,
  ...common,
  kind: "binary",
  id: "policies.bundles.archive",
  path: "/v1/policies/bundles/{revision}/archive",
  action: "policy:read",
  params: BundlePath,
  query: LayerQuery,
  success: [200, null, "The archive, byte for byte as it was verified.", "application/gzip"],
  problems: ["not-found"],
  summary: "Download a policy bundle",
  resource: bundle,
  async execute(deps, call) {
    const target = await targetLayer(deps, call, call.query);
    const { digest, revision } = await keptBundle(deps, target, call.params.revision);
    const body = unwrap(await deps.policies.bundle(target.layer, digest), {
      not_found: "The bundle made room for newer ones.",
    });
    const headers = {
      etag: `"${digest}"`,
      "cache-control": "no-store",
      "content-disposition": `attachment; filename="policy-${target.layer.layer}-${revision}.tar.gz"`,
    };
    return { kind: "bytes", status: 200, contentType: "application/gzip", body, headers };
  },
});

/** Takes effect on the next request: the version that every admission compares moves with it. */
export const activateBundle = operation({
  ...common,
  ...JSON_INPUT,
  id: "policies.bundles.activate",
  method: "post",
  path: "/v1/policies/bundles/{revision}/activate",
  action: "policy:activate",
  effect: "reversible-write",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  params: BundlePath,
  query: LayerQuery,
  body: ActivateBundle,
  success: [200, PolicyObject, "What is in force now."],
  problems: ["not-found", "version-conflict", "revision-not-increasing"],
  summary: "Put a bundle in force, for all or for a share of the actors",
  resource: bundle,
  async execute(deps, call) {
    const { layer, change } = await targetLayer(deps, call, call.query);
    const activated = await deps.policies.activate(layer, change, {
      revision: call.params.revision,
      canary_percent: call.body.canary_percent,
      rollback: false,
      expected_version: call.body.expected_version ?? null,
    });
    return value(
      policyObject(
        layer,
        unwrap(activated, {
          older_revision: "Only a roll back puts a revision in force that is not above the active one.",
        }),
      ),
    );
  },
});
