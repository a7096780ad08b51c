import { isAway } from "./problem-response.ts";

const TRIES = 3;
const RETRY_MS = 200;

/** A write that may be repeated, asked for again while its store is away: three times in all, within 600 ms of waiting. */
export async function askedAgain<T>(write: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await write();
    } catch (cause) {
      if (tried === TRIES || !isAway(cause)) throw cause;
      await new Promise((resolve) => setTimeout(resolve, tried * RETRY_MS));
    }
  }
}
