import { DENIALS, type LayerAnswer } from "../../../policies/decide/answer.ts";
import { requestersOf } from "../../../policies/decide/approvals.ts";
import { combine } from "../../../policies/decide/combine.ts";
import { decideLayer, type LayerOutcome, type LayerPolicy } from "../../../policies/decide/decide-layer.ts";
import { withStepUpMet } from "../../../policies/decide/step-up.ts";
import { fromJson } from "../../../policies/engine/json.ts";
import type { Value } from "../../../policies/engine/value.ts";
import type {
  Decided,
  Decision,
  LayerDecision,
  PolicyInput,
  PolicyLayerName,
} from "../../../shared/contracts/decision.ts";
import type { PolicyBasis } from "../../../shared/contracts/ports/policy.ts";
import { newOutcomes, type Outcomes, type RememberedOutcomes } from "./remembered-outcomes.ts";

/** One layer as it is asked: its policy over this tenant's facts, and what it is called in records. */
export interface AskedLayer {
  layer: PolicyLayerName;
  version: number;
  revision: number;
  digest: string;
  policy: LayerPolicy;
}

/** The cell's layer, and the tenant's where a bundle of it is in force. */
export interface AskedLayers {
  cell: AskedLayer;
  tenant: AskedLayer | null;
}

export interface Watcher {
  evaluated(layer: AskedLayer, outcome: LayerOutcome, seconds: number): void;
  /** The evaluation could not even be made. */
  crashed(cause: unknown): void;
  /** Seconds of a clock that only counts. */
  seconds(): number;
}

/**
 * Asks both layers about one input and combines what they answer. What a layer has answered to the very same input under
 * the very same policy, facts and nothing else, is not worked out again. Total: whatever breaks on the way is a DENY with
 * `policy_error`.
 */
export function askLayers(
  layers: AskedLayers,
  input: PolicyInput,
  basis: PolicyBasis,
  nowMs: number,
  watcher: Watcher,
  remembered: RememberedOutcomes | null = null,
): Omit<Decided, "id"> {
  const asked = layers.tenant === null ? [layers.cell] : [layers.cell, layers.tenant];
  const common = {
    policy_digest: asked.map(({ digest }) => digest).join(";"),
    now_ns: `${nowMs}000000`,
  };
  let input_digest = "";
  try {
    const known = remembered?.of(input) ?? newOutcomes(input);
    input_digest = known.digest;
    let value: Value | null = null;
    const ask = (layer: AskedLayer): LayerAnswer => {
      let answer = known.answers.get(layer.policy);
      if (answer === undefined) {
        const from = watcher.seconds();
        value ??= engineValue(input);
        const outcome = decideLayer(layer.policy, value, BigInt(nowMs) * 1_000_000n);
        watcher.evaluated(layer, outcome, watcher.seconds() - from);
        ({ answer } = outcome);
        if (outcome.timeless) known.answers.set(layer.policy, answer);
      }
      return withStepUpMet(answer, input.actor, nowMs);
    };
    const cell = ask(layers.cell);
    const tenant = layers.tenant === null ? null : ask(layers.tenant);
    const decision = together(known, cell, tenant, input, basis);
    const stated = [layerDecision(layers.cell, cell)];
    if (layers.tenant !== null && tenant !== null) stated.push(layerDecision(layers.tenant, tenant));
    return { decision, layers: stated, input_digest, input_json: known.json, ...common };
  } catch (cause) {
    watcher.crashed(cause);
    return { decision: CRASHED, layers: [], input_digest, ...common };
  }
}

/** What both layers come to. The answers to one input, evaluated once, are the same objects, and so is what they make. */
function together(
  known: Outcomes,
  cell: LayerAnswer,
  tenant: LayerAnswer | null,
  { candidates, actor }: PolicyInput,
  basis: PolicyBasis,
): Decision {
  const approval = basis.approval ?? null;
  const before = approval === null ? known.together : null;
  if (before !== null && before.cell === cell && before.tenant === tenant) return before.decision;
  const decision = combine({ cell, tenant }, { candidates, requesters: requestersOf(actor), evidence: approval });
  if (approval === null) known.together = { cell, tenant, decision: frozen(decision) };
  return decision;
}

function frozen<T extends object>(value: T): T {
  for (const member of Object.values(value)) if (typeof member === "object" && member !== null) frozen(member);
  return Object.freeze(value);
}

function engineValue(input: PolicyInput): Value {
  const value = fromJson(input);
  if (!value.ok) throw new TypeError(`the input is no document: ${value.error.detail}`);
  return value.value;
}

const CRASHED: Decision = { decision: "DENY", reasons: [DENIALS.error], obligations: [], approvals: [] };

const layerDecision = (
  { layer, version, revision, digest }: AskedLayer,
  { decision, reasons }: LayerAnswer,
): LayerDecision => ({ layer, version, revision, digest, decision, reasons: [...reasons] });
