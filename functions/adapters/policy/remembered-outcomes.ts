import type { LayerAnswer } from "../../../policies/decide/answer.ts";
import type { LayerPolicy } from "../../../policies/decide/decide-layer.ts";
import type { Decision, PolicyInput } from "../../../shared/contracts/decision.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { canonicalJson } from "../../../shared/crypto/canonical-json.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import { Recent } from "./recent.ts";

/** What policies answered to one input. Held by the policy itself: one that is in force no more is never found again. */
export interface Outcomes {
  /** SHA-256 hex over the input's canonical JSON. */
  digest: string;
  answers: WeakMap<LayerPolicy, LayerAnswer>;
  /** The input as JSON. */
  json: string;
  /** What the last answers came to together; frozen, because calls share it. */
  together: Together | null;
}

/** Two answers and the decision that they make, without any approval. */
interface Together {
  cell: LayerAnswer;
  tenant: LayerAnswer | null;
  decision: Decision;
}

export const newOutcomes = (input: PolicyInput, json = JSON.stringify(input)): Outcomes => ({
  // safe because: the input is a document of its schema, and canonical JSON refuses what is no JSON
  digest: sha256Hex(canonicalJson(input as unknown as JsonObject)),
  answers: new WeakMap(),
  json,
  together: null,
});

/**
 * Inputs that were decided last. An input holds no time and no content, so the calls of one actor to one model are one
 * input; whatever differs in a single member is another one. Only answers that asked for no time or randomness are kept.
 */
export class RememberedOutcomes {
  readonly #known = new Recent<string, Outcomes>(LIMITS.policyOutcomesKeptMax);

  of(input: PolicyInput): Outcomes {
    const text = JSON.stringify(input);
    const known = this.#known.get(text);
    if (known) return known;
    const outcomes = newOutcomes(input, text);
    if (text.length <= LIMITS.policyOutcomeInputCharsMax) this.#known.set(text, outcomes);
    return outcomes;
  }
}
