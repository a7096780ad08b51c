/** Another start by `FUZZ_SEED`; the same by default, so that a failure in CI is one everywhere. */
export const FUZZ_SEED = Number(process.env.FUZZ_SEED ?? 20_261_121);

/** `FUZZ_RUNS` for all suites, else what a suite can afford. */
export const fuzzing = (runs: number): { numRuns: number; seed: number } => ({
  numRuns: Number(process.env.FUZZ_RUNS ?? runs),
  seed: FUZZ_SEED,
});
