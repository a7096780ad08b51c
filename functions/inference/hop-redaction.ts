import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { Call, Deps } from "../context.ts";
import { ProblemError } from "../problem.ts";
import { redactBody } from "../redaction/redact-body.ts";
import type { Found } from "../redaction/redact-text.ts";
import type { HopForbidden } from "./obligations/hop-duty.ts";
import type { Hop } from "./plan.ts";

/** How many values of each kind were taken out. Never content. */
export type HopRedaction = Found;
/** `redaction_impossible`: the body holds what cannot be read, at `param`. `redaction_failed`: a defect of ours. */
export type RedactionRefused = { reason: "redaction_impossible"; param: string } | { reason: "redaction_failed" };

/** Behind our own pool a provider sees what was redacted, whatever policy says. */
export const mustRedact = ({ route, provider }: Pick<Hop, "route" | "provider">): boolean =>
  route === "hybrid" && provider.locality !== "local";

/**
 * The body as this hop may see it. Behind our own pool a provider sees it redacted or not at all: whatever goes wrong
 * here refuses the hop, and nothing is sent.
 */
export function redactForHop(
  deps: Pick<Deps, "telemetry">,
  call: Pick<Call, "request" | "task">,
  hop: Pick<Hop, "route" | "provider">,
  dialect: Dialect,
  body: JsonObject,
): Result<{ body: JsonObject; redaction: HopRedaction | null }, RedactionRefused> {
  if (!mustRedact(hop)) return ok({ body, redaction: null });
  try {
    const redacted = redactBody(dialect, body);
    return redacted.ok ? ok({ body: redacted.value.body, redaction: redacted.value.found }) : redacted;
  } catch (cause) {
    deps.telemetry.log.error("redaction.failed", cause, { request: call.request, task: call.task });
    return err({ reason: "redaction_failed" });
  }
}

/** A try's reason with what was taken out of it: `fallback (redacted: email 2, phone 1)`. */
export function reasonWith(reason: string, redaction: HopRedaction | null): string {
  if (redaction === null) return reason;
  const kinds = Object.keys(redaction).sort();
  const counts = kinds.map((kind) => `${kind} ${redaction[kind]}`).join(", ");
  return `${reason} (redacted: ${counts || "nothing"})`;
}

/** What the caller hears when nothing but this stood against the only engine that is left. */
export function notRedacted(refused: RedactionRefused | HopForbidden): ProblemError {
  if (refused.reason === "obligation_failed") return refused.problem;
  return new ProblemError("no-route", {
    detail: "The cell's own pool is not available, and what this request holds cannot be redacted for another.",
    retryAfterMs: 1_000,
    ...(refused.reason === "redaction_impossible" ? { param: refused.param } : {}),
  });
}
