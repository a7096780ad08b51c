import type { Candidate, ProviderConfig } from "../../shared/contracts/config/snapshot.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import type { Attributes, Span } from "../../shared/contracts/ports/telemetry.ts";
import type { RecordedDecision } from "../../shared/contracts/ports/tenant-store.ts";
import type { RouteRecord, TaskError, TaskStatus } from "../../shared/contracts/task.ts";
import { costOf, type Prices, quantityOf, type UsageRow } from "../../shared/contracts/usage.ts";
import { GEN_AI } from "../../shared/telemetry/gen-ai.ts";
import type { Call, Deps } from "../context.ts";
import { ProblemError } from "../problem.ts";
import type { HopRedaction } from "./hop-redaction.ts";
import { modelAnswered, modelLabels } from "./model-telemetry.ts";
import type { Outcomes } from "./obligations/outcomes.ts";

export interface Outcome {
  status: TaskStatus;
  error: TaskError | null;
  /** Null when the engine told no usage: the meter's bound is charged and marked `estimated`. */
  usage: UsageRow[] | null;
  result: "stored" | "none" | "too_large" | "not_run";
  detail: JsonObject;
}

/** A detached run's answer has no outcome yet, and its task's next run gives it one: nobody is told of its end. */
export class Unsettled extends Error {
  override readonly name = "Unsettled";
}

/** What the meter saw, for when the engine tells no usage: an upper bound of what may have been billed. */
export type UsageBound = () => UsageRow[];

/**
 * Settles one task, exactly once however many ways its call ends. Terminal frames go out only after `finish` resolved;
 * when it rejects, the caller is told `store-unavailable` and the object's alarm closes the task. A detached run that has
 * lost its task settles nothing.
 */
export class Settlement {
  readonly #deps: Deps;
  readonly #call: Call;
  readonly #asked: { surface: Dialect; model: string };
  readonly #bound: UsageBound;
  #route: RouteRecord | null = null;
  #candidate: Candidate | null = null;
  #provider: ProviderConfig | null = null;
  #span: Span | null = null;
  #redaction: HopRedaction | null = null;
  #outcomes: Outcomes | null = null;
  #audit: JsonObject | null = null;
  readonly #decisions: RecordedDecision[] = [];
  #finished: Promise<void> | null = null;
  #ran = false;

  /** `asked`: how, and the model's name as the caller wrote it. */
  constructor(deps: Deps, call: Call, asked: { surface: Dialect; model: string }, bound: UsageBound) {
    this.#deps = deps;
    this.#call = call;
    this.#asked = asked;
    this.#bound = bound;
  }

  /** An engine may have run: its outcome belongs to the call's key. Before that the key is free for another try. */
  get ran(): boolean {
    return this.#ran;
  }

  mayHaveRun(): void {
    this.#ran = true;
    if (this.#call.run) this.#call.run.ran = true;
  }

  /** The engine that answers invents its answers; the record says so. */
  synthetic = false;

  /** Id of the stored response that holds the answer; the closed record names it. */
  kept: string | null = null;

  /** Usage of a whole answer, charged also when the answer is then withheld. */
  met: UsageRow[] | null = null;

  /** How the call's obligations end, and what its record says beyond the usual; both go into the ledger. */
  owes(outcomes: Outcomes, audit: JsonObject | null): void {
    this.#outcomes = outcomes;
    this.#audit = audit;
  }

  /** Policy was asked again for a further effect of the call; its record is kept beside the first. */
  decidedAgain(decision: RecordedDecision): void {
    if (this.#decisions.length < LIMITS.decisionsPerTaskMax) this.#decisions.push(decision);
  }

  /** What a line of a batch saves is released with its hold, which was at full prices. Null before a candidate answers. */
  get prices(): Prices | null {
    const batch = this.#call.policyInput.point === "batch" ? this.#candidate?.batch_prices : undefined;
    return batch ?? this.#candidate?.prices ?? null;
  }

  get route(): RouteRecord | null {
    return this.#route;
  }

  get finished(): boolean {
    return this.#finished !== null;
  }

  /** The candidate that answers, once it is known, and the reasons for all others. */
  took(candidate: Candidate | null, route: RouteRecord): void {
    this.#candidate = candidate;
    this.#route = route;
  }

  /** The provider whose engine accepted the call, and the span of its try, which ends with the call. */
  answers(provider: ProviderConfig, span: Span): void {
    this.#provider = provider;
    this.#span = span;
  }

  /** Labels of this call's `gen_ai_*` metrics. */
  labels(): Attributes {
    const [candidate, provider] = [this.#candidate, this.#provider];
    const answered = candidate && provider ? { provider, model: candidate.model } : null;
    return modelLabels(this.#asked.surface, this.#asked.model, answered);
  }

  /** What was taken out of the request before it went to a provider behind our own pool; goes into the ledger. */
  redacted(redaction: HopRedaction): void {
    this.#redaction = redaction;
  }

  finish(outcome: Outcome): Promise<void> {
    this.#finished ??= this.#settle(outcome);
    return this.#finished;
  }

  async #settle({ status, error, usage, result, detail }: Outcome): Promise<void> {
    const deps = this.#deps;
    const call = this.#call;
    // What a run leaves unsettled, the next one of its task settles.
    await call.run?.confirm();
    const ran = this.#candidate;
    const estimated = usage === null && ran !== null;
    const rows = usage ?? (ran === null ? [] : this.#bound());
    const cost = costOf(rows, this.prices ?? {});
    const obligations = this.#outcomes?.list() ?? [];
    this.#endSpan(rows, error);
    const span = call.span.child("settle");
    try {
      const [settled] = await deps.tenants.settle(call.actor.scopes.tenant, [
        {
          schema_version: 1,
          task: call.task,
          by: call.by,
          status,
          error,
          usage: rows,
          cost_nusd: cost,
          estimated,
          route: this.#route,
          result,
          detail: {
            ...(this.kept !== null && status === "OK" ? { kept: this.kept } : {}),
            ...detail,
            ...(ran !== null && this.synthetic ? { synthetic: true } : {}),
            ...(this.#redaction === null ? {} : { redaction: this.#redaction }),
            ...(this.#audit === null ? {} : { audit: this.#audit }),
          },
          ...(obligations.length === 0 ? {} : { obligations }),
          ...(this.#decisions.length === 0 ? {} : { decisions: this.#decisions }),
        },
      ]);
      if (!settled?.ok) throw new Error(`settle refused: ${settled?.error.reason ?? "no answer"}`);
      span.end("ok");
    } catch (cause) {
      span.end("error");
      deps.telemetry.metrics.count("bailiwick_settle_failures_total", {});
      throw new ProblemError(
        "store-unavailable",
        { detail: "The outcome of this call could not be recorded." },
        { cause },
      );
    }
    this.#measure(rows, error);
    deps.telemetry.metrics.count("bailiwick_budget_settled_nusd_total", { estimated }, cost);
  }

  #endSpan(rows: readonly UsageRow[], error: TaskError | null): void {
    if (this.#span === null || this.#candidate === null) return;
    modelAnswered(this.#span, this.#candidate.model, rows);
    if (error) this.#span.set({ [GEN_AI.errorType]: error.code });
    this.#span.end(error ? "error" : "ok");
  }

  #measure(rows: readonly UsageRow[], error: TaskError | null): void {
    const { metrics } = this.#deps.telemetry;
    const labels = this.labels();
    const seconds = (this.#deps.clock.now() - this.#call.receivedMs) / 1000;
    metrics.observe("gen_ai_server_request_duration_seconds", { ...labels, error_type: error?.code ?? "" }, seconds);
    if (this.#candidate === null) return;
    const input = quantityOf(rows, "tokens_in") + quantityOf(rows, "tokens_cached");
    metrics.observe("gen_ai_client_token_usage", { ...labels, gen_ai_token_type: "input" }, input);
    const output = quantityOf(rows, "tokens_out");
    metrics.observe("gen_ai_client_token_usage", { ...labels, gen_ai_token_type: "output" }, output);
  }
}
