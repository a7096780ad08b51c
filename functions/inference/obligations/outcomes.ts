import type { Obligation } from "../../../shared/contracts/decision.ts";
import type { ObligationId, ObligationOutcome } from "../../../shared/contracts/policy/obligations.ts";
import { ProblemError } from "../../problem.ts";
import type { Found } from "../../redaction/redact-text.ts";
import { keyOf } from "./duties.ts";

/** How each obligation of one call ended, one by one; the last word counts. Notes tell facts, never content. */
export class Outcomes {
  /** Null until one has ended: most calls owe nothing. */
  #ended: Map<string, ObligationOutcome> | null = null;

  applied(duty: Obligation, note: string | null = null): void {
    this.#ended ??= new Map();
    this.#ended.set(keyOf(duty), { id: duty.id, outcome: "applied", note });
  }

  /** Records the failure; what it answers is the denial. */
  failed(duty: Obligation, note: string, cause?: unknown): ProblemError {
    this.#ended ??= new Map();
    this.#ended.set(keyOf(duty), { id: duty.id, outcome: "failed", note });
    return obligationFailed(duty.id, cause);
  }

  list(): ObligationOutcome[] {
    return this.#ended === null ? [] : [...this.#ended.values()];
  }
}

/** A failed obligation is a denial: nothing was sent to an engine, or what it answered is withheld. */
export const obligationFailed = (id: ObligationId, cause?: unknown): ProblemError =>
  new ProblemError(
    "obligation-failed",
    {
      detail: `Policy allows this only under the obligation ${id}, which could not be met.`,
      members: { obligation: id, reasons: [`obligation_failed:${id}`] },
    },
    cause === undefined ? {} : { cause },
  );

/** `email 2, phone 1`, or `nothing`. */
export function countsOf(found: Found): string {
  const kinds = Object.keys(found).sort();
  return kinds.map((kind) => `${kind} ${found[kind]}`).join(", ") || "nothing";
}
