import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { Detector } from "./detector.ts";
import { DETECTORS } from "./detectors.ts";

const PII = ["email", "phone", "iban", "card", "ssn", "ip"];
const SECRETS = ["private-key", "jwt", "bearer", "aws-key", "api-key", "secret"];
/** What is encoded can hide either. */
const OPAQUE = ["data-url"];

/** Names that stand for several detectors. */
export const DETECTOR_CLASSES: Readonly<Record<string, readonly string[]>> = {
  pii: [...PII, ...OPAQUE],
  secrets: [...SECRETS, ...OPAQUE],
};

/** Stands for what nobody could look into: a rule may deny it, but it cannot be taken out. */
export const UNSCANNED = "unscanned";

/** Every name that an obligation may list. */
const SELECTABLE: ReadonlySet<string> = new Set([...DETECTORS.map(({ id }) => id), ...Object.keys(DETECTOR_CLASSES)]);
/** Every name that a rule may be about. */
export const DETECTOR_NAMES: ReadonlySet<string> = new Set([...SELECTABLE, UNSCANNED]);

/**
 * The detectors that names ask for, in the order in which they run; `null` asks for all. A name that nobody knows refuses
 * the whole list: what it was meant to find would stay.
 */
export function selectDetectors(
  names: readonly string[] | null,
): Result<readonly Detector[], { reason: "unknown_detector"; name: string }> {
  if (names === null) return ok(DETECTORS);
  const ids = new Set<string>();
  for (const name of names) {
    if (!SELECTABLE.has(name)) return err({ reason: "unknown_detector", name });
    for (const id of DETECTOR_CLASSES[name] ?? [name]) ids.add(id);
  }
  return ok(DETECTORS.filter(({ id }) => ids.has(id)));
}
