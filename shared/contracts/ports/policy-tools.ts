import type { Decided, PolicyInput, PolicyLayerName } from "../decision.ts";
import type { TenantId } from "../ids.ts";
import type { BundleRef } from "../policy/freshness.ts";
import type { DecisionRecord } from "../policy/record.ts";
import type { RegisteredKey } from "../policy/registered-key.ts";
import type { Result } from "../result.ts";
import type { PolicyLayer } from "./policy-store.ts";

/** An archive that is no bundle of this layer. `code` says which check it failed; `detail` is for whoever built it. */
export interface BundleInvalid {
  reason: "bundle_invalid";
  code: string;
  detail: string | null;
}

/** What a verified archive says of itself. */
export interface CheckedBundle extends BundleRef {
  contract: string;
  signed_by: string;
}

/** What is decided again, at the instant that is given with it. */
export interface PolicyQuestion {
  input: PolicyInput;
  at_ms: number;
}
export type PolicyAnswer = Omit<Decided, "id">;
export interface ComparedAnswer {
  /** Place of the question. */
  index: number;
  old: PolicyAnswer;
  new: PolicyAnswer;
}
export interface Comparison {
  candidate: CheckedBundle;
  answers: ComparedAnswer[];
  /** Questions from here on were left out: the bound on steps was reached. */
  complete: number;
}

export interface ExplainedLayer {
  layer: PolicyLayerName;
  /** `bundle_gone`: retired, or not verified under the keys in force; `input_gone`: it was too long to keep. */
  explained: "evaluated" | "bundle_gone" | "input_gone";
  /** Whether asking again gave what was recorded; null when nobody was asked. */
  reproduced: boolean | null;
  rules: string[];
  rules_truncated: boolean;
  failure: { code: string; detail: string } | null;
}

/**
 * Policies asked without effect: nothing here decides a call, is recorded or changes what is in force. Facts are those of
 * the configuration in force. Rejects with `PolicyUnavailable` when a policy in force cannot be read.
 */
export interface PolicyTools {
  /** Whether a public key can verify by its algorithm and is long enough: asked before it is registered. */
  checkKey(
    key: Pick<RegisteredKey, "id" | "algorithm" | "public_key">,
  ): Promise<Result<null, { reason: "key_unusable" }>>;
  /** Verifies an archive as a bundle of the layer, under the keys that configuration and tenant trust for it now. */
  check(layer: PolicyLayer, archive: Uint8Array): Promise<Result<CheckedBundle, BundleInvalid>>;
  /** Each question under the bundles that are active, and with the candidate in its layer's place; no canary takes part. */
  compare(
    tenant: TenantId,
    candidate: { layer: PolicyLayerName; archive: Uint8Array },
    questions: readonly PolicyQuestion[],
  ): Promise<Result<Comparison, BundleInvalid>>;
  /** The recorded evaluation again, layer by layer, with the rules that held. */
  explain(tenant: TenantId, record: DecisionRecord): Promise<{ facts: "same" | "changed"; layers: ExplainedLayer[] }>;
}
