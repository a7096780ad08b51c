/**
 * How often a property is tried: a fifth in `npm test`, all of it in CI's heavy part, whose project sets the variable and
 * runs these files again.
 */
export const propertyRuns = (full: number): number =>
  process.env.BAILIWICK_PROPERTY_RUNS === "full" ? full : Math.ceil(full / 5);
