import type { Candidate, Snapshot } from "../../shared/contracts/config/snapshot.ts";
import type { NanoUsd } from "../../shared/contracts/ids.ts";
import { NANO_USD_MAX, nanoUsd } from "../../shared/contracts/money.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { RouteReason } from "../../shared/contracts/task.ts";
import { costOf, type UsageRow } from "../../shared/contracts/usage.ts";

/** A budget that cannot pay so many output tokens cannot pay a useful answer. */
const OUTPUT_TOKENS_MIN = 16;

export interface TaskBudget {
  /** What one try may cost. */
  attempt_nusd: NanoUsd;
  /** What all tries may cost together. */
  total_nusd: NanoUsd;
}

export interface QuoteInput {
  candidates: readonly Candidate[];
  surface: Dialect;
  /** Upper bound of the input, given what one image counts at most. */
  inputTokens(imageTokens: number): number;
  /** Charged besides tokens, known before the call. */
  units: readonly UsageRow[];
  /** The caller's own cap; null when there is none. */
  outputCap: number | null;
  /** Choices that the caller asks for (`n`); each may be as long as the cap. */
  choices: number;
  /** Policy's cap; null when there is none. */
  policyCap: number | null;
  attempts: number;
  budget: TaskBudget;
}

/** What is injected upstream for one candidate, so that its answer cannot cost more than was held. */
export interface CandidateQuote {
  input_tokens: number;
  /** Per choice; 0 on surfaces without output. */
  output_cap: number;
  /** What bound the output: `budget` means that reaching the cap is the task's budget running out, not a length. */
  capped_by: "caller" | "policy" | "model" | "reserve" | "budget";
  attempt_nusd: NanoUsd;
}

export interface Quote {
  /** The dearest candidate × attempts: an upper bound of what the task can cost. */
  hold_nusd: NanoUsd;
  /** Upper bound of input and output of one try. */
  tokens: number;
  /** As asked, or fewer when the budget does not pay more. */
  attempts: number;
  candidates: ReadonlyMap<string, CandidateQuote>;
  /** Candidates that the budget cannot pay at all; the plan leaves them out. */
  excluded: RouteReason[];
}
export interface QuoteRefusal {
  reason: "task_budget_too_small";
  /** What the cheapest candidate would need for the shortest useful answer. */
  needed_nusd: NanoUsd;
  budget_nusd: NanoUsd;
}

/**
 * The budget of one task. A caller's statement bounds all tries together; without one each try gets the default and all
 * of them the hard cap. Nothing passes the hard cap, nor a limit that policy set.
 */
export function taskBudget(
  policies: Snapshot["policies"],
  stated: NanoUsd | null,
  policyLimit: number | null,
): TaskBudget {
  const ceiling = Math.min(policies.task_budget_hard_cap_nusd, policyLimit ?? NANO_USD_MAX);
  const total = nanoUsd(Math.max(0, Math.min(stated ?? ceiling, ceiling)));
  return { attempt_nusd: nanoUsd(Math.min(stated ?? policies.task_budget_default_nusd, total)), total_nusd: total };
}

/** The hold for a call, or that not even the shortest answer of the cheapest candidate fits. No candidate: throws. */
export function quote(input: QuoteInput): Result<Quote, QuoteRefusal> {
  const { budget } = input;
  const quotes = new Map<string, CandidateQuote>();
  const excluded: RouteReason[] = [];
  let needed = Number.POSITIVE_INFINITY;
  for (const candidate of input.candidates) {
    const quoted = quoteCandidate(candidate, input);
    if (quoted.ok) quotes.set(candidate.id, quoted.value);
    else {
      needed = Math.min(needed, quoted.error);
      excluded.push({ candidate: candidate.id, outcome: "rejected", reason: "task_budget_too_small" });
    }
  }
  if (quotes.size === 0) {
    if (!Number.isFinite(needed)) throw new RangeError("no candidate to quote");
    return err({
      reason: "task_budget_too_small",
      needed_nusd: nanoUsd(Math.min(needed, NANO_USD_MAX)),
      budget_nusd: budget.attempt_nusd,
    });
  }
  const dearest = Math.max(...[...quotes.values()].map(({ attempt_nusd }) => attempt_nusd));
  const payable = dearest === 0 ? input.attempts : Math.floor(budget.total_nusd / dearest);
  const attempts = Math.max(1, Math.min(input.attempts, payable));
  const tokens = [...quotes.values()].map(({ input_tokens, output_cap }) => input_tokens + output_cap * input.choices);
  return ok({
    hold_nusd: nanoUsd(dearest * attempts),
    tokens: Math.max(...tokens),
    attempts,
    candidates: quotes,
    excluded,
  });
}

/** The candidate's own cap and cost, or what its shortest answer would have needed. */
function quoteCandidate(candidate: Candidate, input: QuoteInput): Result<CandidateQuote, number> {
  const { prices } = candidate;
  const input_tokens = input.inputTokens(candidate.image_tokens);
  const tokensCost = Math.ceil(input_tokens * Math.max(prices.tokens_in ?? 0, prices.tokens_cached ?? 0));
  const inputCost = tokensCost + costOf(input.units, prices);
  const wanted = wantedOutput(candidate, input);
  // Usage rows are rounded up one by one, so cached and fresh input may cost one nano-dollar more than together.
  const cost = (output: number) => inputCost + 1 + Math.ceil(output * input.choices * (prices.tokens_out ?? 0));
  const free = inputCost === 0 && (prices.tokens_out ?? 0) === 0;
  if (free) return ok({ input_tokens, ...wanted, attempt_nusd: nanoUsd(0) });
  const least = Math.min(wanted.output_cap, OUTPUT_TOKENS_MIN);
  if (cost(least) > input.budget.attempt_nusd) return err(cost(least));
  if (cost(wanted.output_cap) <= input.budget.attempt_nusd)
    return ok({ input_tokens, ...wanted, attempt_nusd: nanoUsd(cost(wanted.output_cap)) });
  const left = input.budget.attempt_nusd - inputCost - 1;
  const paid = Math.floor(left / ((prices.tokens_out ?? 0) * input.choices));
  // A price with a fraction may round the product up past what is left.
  const output_cap = Math.max(least, cost(paid) <= input.budget.attempt_nusd ? paid : paid - 1);
  return ok({ input_tokens, output_cap, capped_by: "budget", attempt_nusd: nanoUsd(cost(output_cap)) });
}

/** A caller's cap is honoured up to what the model can; without one the model's reserve is held. */
function wantedOutput(
  candidate: Candidate,
  { surface, outputCap, policyCap }: QuoteInput,
): Pick<CandidateQuote, "output_cap" | "capped_by"> {
  if (surface === "openai.embeddings" || surface === "oip.infer") return { output_cap: 0, capped_by: "model" };
  const asked = outputCap ?? candidate.reserve_output_tokens;
  const output_cap = Math.min(asked, policyCap ?? asked, candidate.output_tokens_max);
  if (output_cap === outputCap) return { output_cap, capped_by: "caller" };
  if (output_cap === policyCap) return { output_cap, capped_by: "policy" };
  return {
    output_cap,
    capped_by: outputCap === null && output_cap === candidate.reserve_output_tokens ? "reserve" : "model",
  };
}
