import { LIMITS } from "../../shared/contracts/limits.ts";

/**
 * Waits a moment for a caller whose body is not read, so that its end has left the caller before the answer is there.
 * Clients on undici (Node's `fetch`, and SDKs on it) drop an answer that overtakes their body: on loopback, where nothing
 * takes time, that was every second one. Over a network the way itself takes longer than this.
 */
export const bodySent = (request: Pick<Request, "body">): Promise<void> =>
  request.body === null
    ? Promise.resolve()
    : new Promise((resolve) => {
        setTimeout(resolve, LIMITS.unreadAnswerMs);
      });
