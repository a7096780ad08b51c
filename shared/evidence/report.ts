import type { Fault, FaultReason } from "./fault.ts";

export interface Check {
  check: string;
  verdict: "ok" | "failed" | "not checked";
  detail: string;
  reason?: FaultReason;
  /** Index of the first entry that is concerned. */
  index?: number;
}

/** What a verifier found, check by check in the order of docs/ledger.md. */
export interface Report {
  kind: "task evidence" | "ledger export" | "log archive";
  /** All that must be checked was, and held. */
  verified: boolean;
  /** Signatures were checked under keys that the file brought itself: it agrees with itself, whoever made it. */
  own_keys: boolean;
  /** The first check that did not hold; null when `verified`. */
  failure: { check: string; reason: FaultReason; detail: string } | null;
  /** Lowest index that a failed check named. */
  first_bad_index: number | null;
  checks: Check[];
}

/** A check that holds, one that cannot be made with what is at hand, or a fault. */
export type Step = { ok: string } | { skipped: string } | { fault: Fault };

/**
 * Gathers verdicts. The list of checks is fixed from the start, so that none is forgotten: what nobody decided is `not
 * checked`, and only those named `optional` may stay so in a verified report.
 */
export class Findings<Name extends string> {
  readonly #names: readonly Name[];
  readonly #optional: readonly Name[];
  readonly #steps = new Map<Name, Step>();

  constructor(names: readonly Name[], optional: readonly Name[]) {
    this.#names = names;
    this.#optional = optional;
  }

  /** The first fault of a check stays. */
  set(name: Name, step: Step): void {
    const known = this.#steps.get(name);
    if (known === undefined || !("fault" in known)) this.#steps.set(name, step);
  }

  fail(name: Name, fault: Fault): void {
    this.set(name, { fault });
  }

  failed(name: Name): boolean {
    const step = this.#steps.get(name);
    return step !== undefined && "fault" in step;
  }

  get anyFailed(): boolean {
    return this.#names.some((name) => this.failed(name));
  }

  report(kind: Report["kind"], ownKeys: boolean): Report {
    const checks = this.#names.map((name) => checkOf(name, this.#steps.get(name)));
    const bad = checks.find(({ verdict }) => verdict === "failed");
    const open = this.#names.find(
      (name, at) => checks[at]?.verdict === "not checked" && !this.#optional.includes(name),
    );
    const indices = checks.flatMap(({ verdict, index }) => (verdict === "failed" && index !== undefined ? index : []));
    const failure = bad
      ? { check: bad.check, reason: bad.reason ?? "malformed", detail: bad.detail }
      : open === undefined
        ? null
        : unchecked(checks, open);
    return {
      kind,
      verified: failure === null,
      own_keys: ownKeys,
      failure,
      first_bad_index: indices.length === 0 ? null : Math.min(...indices),
      checks,
    };
  }
}

function checkOf(check: string, step: Step | undefined): Check {
  if (step === undefined) return { check, verdict: "not checked", detail: "what it needs did not hold" };
  if ("ok" in step) return { check, verdict: "ok", detail: step.ok };
  if ("skipped" in step) return { check, verdict: "not checked", detail: step.skipped };
  const { reason, detail, index } = step.fault;
  return { check, verdict: "failed", reason, detail, ...(index === undefined ? {} : { index }) };
}

/** A check that must be made and was not: without keys nothing is verified. */
const unchecked = (checks: readonly Check[], open: string): Report["failure"] => ({
  check: open,
  reason: "keys_missing",
  detail: checks.find(({ check }) => check === open)?.detail ?? "",
});
