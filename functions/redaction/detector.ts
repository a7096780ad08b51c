/**
 * Finds one kind of personal data or secret in text. Data, so that policy can choose among them by `id`.
 *
 * `pattern` is global and linear in the text, however hostile it is: a run without a bound starts only where a lookbehind
 * proves its beginning, neighbouring runs share no character, everything else has a bound. It never matches nothing and
 * never a placeholder.
 */
export interface Detector {
  /** In placeholders and counts: lower-case letters, digits and hyphens. Several detectors may find one kind. */
  id: string;
  pattern: RegExp;
  /** How much of a match is one, from its start; 0: it is none, and the search goes on one character later. Absent: all. */
  length?(match: string, next: string): number;
}
