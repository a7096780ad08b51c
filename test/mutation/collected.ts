import type { Mutant } from "./outcome.ts";

/** What has been tried so far, so that a run which its time ended says what it saw. */
export const tried: Mutant[] = [];

class Collected {
  onMutantTested(mutant: Mutant): void {
    tried.push(mutant);
  }
}

/** Read by Stryker, which finds reporters by name in the modules that it is told to load. */
export const strykerPlugins = [{ kind: "Reporter", name: "collected", injectableClass: Collected }];
