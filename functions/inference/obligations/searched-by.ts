import type { Obligation } from "../../../shared/contracts/decision.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { Detector } from "../../redaction/detector.ts";
import { selectDetectors } from "../../redaction/select-detectors.ts";
import { ofKind } from "./duties.ts";

export interface Searched {
  duties: Obligation[];
  /** Null: nothing is to be taken out. */
  detectors: readonly Detector[] | null;
}

/** What the `redact_input` or `redact_output` obligations among these ask for together; a name that is unknown fails its own. */
export function searchedBy(
  duties: readonly Obligation[],
  kind: "redact_input" | "redact_output",
): Result<Searched, { duty: Obligation; name: string }> {
  const own = ofKind(duties, kind);
  const names: string[] = [];
  let all = false;
  for (const duty of own) {
    const selected = selectDetectors(duty.params.detectors ?? null);
    if (!selected.ok) return err({ duty, name: selected.error.name });
    if (duty.params.detectors === undefined) all = true;
    else names.push(...duty.params.detectors);
  }
  if (own.length === 0) return ok({ duties: own, detectors: null });
  const selected = selectDetectors(all ? null : names);
  return selected.ok
    ? ok({ duties: own, detectors: selected.value })
    : err({ duty: own[0] ?? { id: kind, params: {} }, name: selected.error.name });
}
