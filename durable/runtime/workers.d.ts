declare module "cloudflare:workers" {
  import type { DurableState } from "./durable-object.ts";

  /** Keeps the request that is running now alive until the promise settles. */
  export function waitUntil(promise: Promise<unknown>): void;

  export abstract class DurableObject<Env = unknown> {
    protected readonly ctx: DurableState;
    protected readonly env: Env;
    constructor(ctx: DurableState, env: Env);
  }

  /** A service that other workers call over a binding; without `fetch` it answers no request. */
  export abstract class WorkerEntrypoint<Env = unknown> {
    protected readonly env: Env;
  }
}
