import { ObjectStoreUnavailable } from "../../../shared/contracts/ports/object-store.ts";

/**
 * What `work` answers, or `ObjectStoreUnavailable` after `timeoutMs`. `signal` then aborts; what `work` answers too late
 * is handed to `late`, which lets go of it.
 */
export async function withDeadline<T>(
  what: string,
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  late?: (value: T) => unknown,
): Promise<T> {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new ObjectStoreUnavailable(`${what}: no answer within ${timeoutMs} ms`);
      reject(error);
      abort.abort(error);
    }, timeoutMs);
  });
  const done = work(abort.signal);
  try {
    return await Promise.race([done, expired]);
  } catch (error) {
    // A late answer is let go of; a late failure was already reported as the missing answer.
    if (abort.signal.aborted) done.then(late, () => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
