import { WorkloadKeySet } from "../../../shared/contracts/http/workload-keys.ts";
import { ProblemError } from "../../problem.ts";
import { NO_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";

/** Public: what the cell's own tokens for workers are verified with, by whoever receives one. */
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
  success: [200, WorkloadKeySet, "The keys of tickets and worker tokens, newest first."],
  problems: ["not-found"],
  summary: "Keys of tickets and worker tokens",
  tag: "Cell",
  resource: { kind: "cell" },
  execute(deps) {
    if (deps.workers === null) throw new ProblemError("not-found");
    return value(deps.workers.tokens.jwks(), { "cache-control": "public, max-age=300" });
  },
});
