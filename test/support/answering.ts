import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

/**
 * A listener of a test's server. A caller that goes away before it has said everything ends its request: nobody waits for
 * that answer. Any other error of `handle` stays unhandled, so that the test that runs fails by it.
 */
export const answering =
  (handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>): RequestListener =>
  (request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (request.complete || !request.destroyed) throw error;
      response.destroy();
    });
  };
