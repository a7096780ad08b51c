import type { Obligation } from "../../../shared/contracts/decision.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Dialect } from "../../../shared/contracts/ports/engine.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { Call, Deps } from "../../context.ts";
import type { ProblemError } from "../../problem.ts";
import { redactBody } from "../../redaction/redact-body.ts";
import type { Found } from "../../redaction/redact-text.ts";
import type { Hop } from "../plan.ts";
import { dutiesOf, outputCapOf } from "./duties.ts";
import { misfit, withoutTools } from "./fitting.ts";
import { countsOf, type Outcomes } from "./outcomes.ts";
import { searchedBy } from "./searched-by.ts";

/** An obligation stands against this hop: nothing is sent to its engine. */
export interface HopForbidden {
  reason: "obligation_failed";
  problem: ProblemError;
}
type Ask = { body: JsonObject; redaction: Found | null };

/**
 * Carries out, and records, what policy demands before this hop's engine is asked: the candidate fits, no tools go along,
 * the output is capped and what the detectors find is taken out. `redactAll` is this hop's own need of redaction.
 */
export function dutiesBeforeHop(
  deps: Pick<Deps, "telemetry">,
  call: Pick<Call, "decided" | "request" | "task">,
  outcomes: Outcomes,
  { hop, dialect, body, redactAll }: { hop: Hop; dialect: Dialect; body: JsonObject; redactAll: boolean },
): Result<Ask, HopForbidden> {
  const { decision } = call.decided;
  const duties = dutiesOf(decision, hop.candidate.id);
  const fail = (duty: Obligation, note: string, cause?: unknown): Result<Ask, HopForbidden> =>
    err({ reason: "obligation_failed", problem: outcomes.failed(duty, `${hop.candidate.id}: ${note}`, cause) });
  const broken = misfit(duties, hop, body);
  if (broken !== null) return fail(broken, "not as the obligation demands");
  // An answer that nobody could redact is not asked for.
  const answered = searchedBy(duties, "redact_output");
  if (!answered.ok) return fail(answered.error.duty, `no detector ${answered.error.name}`);
  const searched = searchedBy(duties, "redact_input");
  if (!searched.ok) return fail(searched.error.duty, `no detector ${searched.error.name}`);
  const asked = duties.some(({ id }) => id === "forbid_tools") ? withoutTools(body) : body;
  for (const duty of duties) noteBefore(outcomes, duty, hop, outputCapOf(decision, hop.candidate.id));
  const { duties: redacting, detectors } = searched.value;
  const [first] = redacting;
  if (detectors === null || first === undefined) return ok({ body: asked, redaction: null });
  try {
    const redacted = redactBody(dialect, asked, redactAll ? undefined : detectors);
    if (!redacted.ok) {
      const failed = redacting.map((duty) => fail(duty, `${redacted.error.param} cannot be read`));
      return failed[0] ?? fail(first, "cannot be read");
    }
    for (const duty of redacting) outcomes.applied(duty, countsOf(redacted.value.found));
    return ok({ body: redacted.value.body, redaction: redacted.value.found });
  } catch (cause) {
    deps.telemetry.log.error("redaction.failed", cause, { request: call.request, task: call.task });
    return fail(first, "redaction failed", cause);
  }
}

/** What is carried out by the choice of the candidate and the form of the question. */
function noteBefore(outcomes: Outcomes, duty: Obligation, { candidate, provider }: Hop, cap: number | null): void {
  if (duty.id === "require_local") outcomes.applied(duty, provider.name);
  if (duty.id === "pin_model") outcomes.applied(duty, candidate.model);
  if (duty.id === "forbid_tools") outcomes.applied(duty, "the request brings none");
  if (duty.id === "cap_output_tokens") outcomes.applied(duty, `asked for at most ${cap ?? duty.params.max}`);
}

/** The candidate as policy lets it answer: never longer than the lowest of its caps. */
export function cappedCandidate(call: Pick<Call, "decided">, candidate: Hop["candidate"]): Hop["candidate"] {
  const cap = outputCapOf(call.decided.decision, candidate.id);
  if (cap === null || cap >= candidate.output_tokens_max) return candidate;
  return {
    ...candidate,
    output_tokens_max: cap,
    reserve_output_tokens: Math.min(cap, candidate.reserve_output_tokens),
  };
}
