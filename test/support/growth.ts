const TRIES_MAX = 24;

/**
 * How many times as long `work` takes when `size` is four times as much: about 4 where it is linear, 16 where
 * it is quadratic. Each size's least of all tries counts, because a busy machine adds to a time and never takes from it;
 * tried again while the ratio is not below `under`.
 */
export function growthOf(work: (size: number) => void, size: number, under: number): number {
  const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let tried = 0; tried < TRIES_MAX; tried++) {
    [size, 4 * size].forEach((now, which) => {
      const began = performance.now();
      work(now);
      least[which] = Math.min(least[which] ?? 0, performance.now() - began);
    });
    // The first try warms up.
    if (tried > 0 && ratio(least) < under) break;
  }
  return ratio(least);
}

const ratio = ([one = 1, four = 1]: readonly number[]): number => four / one;
