import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { Detector } from "./detector.ts";
import { DETECTORS } from "./detectors.ts";
import { CONVERSATION, PLAIN_MEMBERS, TAKES_TOKENS } from "./readable-parts.ts";
import { type Found, Redactor } from "./redact-text.ts";
import { UNSCANNED } from "./select-detectors.ts";
import { JsonWalker, Unreadable } from "./walk-json.ts";

/** What cannot be read cannot be redacted: images, files, audio, token ids, sealed reasoning, unknown parts, too much. */
export interface RedactionImpossible {
  reason: "redaction_impossible";
  /** Where, as a path into the body. */
  param: string;
}

/**
 * The body with placeholders for all that detectors find in its text and member names, or why it cannot be made. The
 * shape stays: same members, same elements, same types but for numbers of the caller's data. `body` is not changed.
 */
export function redactBody(
  dialect: Dialect,
  body: JsonObject,
  detectors?: readonly Detector[],
): Result<{ body: JsonObject; found: Found }, RedactionImpossible> {
  const refuse = (param: string): never => {
    throw new Unreadable(param);
  };
  const walker = new JsonWalker(new Redactor(detectors), { ...readingOf(dialect), unreadable: refuse });
  try {
    return ok({ body: walked(walker, dialect, body), found: walker.found });
  } catch (thrown) {
    if (thrown instanceof Unreadable) return err({ reason: "redaction_impossible", param: thrown.param });
    throw thrown;
  }
}

/**
 * Names of the detectors that find something in the body, sorted. `unscanned` is among them where the body holds what
 * cannot be read, or more text than `LIMITS.redactionCharsMax`.
 */
export function detectIn(dialect: Dialect, body: JsonObject, detectors?: readonly Detector[]): string[] {
  const names = new Set<string>();
  const walker = new JsonWalker(new Redactor(detectors), {
    ...readingOf(dialect),
    unreadable: () => void names.add(UNSCANNED),
  });
  walked(walker, dialect, body);
  // `number` and `withheld` are no detectors: what a double rounded, and text that is never done, was not looked at.
  for (const name of Object.keys(walker.found)) names.add(isDetector(name) ? name : UNSCANNED);
  return [...names].sort();
}

const readingOf = (dialect: Dialect) => ({
  tokens: TAKES_TOKENS.has(dialect),
  plain: PLAIN_MEMBERS[dialect] ?? new Set<string>(),
});

const isDetector = (name: string): boolean => DETECTORS.some(({ id }) => id === name);

function walked(walker: JsonWalker, dialect: Dialect, body: JsonObject): JsonObject {
  const made: JsonObject = Object.create(null);
  for (const [name, value] of Object.entries(body))
    made[name] = walker.member(name, value, name, CONVERSATION[dialect].has(name) ? "conversation" : "settings", 1);
  return { ...made };
}
