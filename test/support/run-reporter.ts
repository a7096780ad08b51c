import type { Reporter, TestCase, TestModule, TestRunEndReason, TestSuite, Vitest } from "vitest/node";
import type { RunNews } from "../../infra/local/run-tests.mjs";

/** Why a test did not run: what it said itself, or else its name, or the outermost skipped suite's, which tells the condition. */
function reasonOf(test: TestCase): string {
  const result = test.result();
  if (result.state === "skipped" && result.note) return result.note;
  let skipped: TestCase | TestSuite = test;
  for (let { parent } = test; parent.type === "suite" && parent.options.mode === "skip"; parent = parent.parent)
    skipped = parent;
  return skipped.name;
}

/** Tells who started this run, if they listen. */
function tell(news: RunNews): void {
  process.send?.(news);
}

/**
 * Tells behind a run which tests did not run, and why, so that no gap in what was proven stays unseen; and, while it runs,
 * tells `npm test` that it does (`infra/local/run-tests.mjs`).
 */
export default class RunReporter implements Reporter {
  #chosen = false;
  readonly #running = new Set<string>();

  /** Of a run of tests chosen by name the others are not missing. */
  onInit(vitest: Vitest): void {
    this.#chosen = vitest.config.testNamePattern !== undefined;
  }

  onTestModuleStart(module: TestModule): void {
    this.#running.add(module.relativeModuleId);
    this.#tellRunning();
  }

  onTestCaseResult(): void {
    this.#tellRunning();
  }

  onTestModuleEnd(module: TestModule): void {
    this.#running.delete(module.relativeModuleId);
    this.#tellRunning();
  }

  onTestRunEnd(modules: readonly TestModule[], _errors: readonly unknown[], reason: TestRunEndReason): void {
    if (!this.#chosen) printSkipped(modules);
    tell({ ended: reason });
  }

  #tellRunning(): void {
    tell({ running: [...this.#running] });
  }
}

function printSkipped(modules: readonly TestModule[]): void {
  const skipped = modules.flatMap((module) => [...module.children.allTests("skipped")]);
  if (skipped.length === 0) return;
  console.log(`Skipped, ${skipped.length} in all:`);
  for (const [reason, tests] of Map.groupBy(skipped, reasonOf)) {
    const files = new Set(tests.map(({ module }) => module.relativeModuleId));
    console.log(`  ${tests.length} × ${reason} (${[...files].join(", ")})`);
  }
}
