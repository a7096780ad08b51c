import { WorkloadKeySet } from "../../../shared/contracts/http/workload-keys.ts";
import { NO_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";

/** Public: what the cell's own tokens for workers, and its signed callbacks, are verified with by whoever receives one. */
export const workloadKeys = operation({
  id: "cell.workload-keys",
  method: "get",
  path: "/.well-known/jwks.json",
  action: "cell:health",
  gate: "public",
  credential: "fresh",
  effect: "read",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  ...NO_INPUT,
  success: [200, WorkloadKeySet, "The keys of callbacks, then of tickets and worker tokens; of each newest first."],
  problems: [],
  summary: "Keys of signed callbacks, tickets and worker tokens",
  tag: "Cell",
  resource: { kind: "cell" },
  execute(deps) {
    const keys = [...deps.callbacks.keys(), ...(deps.workers?.tokens.jwks().keys ?? [])];
    return value({ keys }, { "cache-control": "public, max-age=300" });
  },
});
