import { isUsable } from "../../../policies/bundle/keys.ts";
import { type BundleRefusal, openBundle } from "../../../policies/bundle/open-bundle.ts";
import { DENIALS } from "../../../policies/decide/answer.ts";
import { type LayerOutcome, type LayerPolicy, withFacts } from "../../../policies/decide/decide-layer.ts";
import { explainLayer } from "../../../policies/decide/explain-layer.ts";
import { withStepUpMet } from "../../../policies/decide/step-up.ts";
import { loadPlan } from "../../../policies/engine/evaluate.ts";
import { fromJson } from "../../../policies/engine/json.ts";
import type { OObject } from "../../../policies/engine/value.ts";
import type { SecretRef } from "../../../shared/contracts/config/snapshot.ts";
import type { PolicyLayerName } from "../../../shared/contracts/decision.ts";
import type { TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { BundleRef } from "../../../shared/contracts/policy/freshness.ts";
import type { DecisionRecord } from "../../../shared/contracts/policy/record.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { ConfigSource } from "../../../shared/contracts/ports/config-source.ts";
import { PolicyUnavailable } from "../../../shared/contracts/ports/policy.ts";
import type { PolicyLayer, PolicyStore } from "../../../shared/contracts/ports/policy-store.ts";
import type {
  BundleInvalid,
  CheckedBundle,
  ComparedAnswer,
  ExplainedLayer,
  PolicyQuestion,
  PolicyTools,
} from "../../../shared/contracts/ports/policy-tools.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { type AskedLayer, type AskedLayers, askLayers, type Watcher } from "./ask-layers.ts";
import { factsValues } from "./facts-values.ts";
import { layerKeys } from "./layer-keys.ts";
import { trustedKeys, verificationKey } from "./open-stated.ts";
import type { BuiltinPolicy } from "./rego.ts";

export interface PolicyToolsOptions {
  store: Pick<PolicyStore, "state" | "bundle">;
  clock: Clock;
  config: Pick<ConfigSource, "current">;
  builtin: BuiltinPolicy;
  readSecret(ref: SecretRef): string | null;
  /** Lets other calls go on between two evaluations. */
  pause(): Promise<void>;
}

const layerOf = (name: PolicyLayerName, tenant: TenantId): PolicyLayer =>
  name === "cell" ? { layer: "cell" } : { layer: "tenant", tenant };
const tenantOf = (layer: PolicyLayer): TenantId | null => (layer.layer === "cell" ? null : layer.tenant);

type Opened = CheckedBundle & { policy: LayerPolicy };

/** The same evaluation that decides calls, over bundles read and verified for this one question. */
export function policyTools(options: PolicyToolsOptions): PolicyTools {
  const { store, clock, config } = options;
  const keysOf = layerKeys(verificationKey, options.readSecret);
  const factsOf = factsValues();
  const builtin = builtinPolicy(options.builtin);

  /** `now_s` as the check of an upload; a bundle that decided once may have expired since. */
  async function open(layer: PolicyLayer, archive: Uint8Array, now_s?: number): Promise<Result<Opened, BundleRefusal>> {
    const tenant = tenantOf(layer);
    const configured = keysOf(config.current(), tenant).keys;
    const state = tenant === null ? null : await store.state(layer);
    const keys = trustedKeys(configured, state?.ok ? (state.value.keys ?? []) : []);
    const trust = { keys, layer: layer.layer, tenant, ...(now_s === undefined ? {} : { now_s }) };
    const opened = await openBundle(archive, trust);
    if (!opened.ok) return opened;
    const { ref, contract, signed_by, plan, data } = opened.value;
    return ok({ ...ref, contract, signed_by, policy: { plan, data } });
  }

  async function openCandidate(layer: PolicyLayer, archive: Uint8Array): Promise<Result<Opened, BundleInvalid>> {
    const opened = await open(layer, archive, Math.floor(clock.now() / 1000));
    return opened.ok ? opened : err(invalid(opened.error));
  }

  /** A kept bundle, or null when it is gone or no longer verifies. */
  async function kept(layer: PolicyLayer, ref: BundleRef): Promise<Opened | null> {
    const archive = await store.bundle(layer, ref.digest);
    if (!archive.ok) return null;
    const opened = await open(layer, archive.value);
    return opened.ok && opened.value.digest === ref.digest ? opened.value : null;
  }

  /** What is active in a layer over a tenant's facts; null where no bundle is. */
  async function active(layer: PolicyLayer, facts: OObject): Promise<AskedLayer | null> {
    const state = await store.state(layer);
    if (!state.ok) throw new PolicyUnavailable(`no policy layer: ${state.error.reason}`);
    const { version, active: ref } = state.value;
    const name = layer.layer;
    if (ref === null) {
      const { digest } = options.builtin;
      return name === "cell"
        ? { layer: name, version, revision: 0, digest, policy: overFacts(builtin(), facts) }
        : null;
    }
    const bundle = await kept(layer, ref);
    if (bundle === null) throw new PolicyUnavailable("the bundle in force does not verify");
    return { layer: name, version, ...ref, policy: overFacts(bundle.policy, facts) };
  }

  async function explained(
    recorded: DecisionRecord["layers"][number],
    record: DecisionRecord,
    tenant: TenantId,
  ): Promise<ExplainedLayer> {
    const { layer, revision, digest } = recorded;
    const none = { layer, reproduced: null, rules: [], rules_truncated: false, failure: null };
    if (record.input === null) return { ...none, explained: "input_gone" };
    const own = revision === 0 && digest === options.builtin.digest;
    const policy = own ? builtin() : (await kept(layerOf(layer, tenant), { revision, digest }))?.policy;
    if (policy === undefined) return { ...none, explained: "bundle_gone" };
    const input = fromJson(record.input);
    if (!input.ok) throw new Error(`a recorded input is no document: ${input.error.detail}`);
    const over = overFacts(policy, factsOf(config.current(), tenant));
    const outcome = explainLayer(over, input.value, BigInt(record.now_ns));
    const answer = withStepUpMet(outcome.answer, record.input.actor, msOf(record.now_ns));
    return {
      layer,
      explained: "evaluated",
      reproduced: answer.decision === recorded.decision && sameTexts(answer.reasons, recorded.reasons),
      rules: outcome.rules,
      rules_truncated: outcome.truncated,
      failure: outcome.failure,
    };
  }

  return {
    async checkKey({ id, algorithm, public_key }) {
      return (await isUsable({ id, algorithm, key: public_key })) ? ok(null) : err({ reason: "key_unusable" });
    },

    async check(layer, archive) {
      const opened = await openCandidate(layer, archive);
      if (!opened.ok) return opened;
      const { policy: _, ...checked } = opened.value;
      return ok(checked);
    },

    async compare(tenant, { layer, archive }, questions) {
      const opened = await openCandidate(layerOf(layer, tenant), archive);
      if (!opened.ok) return opened;
      const facts = factsOf(config.current(), tenant);
      const cell = await active({ layer: "cell" }, facts);
      if (cell === null) throw new PolicyUnavailable("the cell has no policy");
      const before: AskedLayers = { cell, tenant: await active({ layer: "tenant", tenant }, facts) };
      const { policy, ...candidate } = opened.value;
      const version = (layer === "cell" ? cell.version : (before.tenant?.version ?? 0)) + 1;
      const { revision, digest } = candidate;
      const asked: AskedLayer = { layer, version, revision, digest, policy: overFacts(policy, facts) };
      const after = layer === "cell" ? { ...before, cell: asked } : { ...before, tenant: asked };
      const answers: ComparedAnswer[] = [];
      const complete = await eachQuestion(questions, options.pause, (question, index, watcher) => {
        const ask = (layers: AskedLayers) => {
          const basis = { tenant_version: layers.tenant?.version ?? 0 };
          return askLayers(layers, question.input, basis, question.at_ms, watcher);
        };
        answers.push({ index, old: ask(before), new: ask(after) });
      });
      return ok({ candidate, answers, complete });
    },

    async explain(tenant, record) {
      const layers: ExplainedLayer[] = [];
      for (const layer of record.layers) layers.push(await explained(layer, record, tenant));
      return { facts: record.snapshot === config.current().digest ? "same" : "changed", layers };
    },
  };
}

/** Asks one question after the other until all are asked or the bound on steps is reached; answers how many were. */
async function eachQuestion(
  questions: readonly PolicyQuestion[],
  pause: () => Promise<void>,
  ask: (question: PolicyQuestion, index: number, watcher: Watcher) => void,
): Promise<number> {
  let steps = 0;
  let sincePause = 0;
  const watcher: Watcher = {
    evaluated(_layer, outcome) {
      const spent = stepsOf(outcome);
      steps += spent;
      sincePause += spent;
    },
    crashed: () => {},
    seconds: () => 0,
  };
  for (const [index, question] of questions.entries()) {
    if (steps >= LIMITS.simulationStepsMax) return index;
    ask(question, index, watcher);
    if (sincePause < LIMITS.simulationStepsAtOnce) continue;
    sincePause = 0;
    await pause();
  }
  return questions.length;
}

/** An evaluation that was stopped has spent all that it may; one that failed tells nothing and is counted as a hundredth. */
const stepsOf = ({ failure, spent_steps }: LayerOutcome): number =>
  failure?.code === DENIALS.limit
    ? LIMITS.policyStepsMax
    : Math.max(spent_steps, failure ? LIMITS.policyStepsMax / 100 : 0);

const overFacts = ({ plan, data }: LayerPolicy, facts: OObject): LayerPolicy => ({
  plan,
  data: withFacts(data, facts),
});

const msOf = (ns: string): number => Number(BigInt(ns) / 1_000_000n);
const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, at) => text === b[at]);

/** Codes of the checks, and the rest of a refusal as one line. */
function invalid(refusal: BundleRefusal): BundleInvalid {
  const { reason, ...rest } = refusal;
  const detail = Object.values(rest).map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
  return { reason: "bundle_invalid", code: reason, detail: detail.length > 0 ? detail.join(": ").slice(0, 512) : null };
}

/** Loaded on first use. */
function builtinPolicy({ plan, data }: BuiltinPolicy): () => LayerPolicy {
  let policy: LayerPolicy | null = null;
  return () => {
    if (policy !== null) return policy;
    const loaded = loadPlan(plan);
    const value = fromJson(data);
    if (!loaded.ok || !value.ok) throw new PolicyUnavailable("the built-in policy is unusable");
    policy = { plan: loaded.value, data: value.value };
    return policy;
  };
}
