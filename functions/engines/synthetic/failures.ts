import type { ProviderConfig } from "../../../shared/contracts/config/snapshot.ts";
import type { EngineFailure } from "../../../shared/contracts/ports/engine.ts";

/** How a call is to go wrong: at once, by silence, after some tokens, or by ending as if cut off. */
export type Mishap =
  | { kind: "at-once"; failure: EngineFailure }
  | { kind: "hang" }
  | { kind: "midstream" }
  | { kind: "truncate" };

const atOnce = (failure: EngineFailure): Mishap => ({ kind: "at-once", failure });
const UNREACHABLE = atOnce({ reason: "unreachable" });
const OVERLOADED = atOnce({ reason: "overloaded", status: 429, retry_after_ms: 1_000 });
const FAILED = atOnce({ reason: "failed", status: 500, message: "the synthetic engine was told to fail" });

/** Exact model ids that fail, whatever the provider's configuration says. */
export const FAILING_MODELS: Readonly<Record<string, Mishap>> = {
  "synthetic-fail-unreachable": UNREACHABLE,
  "synthetic-fail-overloaded": OVERLOADED,
  "synthetic-fail-rejected": atOnce({
    reason: "rejected",
    status: 400,
    message: "the synthetic engine was told to reject",
    code: "invalid_value",
    param: "messages",
  }),
  "synthetic-fail-unauthorized": atOnce({ reason: "unauthorized", status: 401 }),
  "synthetic-fail-failed": FAILED,
  "synthetic-fail-timeout": atOnce({ reason: "timeout" }),
  "synthetic-fail-mismatch": atOnce({ reason: "model_mismatch", reported: "synthetic-other" }),
  "synthetic-hang": { kind: "hang" },
  "synthetic-midstream": { kind: "midstream" },
  "synthetic-truncate": { kind: "truncate" },
};

type Fail = NonNullable<ProviderConfig["synthetic"]>["fail"];
const CONFIGURED: Readonly<Record<Fail, Mishap | null>> = {
  never: null,
  unreachable: UNREACHABLE,
  overloaded: OVERLOADED,
  failed: FAILED,
  midstream: { kind: "midstream" },
  hang: { kind: "hang" },
};

/** What goes wrong with a call; null when nothing does. */
export function mishapOf(model: string, fail: Fail): Mishap | null {
  return Object.hasOwn(FAILING_MODELS, model) ? (FAILING_MODELS[model] ?? null) : CONFIGURED[fail];
}
