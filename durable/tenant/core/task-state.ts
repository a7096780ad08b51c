/**
 * States of a task row.
 *
 *   open ── settle ──▶ settled
 *     └──── alarm ───▶ abandoned ── late settle ──▶ corrected
 *
 * Nothing leaves `settled` or `corrected`; a key whose task was abandoned keeps `outcome_unknown` in both last states.
 */
export const TASK = { open: 0, settled: 1, abandoned: 2, corrected: 3 } as const;
