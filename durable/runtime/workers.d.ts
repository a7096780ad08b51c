declare module "cloudflare:workers" {
  import type { DurableState } from "./durable-object.ts";

  export abstract class DurableObject<Env = unknown> {
    protected readonly ctx: DurableState;
    protected readonly env: Env;
    constructor(ctx: DurableState, env: Env);
  }
}
