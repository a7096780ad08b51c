import { z } from "zod";

const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Milliseconds of `2026-11-21T07:30:00.000Z`; null for any other spelling, and for a day that no month has. */
export function parseUtc(text: string): number | null {
  const ms = UTC.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isFinite(ms) && new Date(ms).toISOString() === text ? ms : null;
}

/** The same as a schema, giving milliseconds. */
export const UtcTime = z.string().transform((text, issues): number => {
  const ms = parseUtc(text);
  if (ms !== null) return ms;
  issues.addIssue("not a time in UTC with milliseconds");
  return z.NEVER;
});
