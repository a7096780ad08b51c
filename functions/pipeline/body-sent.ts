import { LIMITS } from "../../shared/contracts/limits.ts";

/**
 * Waits a moment before a call is answered 421 whose body is not read. Node's `fetch` repeats such a call once by itself
 * (Fetch standard, HTTP-network-or-cache fetch), and loses both where it still wrote the first one's body: on loopback 52
 * of 80 small calls ended in a connection error, and 1 of 80 after this (undici 6.24 and 7.29). Over a network the way
 * itself takes longer.
 */
export const bodySent = (request: Pick<Request, "body">): Promise<void> =>
  request.body === null
    ? Promise.resolve()
    : new Promise((resolve) => {
        setTimeout(resolve, LIMITS.unreadAnswerMs);
      });
