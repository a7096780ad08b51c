import { defineConfig } from "vitest/config";

const tests = process.env.BAILIWICK_MUTATION_TESTS;
if (tests === undefined) throw new Error("run `npm run mutate -- <area>`");

/** The tests of one area and nothing else, in one thread: what Stryker runs once for each change that they cover. */
export default defineConfig({
  test: {
    include: JSON.parse(tests),
    exclude: ["**/node_modules/**"],
    pool: "threads",
    isolate: false,
    testTimeout: 60_000,
  },
});
