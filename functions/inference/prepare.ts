import type { JsonObject } from "../../shared/contracts/json.ts";
import { unreachable } from "../../shared/contracts/result.ts";
import type { Deps, Undecided } from "../context.ts";
import { pinOf } from "../pipeline/pinned.ts";
import { ProblemError } from "../problem.ts";
import type { Prepared } from "../v1/operation.ts";
import type { CandidateRefusal, Offered } from "./candidates.ts";
import { checkTensors } from "./check-tensors.ts";
import { offersFor } from "./known-offers.ts";
import { detectedIn } from "./obligations/detected.ts";
import { type Features, featuresOf, type View } from "./view.ts";

/** What `prepare` carries to `execute`: found once, before the decision. */
export interface Carried {
  offered: Offered;
  features: Features;
}

/** Candidates of a call from the cached snapshot, for policy to decide on. Throws `ProblemError`. */
export async function prepareInference(deps: Deps, call: Undecided, view: View): Promise<Prepared> {
  const body = call.body as JsonObject; // safe because: the operation's schema is an object
  const tensors = view.surface === "oip.infer" ? { tensors: checkTensors(body) } : {};
  const features = featuresOf(view.surface, body, call, String(body.model));
  const brought = await deps.tenantCredentials.providers(deps, call);
  const found = offersFor(call.snapshot, call.tenant.id, {
    model: features.model,
    intent: features.intent,
    surface: view.surface,
    features,
    ...tensors,
    privacy: call.privacy,
    pin: pinOf(call.tenant, call.actor.scopes.workspace),
    classification: call.labels.classification,
    tenantCredentials: new Set(brought.keys()),
  });
  if (!found.ok) throw refused(found.error);
  const { offered, shown } = found.value;
  const carry: Carried = { offered, features };
  return {
    intent: offered.intent?.name ?? null,
    labels: offered.intents.map(({ labels }) => labels),
    candidates: shown,
    features: {
      stream: features.stream,
      tools: features.tools,
      images: features.images,
      hold_nusd: 0,
      detected: detectedIn(call, view.surface, body),
    },
    carry,
  };
}

const PARAM = {
  surface_unsupported: "model",
  tools_unsupported: "tools",
  vision_unsupported: "messages",
  structured_output_unsupported: "response_format",
  tensors_unsupported: "inputs",
} as const;

const DETAIL = {
  surface_unsupported: "The model does not answer calls of this kind.",
  tools_unsupported: "The model takes no tools.",
  vision_unsupported: "The model takes no images.",
  structured_output_unsupported: "The model gives no structured output.",
  tensors_unsupported: "The model takes other tensors. Its metadata says which.",
} as const;

function refused(refusal: CandidateRefusal): ProblemError {
  switch (refusal.reason) {
    case "unknown_model":
      return new ProblemError("model-not-found", { param: "model" });
    case "unknown_version":
      return new ProblemError("model-not-found", { param: "model_version", members: { candidates: refusal.rejected } });
    case "unknown_intent":
      return new ProblemError("invalid-request", { param: "x-bailiwick-intent", detail: "There is no such intent." });
    case "unsupported":
      return new ProblemError("unsupported-parameter", {
        param: PARAM[refusal.capability],
        detail: DETAIL[refusal.capability],
        members: { candidates: refusal.rejected },
      });
    case "no_candidate":
      // Known from the configuration alone: asking again changes nothing.
      return new ProblemError("no-route", {
        detail: "No engine behind this model may be used for this call, or is configured; `candidates` says why.",
        headers: { "x-should-retry": "false" },
        members: { candidates: refusal.rejected },
      });
    default:
      return unreachable(refusal);
  }
}
