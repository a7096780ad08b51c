/**
 * Runs at most so many pieces of work at once; the others wait, the first come first. What `given` takes back before its
 * turn is not begun, and not held any longer.
 */
export function slots(max: number): <T>(work: () => Promise<T>, given?: AbortSignal) => Promise<T> {
  const waiting = new Set<() => void>();
  let free = max;
  const turn = (given: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      const begin = () => {
        waiting.delete(begin);
        given?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        waiting.delete(begin);
        reject(given?.reason);
      };
      waiting.add(begin);
      given?.addEventListener("abort", leave, { once: true });
    });
  return async (work, given) => {
    given?.throwIfAborted();
    if (free > 0) free--;
    else await turn(given);
    try {
      return await work();
    } finally {
      const [next] = waiting;
      if (next) next();
      else free++;
    }
  };
}
