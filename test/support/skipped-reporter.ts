import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from "vitest/node";

/** Why a test did not run: what it said itself, or else its name, or the outermost skipped suite's, which tells the condition. */
function reasonOf(test: TestCase): string {
  const result = test.result();
  if (result.state === "skipped" && result.note) return result.note;
  let skipped: TestCase | TestSuite = test;
  for (let { parent } = test; parent.type === "suite" && parent.options.mode === "skip"; parent = parent.parent)
    skipped = parent;
  return skipped.name;
}

/** Tells behind a run which tests did not run, and why, so that no gap in what was proven stays unseen. */
export default class SkippedReporter implements Reporter {
  #chosen = false;

  /** Of a run of tests chosen by name the others are not missing. */
  onInit(vitest: Vitest): void {
    this.#chosen = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    if (this.#chosen) return;
    const skipped = modules.flatMap((module) => [...module.children.allTests("skipped")]);
    if (skipped.length === 0) return;
    console.log(`Skipped, ${skipped.length} in all:`);
    for (const [reason, tests] of Map.groupBy(skipped, reasonOf)) {
      const files = new Set(tests.map(({ module }) => module.relativeModuleId));
      console.log(`  ${tests.length} × ${reason} (${[...files].join(", ")})`);
    }
  }
}
