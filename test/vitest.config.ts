import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const root = resolve(import.meta.dirname, "..");
const SECOND_MS = 1000;
const notTests = ["**/node_modules/**", "**/.cache/**"];

/**
 * Three projects on two cores: unit tests in parallel threads; contract and crash tests in processes of their own,
 * because they open databases and kill children; conformance one file at a time, because each file runs a whole cell.
 */
export default defineConfig({
  root,
  test: {
    root,
    maxWorkers: 2,
    reporters: ["default"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["{functions,durable,shared,policies,gpu-workers,infra}/**/*.test.ts", "test/*.test.ts"],
          exclude: notTests,
          pool: "threads",
          testTimeout: 10 * SECOND_MS,
        },
      },
      {
        extends: true,
        test: {
          name: "contract",
          include: ["test/{contract,crash,runtime,support,bench}/**/*.test.ts"],
          exclude: notTests,
          pool: "forks",
          testTimeout: 60 * SECOND_MS,
          hookTimeout: 60 * SECOND_MS,
        },
      },
      {
        extends: true,
        test: {
          name: "conformance",
          include: ["test/conformance/**/*.test.ts"],
          exclude: notTests,
          pool: "forks",
          fileParallelism: false,
          testTimeout: 60 * SECOND_MS,
          hookTimeout: 120 * SECOND_MS,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
