import {
  SimulatePolicy,
  type Simulation,
  Simulation as SimulationSchema,
} from "../../../shared/contracts/http/policies.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { PolicyUnavailable } from "../../../shared/contracts/ports/policy.ts";
import type { PolicyQuestion } from "../../../shared/contracts/ports/policy-tools.ts";
import type { Call, Deps } from "../../context.ts";
import { outcomeOf } from "../../pipeline/decision-record.ts";
import { ProblemError } from "../../problem.ts";
import { recordOf } from "../decisions/record.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { keptBundle } from "./bundles.ts";
import { changeOf, tally } from "./differences.ts";
import { type TargetLayer, targetLayer } from "./layer.ts";
import { bundleInvalid } from "./put-bundle.ts";

/** What the candidate is compared over, and what could not be. */
interface Questions {
  questions: (PolicyQuestion & { decision_id: string | null; index: number })[];
  omitted: number;
}

/** Nothing is recorded, kept or put in force: the answer is all that happens. */
export const simulatePolicy = operation({
  id: "policies.simulate",
  method: "post",
  path: "/v1/policies/simulate",
  action: "policy:read",
  gate: "governed",
  credential: "fresh",
  effect: "read",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  media: "application/json",
  bodyBytesMax: LIMITS.simulationBodyBytesMax,
  body: SimulatePolicy,
  success: [200, SimulationSchema, "What would be decided otherwise with the candidate in its layer's place."],
  problems: ["not-found", "bundle-invalid", "policy-unavailable"],
  summary: "Compare a bundle with the policy in force",
  tag: "Policies",
  resource: { kind: "policy" },
  async execute(deps, call) {
    const { layer, changes_only } = call.body;
    const target = await targetLayer(deps, call, { layer });
    const archive = await archiveOf(deps, target, call.body);
    const { questions, omitted } = await questionsOf(deps, call);
    const compared = await compare(deps, call, { layer, archive }, questions);
    const summary = tally();
    const data: Simulation["data"] = [];
    for (const { index: at, old, new: then } of compared.answers) {
      const question = questions[at];
      if (!question) throw new Error("an answer to no question");
      const before = outcomeOf(old.decision);
      const after = outcomeOf(then.decision);
      const change = changeOf(before, after);
      summary[change]++;
      if (changes_only && change === "same") continue;
      const { decision_id, index } = question;
      data.push({ index, decision_id, input_digest: then.input_digest, change, old: before, new: after });
    }
    const { revision, digest } = compared.candidate;
    return value({
      object: "policy.simulation",
      layer,
      candidate: { revision, digest },
      evaluated: compared.answers.length,
      omitted: omitted + questions.length - compared.complete,
      summary,
      data,
    });
  },
});

async function archiveOf(deps: Deps, target: TargetLayer, { bundle, revision }: SimulatePolicy): Promise<Uint8Array> {
  if (bundle !== undefined) return Uint8Array.from(atob(bundle), (character) => character.charCodeAt(0));
  const { digest } = await keptBundle(deps, target, revision ?? 0);
  return unwrap(await deps.policies.bundle(target.layer, digest), {
    not_found: "The bundle made room for newer ones.",
  });
}

/** Given inputs as of now, or the tenant's last decisions as of when they were made. */
async function questionsOf(deps: Deps, call: Call<SimulatePolicy>): Promise<Questions> {
  const { inputs, decisions } = call.body;
  if (inputs !== undefined) {
    const at_ms = deps.clock.now();
    return { questions: inputs.map((input, index) => ({ input, at_ms, decision_id: null, index })), omitted: 0 };
  }
  const page = { limit: decisions ?? 1, before: null };
  const kept = unwrap(await deps.tenants.decisions(call.tenant.id, call.access, page)).decisions;
  const questions = kept.flatMap((one, index) => {
    const { id, input, now_ns } = recordOf(one);
    return input === null ? [] : [{ input, at_ms: Number(BigInt(now_ns) / 1_000_000n), decision_id: id, index }];
  });
  return { questions, omitted: kept.length - questions.length };
}

async function compare(
  deps: Deps,
  call: Call,
  candidate: Parameters<Deps["policyTools"]["compare"]>[1],
  questions: readonly PolicyQuestion[],
) {
  try {
    const compared = await deps.policyTools.compare(call.tenant.id, candidate, questions);
    if (compared.ok) return compared.value;
    throw bundleInvalid(compared.error);
  } catch (thrown) {
    if (!(thrown instanceof PolicyUnavailable)) throw thrown;
    throw new ProblemError("policy-unavailable", { retryAfterMs: 1000 }, { cause: thrown });
  }
}
