const LOOK_MS = 500;

/**
 * Looks again for as long as what it counts goes on: a slow machine is waited for, one that stands still is not. Answers
 * the last look, which is `done` unless nothing moved for `stillMsMax`.
 */
export async function whileItMoves<T>(
  look: () => Promise<T>,
  {
    count,
    done,
    stillMsMax,
  }: { count: (value: T) => number | string; done: (value: T) => boolean; stillMsMax: number },
): Promise<T> {
  let value = await look();
  let last = count(value);
  let movedMs = performance.now();
  while (!done(value) && performance.now() - movedMs < stillMsMax) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    value = await look();
    const now = count(value);
    if (now !== last) movedMs = performance.now();
    last = now;
  }
  return value;
}
