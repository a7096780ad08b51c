import type { Labels } from "../../shared/contracts/call.ts";
import type { LabelConfig } from "../../shared/contracts/config/snapshot.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import {
  CLASSIFICATIONS,
  Classification,
  Marking,
  Purpose,
  stricterClassification,
} from "../../shared/contracts/policy/labels.ts";
import { ProblemError } from "../problem.ts";
import type { CallHeaders } from "./call-headers.ts";

const HEADERS = {
  classification: "x-bailiwick-classification",
  purpose: "x-bailiwick-purpose",
  markings: "x-bailiwick-markings",
} as const;

/** Of the tenant first, then of the call's intents; what is absent says nothing. */
export type LabelSources = readonly (LabelConfig | undefined)[];

/**
 * What a call is labelled with: what tenant and intents say, and what its caller adds. A caller may raise the
 * classification, add markings and choose among the purposes that all sources allow. Throws `invalid-request` on what
 * nobody knows and `label-lowered` on less than the sources say.
 */
export const labelsOf = (headers: CallHeaders, sources: LabelSources): Labels => ({
  classification: classificationOf(headers.get(HEADERS.classification), sources),
  purpose: purposeOf(headers.get(HEADERS.purpose), sources),
  markings: markingsOf(headers.get(HEADERS.markings), sources),
  provenance: null,
  trust: "untrusted",
});

const invalid = (param: string, detail: string): ProblemError => new ProblemError("invalid-request", { param, detail });

function classificationOf(asked: string | null, sources: LabelSources): Classification | null {
  const least = sources.reduce<Classification | null>(
    (strictest, source) => stricterClassification(strictest, source?.classification ?? null),
    null,
  );
  if (asked === null) return least;
  const parsed = Classification.safeParse(asked);
  if (!parsed.success)
    throw invalid(HEADERS.classification, `A classification is one of ${CLASSIFICATIONS.join(", ")}.`);
  if (stricterClassification(least, parsed.data) !== parsed.data)
    throw new ProblemError("label-lowered", {
      param: HEADERS.classification,
      detail: `This call is ${least} at least.`,
    });
  return parsed.data;
}

function purposeOf(asked: string | null, sources: LabelSources): string | null {
  const lists = sources.flatMap((source) => source?.purposes ?? []);
  const allowed = (purpose: string) => lists.every((list) => list.allowed.includes(purpose));
  if (asked === null) {
    const fallback = lists.findLast((list) => list.default !== null)?.default ?? null;
    return fallback !== null && allowed(fallback) ? fallback : null;
  }
  if (lists.length === 0 || !Purpose.safeParse(asked).success || !allowed(asked))
    throw invalid(HEADERS.purpose, "This purpose is not one of those that are configured for such calls.");
  return asked;
}

function markingsOf(asked: string | null, sources: LabelSources): string[] {
  const added = (asked ?? "")
    .split(",")
    .map((marking) => marking.trim())
    .filter((marking) => marking !== "");
  if (added.some((marking) => !Marking.safeParse(marking).success))
    throw invalid(HEADERS.markings, "Markings are letters, digits and ._:/-, separated by commas.");
  const all = [...new Set([...sources.flatMap((source) => source?.markings ?? []), ...added])].sort();
  if (all.length > LIMITS.markingsMax) throw invalid(HEADERS.markings, `At most ${LIMITS.markingsMax} markings.`);
  return all;
}
