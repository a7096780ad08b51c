/** What it finds and what is meant so: by the code of the finding and the operation. Each is looked for in every run. */
export const SCHEMATHESIS_EXCEPTIONS: readonly { code: string; operation: string; reason: string }[] = [
  {
    code: "ST401",
    operation: "GET /metrics",
    reason:
      "open on loopback alone, where the cell under test listens; beyond it operators only (test/conformance/suites/unauthorised.ts)",
  },
  {
    code: "ST401",
    operation: "GET /readyz",
    reason: "as /metrics",
  },
];

/** What is not asked, and why. */
export const SCHEMATHESIS_SKIPPED: readonly (({ check: string } | { path: string }) & { reason: string })[] = [
  {
    check: "positive_data_acceptance",
    reason:
      "what a schema allows may still be refused for what is there: names of models, purposes and markings are the configuration's, digests somebody's own, and no schema can list them",
  },
  { path: "/v1/ws", reason: "a WebSocket; test/conformance/suites/sockets.ts" },
  { path: "/v1/workers/connect", reason: "a WebSocket of workers; test/support/worker-gate.ts" },
];
