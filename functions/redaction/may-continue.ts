import type { Detector } from "./detector.ts";
import { leadPatterns, partialPattern } from "./partial-pattern.ts";

interface Watched {
  partial: RegExp;
  leads: readonly RegExp[];
}

const watched = new WeakMap<Detector, Watched>();

/** Made once a detector: its patterns are compiled when it is first used on a stream. */
function watch(detector: Detector): Watched {
  const known = watched.get(detector);
  if (known) return known;
  const made = { partial: partialPattern(detector.pattern), leads: leadPatterns(detector.pattern) };
  watched.set(detector, made);
  return made;
}

/** Whether what follows `text` could decide if, or how far, the detector finds something that begins in it. */
export function mayContinue(detector: Detector, text: string): boolean {
  const { partial, leads } = watch(detector);
  return leads.some((lead) => reachesEnd(lead, text, null)) || reachesEnd(partial, text, detector);
}

/** Looks for matches as redaction does; those that are decided are passed over as redaction passes over them. */
function reachesEnd(pattern: RegExp, text: string, detector: Detector | null): boolean {
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [whole] = match;
    const end = match.index + whole.length;
    // Nothing has begun yet.
    if (match.index === text.length) return false;
    if (end === text.length) return true;
    const length = detector === null ? 0 : (detector.length?.(whole, text.charAt(end)) ?? whole.length);
    pattern.lastIndex = match.index + Math.max(1, length);
  }
  return false;
}
