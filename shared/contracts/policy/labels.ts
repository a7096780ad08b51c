import { z } from "zod";

/** Ordered from the loosest to the strictest. */
export const CLASSIFICATIONS = ["public", "internal", "confidential", "restricted"] as const;
export const Classification = z.enum(CLASSIFICATIONS);
export type Classification = z.infer<typeof Classification>;

/** The stricter of two; null knows nothing and is below all. */
export const stricterClassification = (a: Classification | null, b: Classification | null): Classification | null => {
  if (a === null || b === null) return a ?? b;
  return CLASSIFICATIONS.indexOf(a) >= CLASSIFICATIONS.indexOf(b) ? a : b;
};

/** A release marking, such as `REL-EU` or `NOFORN`. */
export const Marking = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/, "a marking: letters, digits and ._:/-, at most 64");
/** What a call is made for, such as `support` or `research`. */
export const Purpose = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,63}$/, "a purpose: lower-case letters, digits, _ and -, at most 64");
