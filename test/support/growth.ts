const TRIES_MAX = 12;
const FACTOR = 16;

/** What {@link growthOf} answers stays below this where the work is linear: and above it where it is quadratic. */
export const GROWTH_MAX = Math.sqrt(FACTOR);

/**
 * How many times as long one piece of `work` of size `size` takes as sixteen of a sixteenth: about 1 where it is
 * linear, 16 where it is quadratic. The sizes lie that far apart, and the same amount is done on both sides, so that a
 * busy machine does not make one look like the other; each side's least of all tries counts. Tried again while it is
 * not below {@link GROWTH_MAX}.
 */
export function growthOf(work: (size: number) => void, size: number): number {
  const least = { parts: Number.POSITIVE_INFINITY, whole: Number.POSITIVE_INFINITY };
  const ratio = (): number => least.whole / least.parts;
  for (let tried = 0; tried < TRIES_MAX; tried++) {
    const parts = () => {
      for (let times = 0; times < FACTOR; times++) work(size / FACTOR);
    };
    least.parts = Math.min(least.parts, timeOf(parts));
    least.whole = Math.min(
      least.whole,
      timeOf(() => work(size)),
    );
    // The first try warms up.
    if (tried > 0 && ratio() < GROWTH_MAX) break;
  }
  return ratio();
}

function timeOf(work: () => void): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}
