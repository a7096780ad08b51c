import type { Decision } from "../../../shared/contracts/decision.ts";
import type { TenantId } from "../../../shared/contracts/ids.ts";
import type { Telemetry } from "../../../shared/contracts/ports/telemetry.ts";
import type { AskedLayer, Watcher } from "./ask-layers.ts";

/** Statements that decided within this are in use: an idle tenant's may grow old. */
const IN_USE_MS = 60_000;
const MS = 1_000;

/** Tells of decisions what operators watch; a policy that fails is logged once for each way in which it does. */
export function policyWatcher(telemetry: Pick<Telemetry, "metrics" | "log">): Watcher & {
  decided(decision: Decision): void;
  renewed(tenant: TenantId | null, failure: { cause: unknown } | null): void;
  aged(ages: { cell: number; tenant: number }): void;
} {
  const { metrics, log } = telemetry;
  const told = new WeakMap<AskedLayer["policy"]["plan"], Set<string>>();
  return {
    seconds: () => performance.now() / MS,
    evaluated({ layer, digest, policy }, { answer, failure }, seconds) {
      metrics.count("bailiwick_policy_decisions_total", { layer, decision: answer.decision });
      metrics.observe("bailiwick_policy_evaluation_seconds", { layer }, seconds);
      if (failure === null) return;
      metrics.count("bailiwick_policy_failures_total", { layer, code: failure.code });
      const codes = told.get(policy.plan) ?? new Set();
      told.set(policy.plan, codes);
      if (codes.has(failure.code)) return;
      codes.add(failure.code);
      log.warn("policy.failed", { layer, bundle: digest, code: failure.code, detail: failure.detail });
    },
    crashed: (cause) => log.error("policy.crashed", cause),
    decided: ({ decision }) => metrics.count("bailiwick_policy_decisions_total", { layer: "both", decision }),
    renewed(tenant, failure) {
      const layer = tenant === null ? "cell" : "tenant";
      metrics.count("bailiwick_policy_loads_total", { layer, outcome: failure ? "failed" : "loaded" });
      if (failure) log.error("policy.load", failure.cause, { layer, ...(tenant === null ? {} : { tenant }) });
    },
    aged({ cell, tenant }) {
      metrics.set("bailiwick_policy_freshness_age_seconds", { layer: "cell" }, cell / MS);
      metrics.set("bailiwick_policy_freshness_age_seconds", { layer: "tenant" }, tenant / MS);
    },
  };
}

export const AGES_IN_USE_MS = IN_USE_MS;
