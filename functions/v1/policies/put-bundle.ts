import { BundleObject, LayerQuery } from "../../../shared/contracts/http/policies.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { ProblemError } from "../../problem.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { targetLayer } from "./layer.ts";
import { bundleObject } from "./view.ts";

/** Nothing is kept that was not verified whole; what is kept decides nothing until it is activated. */
export const putBundle = operation({
  id: "policies.bundles.put",
  method: "put",
  path: "/v1/policies/bundles",
  action: "policy:write",
  gate: "governed",
  credential: "fresh",
  effect: "reversible-write",
  retry: "safe",
  ack: "commit",
  // Read whole before anything is decided: what is no bundle is refused as one piece.
  kind: "unary",
  media: "application/gzip",
  bodyBytesMax: LIMITS.policyBundleBytesMax,
  query: LayerQuery,
  success: [201, BundleObject, "The kept bundle. The same bytes again are the same bundle."],
  problems: ["bundle-invalid", "revision-not-increasing", "limit-reached", "not-found"],
  summary: "Keep a signed bundle",
  tag: "Policies",
  resource: { kind: "policy" },
  async execute(deps, call) {
    const { layer, change } = await targetLayer(deps, call, call.query);
    const checked = await deps.policyTools.check(layer, call.rawBody);
    if (!checked.ok) throw bundleInvalid(checked.error);
    const stored = await deps.policies.put(layer, change, { ...checked.value, archive: call.rawBody });
    return value(bundleObject(layer, unwrap(stored, { limit: "The bundle is larger than a layer keeps." })));
  },
});

/** `code` says which check the archive failed. */
export const bundleInvalid = ({ code, detail }: { code: string; detail: string | null }): ProblemError =>
  new ProblemError("bundle-invalid", {
    detail: detail === null ? `The bundle is refused: ${code}.` : `The bundle is refused: ${code} (${detail}).`,
    members: { code },
  });
