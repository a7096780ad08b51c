import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const root = resolve(import.meta.dirname, "..");
const SECOND_MS = 1000;
const HEAVY_MS_MAX = 300 * SECOND_MS;
const POLL_MS_MAX = 20 * SECOND_MS;
const notTests = ["**/node_modules/**", "**/.cache/**"];
/** What real databases, kills and whole lives of cells take too long for `npm test`: `npm run test:heavy` runs these. */
export const HEAVY = [
  "test/contract/worker-engine.*.test.ts",
  "test/crash/**/*.test.ts",
  "test/attacks/attacks.test.ts",
  "test/fuzz/**/*.test.ts",
  "test/simulation/*.test.ts",
  "test/contract/python-verifier.test.ts",
  "test/contract/evidence-mutations.test.ts",
  "test/contract/deployment.test.ts",
  "test/contract/control-db.*.test.ts",
  "test/contract/tessera-fsck.test.ts",
  "test/contract/large-log.test.ts",
  "test/contract/infrastructure.test.ts",
  "test/contract/verifiers-agree.test.ts",
  "test/contract/job-queue.{sqs,runtimes}.test.ts",
  "test/contract/remote-stores.test.ts",
  "test/contract/object-store.{s3,runtimes}.test.ts",
  "test/runtime/{control-db.workerd,global-telemetry}.test.ts",
  "test/conformance/{node,workerd-start,workerd-operator,edges}.test.ts",
  "test/conformance/{split,split-tls,two-edges}.test.ts",
  "test/conformance/restart.test.ts",
  "test/conformance/backup.test.ts",
  "test/conformance/{residency,global-sockets}.test.ts",
  "test/conformance/{tenant-move,tenant-move-runtimes}.test.ts",
  "test/conformance/foreign-calls.test.ts",
  "test/conformance/approvals.test.ts",
  "test/conformance/policies-readme.test.ts",
  "test/policies/differential.test.ts",
  "test/conformance/guarantees/**/*.test.ts",
];

/** Of `npm test` too, with a fifth of their tries (test/support/property-runs.ts). */
export const PROPERTIES = ["functions/redaction/{text-stream,redact-text}.test.ts"];

/**
 * On two cores: unit tests in parallel threads; contract tests in processes of their own; conformance, where
 * each file runs a whole cell, after them; heavy ones one file at a time, in a run of their own.
 */
export default defineConfig({
  root,
  test: {
    root,
    // One more than cores: much of what runs waits, for a disk, a queue or the end of a policy.
    maxWorkers: 3,
    // As the time of a test, this ends what hangs and asserts nothing: a busy machine takes seconds over what takes none here.
    expect: { poll: { timeout: POLL_MS_MAX } },
    reporters: ["default", resolve(root, "test/support/run-reporter.ts")],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["{functions,durable,shared,policies,gpu-workers,infra}/**/*.test.ts", "test/*.test.ts"],
          exclude: notTests,
          pool: "threads",
          // Modules are loaded once a thread: half of the time of these tests is loading.
          isolate: false,
          testTimeout: 30 * SECOND_MS,
        },
      },
      {
        extends: true,
        test: {
          name: "contract",
          include: ["test/{contract,runtime,support,bench,mutation,policies,simulation}/**/*.test.ts"],
          exclude: [...notTests, ...HEAVY],
          pool: "forks",
          testTimeout: 120 * SECOND_MS,
          hookTimeout: 120 * SECOND_MS,
        },
      },
      {
        extends: true,
        test: {
          name: "conformance",
          include: ["test/conformance/**/*.test.ts"],
          exclude: [...notTests, ...HEAVY],
          pool: "forks",
          testTimeout: 180 * SECOND_MS,
          hookTimeout: 180 * SECOND_MS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "heavy",
          include: [...HEAVY, ...PROPERTIES],
          env: { BAILIWICK_PROPERTY_RUNS: "full" },
          exclude: notTests,
          pool: "forks",
          fileParallelism: false,
          // What ends a test that hangs, and nothing that a test asserts: on a busy machine a cell starts in half a minute.
          testTimeout: HEAVY_MS_MAX,
          hookTimeout: HEAVY_MS_MAX,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
