import type { z } from "zod";
import type { Role } from "./actor.ts";
import type { DecisionId } from "./ids.ts";
import type { Acr, DecisionVerb } from "./policy/document.ts";
import type { Obligation } from "./policy/obligations.ts";

export { DECISIONS } from "./policy/document.ts";
export type { PolicyCandidate, PolicyInput } from "./policy/input.ts";
export type { Obligation } from "./policy/obligations.ts";
export { PRIVACY_MODES, PrivacyMode, stricterPrivacy } from "./policy/privacy.ts";

/** The cell's policy (its operators) and the tenant's (its administrators). */
export type PolicyLayerName = "cell" | "tenant";

/** An approval that one layer asks for; only an approver of that layer satisfies it. */
export interface LayerApproval {
  layer: PolicyLayerName;
  approvers: number;
  role: Role;
  edit: boolean;
}

/** The combined answer of both layers, resolved over the candidates that were offered. */
export interface Decision {
  decision: DecisionVerb;
  /** Codes of the layer or layers that decided so; never policy text. */
  reasons: string[];
  /** On the call as a whole. */
  obligations: Obligation[];
  /** Present when a layer routes: the candidates that may be used, and what each is used under. An empty map means none. */
  route?: { candidates: ReadonlyMap<string, readonly Obligation[]> };
  limits?: { budget_nusd?: number; output_tokens_max?: number; latency_ms_max?: number };
  acr?: z.infer<typeof Acr>;
  /** What is still to be approved; empty when nothing is, or all of it was. */
  approvals: LayerApproval[];
  throttle?: { limit: string };
  ttl_s?: number;
}

/** What one layer answered, by which bundle: the ledger and the explanation name it. */
export interface LayerDecision {
  layer: PolicyLayerName;
  /** Activation counter of the layer. */
  version: number;
  /** 0 for the policy that is built into the release. */
  revision: number;
  digest: string;
  decision: DecisionVerb;
  reasons: string[];
}

/** A decision with its record: ids and digests that the ledger keeps. */
export interface Decided {
  id: DecisionId;
  decision: Decision;
  layers: LayerDecision[];
  /** Digest of the policies that answered, one per layer, joined by `;`. */
  policy_digest: string;
  /** SHA-256 hex over the canonical JSON of the input. */
  input_digest: string;
  /** The instant that the policies were asked with, nanoseconds since the epoch as a decimal. */
  now_ns: string;
  /** The input as JSON, where it was written to find what is known about it: nobody writes it again. */
  input_json?: string;
}
