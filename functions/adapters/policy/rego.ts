import type { LayerPolicy } from "../../../policies/decide/decide-layer.ts";
import { loadPlan } from "../../../policies/engine/evaluate.ts";
import { fromJson } from "../../../policies/engine/json.ts";
import type { SecretRef } from "../../../shared/contracts/config/snapshot.ts";
import type { Decided, PolicyInput } from "../../../shared/contracts/decision.ts";
import type { TenantId } from "../../../shared/contracts/ids.ts";
import { POLICY_ENTRYPOINT } from "../../../shared/contracts/policy/document.ts";
import type { Clock, Ids } from "../../../shared/contracts/ports/clock.ts";
import type { ConfigSource } from "../../../shared/contracts/ports/config-source.ts";
import type { Keyring } from "../../../shared/contracts/ports/keyring.ts";
import { type Policy, type PolicyBasis, PolicyUnavailable } from "../../../shared/contracts/ports/policy.ts";
import type { PolicyStore } from "../../../shared/contracts/ports/policy-store.ts";
import type { Telemetry } from "../../../shared/contracts/ports/telemetry.ts";
import { type AskedLayer, type AskedLayers, askLayers } from "./ask-layers.ts";
import { inCanary } from "./canary.ts";
import { factsValues, policiesOverFacts } from "./facts-values.ts";
import { layerKeys } from "./layer-keys.ts";
import { LiveLayers } from "./live-layers.ts";
import type { LiveLayer } from "./load-layer.ts";
import { openStated, type StatedBundle, trustedKeys, verificationKey } from "./open-stated.ts";
import { AGES_IN_USE_MS, policyWatcher } from "./policy-metrics.ts";
import { RememberedOutcomes } from "./remembered-outcomes.ts";

/** The policy that is built into the release, as it was compiled, and the digest that names it. */
export interface BuiltinPolicy {
  plan: unknown;
  data: unknown;
  digest: string;
}

export interface RegoPolicyOptions {
  store: Pick<PolicyStore, "state" | "bundle">;
  keyring: Pick<Keyring, "statementKeys">;
  clock: Clock;
  ids: Pick<Ids, "mint" | "bytes">;
  cell: { id: string };
  config: Pick<ConfigSource, "current">;
  builtin: BuiltinPolicy;
  readSecret(ref: SecretRef): string | null;
  telemetry: Pick<Telemetry, "metrics" | "log" | "beforeReading">;
  /** Keeps the isolate alive for a renewal that no call waits for. */
  defer(work: Promise<unknown>): void;
}

/** What readiness asks of the policy. */
export interface PolicyReadiness {
  /** Whether calls can be decided, after a look at the store where nothing is live yet. */
  ready(): Promise<{ ready: boolean; reason: string | null }>;
  /** Whether the last renewal of the cell's layer failed: it is good until its statement expires. */
  renewing(): { ready: boolean; reason: string | null };
}

/**
 * Rego at the edge: the cell's layer (the built-in policy, or the bundle that its operators put in force) and the tenant's,
 * each under a live statement, asked about every call and combined. A warm decision waits for nothing. There is no answer
 * without live layers (`PolicyUnavailable`), and whatever goes wrong inside an evaluation denies.
 */
export function regoPolicy(options: RegoPolicyOptions): Policy & PolicyReadiness {
  const { clock, ids, config, keyring, store } = options;
  const builtin = builtinPolicy(options.builtin);
  const watcher = policyWatcher(options.telemetry);
  const keysOf = layerKeys(verificationKey, options.readSecret);
  const factsOf = factsValues();
  const overFacts = policiesOverFacts();
  const remembered = new RememberedOutcomes();
  const layers = new LiveLayers({
    source: {
      store,
      cell: options.cell.id,
      statementKeys: () => keyring.statementKeys(),
      trust: trustedKeys,
      open: openStated,
    },
    clock,
    defer: options.defer,
    jitter: () => (ids.bytes(1)[0] ?? 0) / 255,
    onRenewal: watcher.renewed,
  });
  options.telemetry.beforeReading(() => watcher.aged(layers.ages(AGES_IN_USE_MS)));

  type Live = { cell: LiveLayer<StatedBundle>; tenant: LiveLayer<StatedBundle> };
  /** No promise when both layers are warm. */
  function live(tenant: TenantId, { tenant_version }: PolicyBasis): Live | Promise<Live> {
    const snapshot = config.current();
    const cells = layers.get(null, { version: null, keys: keysOf(snapshot, null) });
    const tenants = layers.get(tenant, { version: tenant_version, keys: keysOf(snapshot, tenant) });
    if (!(cells instanceof Promise || tenants instanceof Promise)) return { cell: cells, tenant: tenants };
    return Promise.all([cells, tenants]).then(([cell, own]) => ({ cell, tenant: own }));
  }

  function asked({ cell, tenant }: Live, { scopes, actor }: PolicyInput): AskedLayers {
    const facts = factsOf(config.current(), scopes.tenant);
    const named = (name: AskedLayer["layer"], of: LiveLayer<StatedBundle>): AskedLayer | null => {
      const { version, canary } = of.statement;
      const taken = canary !== null && inCanary(scopes.tenant, actor.subject, canary.percent);
      const bundle = taken ? of.canary : of.active;
      const ref = taken ? canary.bundle : of.statement.active;
      if (bundle === null || ref === null) return null;
      const { revision, digest } = ref;
      return { layer: name, version, revision, digest, policy: overFacts(bundle, facts) };
    };
    const ofCell = named("cell", cell);
    if (ofCell !== null) return { cell: ofCell, tenant: named("tenant", tenant) };
    if (builtin.policy === null) throw new PolicyUnavailable(`the built-in policy is unusable: ${builtin.reason}`);
    const { version } = cell.statement;
    const { digest } = options.builtin;
    const own: AskedLayer = { layer: "cell", version, revision: 0, digest, policy: overFacts(builtin.policy, facts) };
    return { cell: own, tenant: named("tenant", tenant) };
  }

  function answer(state: Live, input: PolicyInput, basis: PolicyBasis, known: RememberedOutcomes | null): Decided {
    const decided = askLayers(asked(state, input), input, basis, clock.now(), watcher, known);
    watcher.decided(decided.decision);
    return { id: ids.mint("dec"), ...decided };
  }

  return {
    async decide(input, basis) {
      const state = live(input.scopes.tenant, basis);
      return answer(state instanceof Promise ? await state : state, input, basis, remembered);
    },
    async decideMany(inputs, basis) {
      const [first] = inputs;
      if (first === undefined) return [];
      const { tenant } = first.scopes;
      if (inputs.some(({ scopes }) => scopes.tenant !== tenant))
        throw new Error("decisions of several tenants at once");
      const state = live(tenant, basis);
      const at = state instanceof Promise ? await state : state;
      // Each names a resource of its own: a list would push out what calls are asked about again and again.
      return inputs.map((input) => answer(at, input, basis, null));
    },
    async ready() {
      if (builtin.policy === null) return { ready: false, reason: builtin.reason };
      try {
        await layers.get(null, { version: null, keys: keysOf(config.current(), null) });
        return { ready: true, reason: null };
      } catch (cause) {
        return { ready: false, reason: cause instanceof PolicyUnavailable ? cause.message : "not loaded" };
      }
    },
    renewing() {
      const { failed } = layers.cell(keysOf(config.current(), null).id);
      return failed ? { ready: false, reason: "the last renewal failed" } : { ready: true, reason: null };
    },
  };
}

/** A built-in policy that does not load decides nothing; the cell says so instead of guessing. */
function builtinPolicy({ plan, data }: BuiltinPolicy): { policy: LayerPolicy | null; reason: string } {
  const loaded = loadPlan(plan);
  if (!loaded.ok) return { policy: null, reason: `the plan is refused: ${loaded.error.reason}` };
  if (!loaded.value.entrypoints.has(POLICY_ENTRYPOINT)) return { policy: null, reason: "the plan has no decision" };
  const value = fromJson(data);
  if (!value.ok) return { policy: null, reason: `the data is refused: ${value.error.reason}` };
  return { policy: { plan: loaded.value, data: value.value }, reason: "" };
}
