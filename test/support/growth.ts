const TRIES_MAX = 12;

/**
 * How many times as long `work` takes when `size` is four times as much: about 4 where it is linear, 16 where
 * it is quadratic. One large piece is held against four small ones, which take as long where it is linear, so that a busy
 * machine adds to both alike; each one's least of all tries counts. Tried again while the ratio is not below `under`.
 */
export function growthOf(work: (size: number) => void, size: number, under: number): number {
  const least = { small: Number.POSITIVE_INFINITY, large: Number.POSITIVE_INFINITY };
  const ratio = (): number => (4 * least.large) / least.small;
  for (let tried = 0; tried < TRIES_MAX; tried++) {
    const small = () => {
      for (let times = 0; times < 4; times++) work(size);
    };
    least.small = Math.min(least.small, timeOf(small));
    least.large = Math.min(
      least.large,
      timeOf(() => work(4 * size)),
    );
    // The first try warms up.
    if (tried > 0 && ratio() < under) break;
  }
  return ratio();
}

function timeOf(work: () => void): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}
