import { type ConfigProblem, problemPath } from "../../shared/contracts/config/problem.ts";
import { withoutSecrets } from "./literal-secrets.ts";

/** Collects every mistake and every warning of one compilation; texts that look like secrets never enter it. */
export class Findings {
  readonly problems: ConfigProblem[] = [];
  readonly warnings: string[] = [];

  problem(file: string, path: readonly PropertyKey[], message: string): void {
    this.problems.push({ file, path: withoutSecrets(problemPath(path)), message: withoutSecrets(message) });
  }

  warn(file: string, path: readonly PropertyKey[], message: string): void {
    this.warnings.push(withoutSecrets(`${file}: ${path.length === 0 ? "" : `${problemPath(path)}: `}${message}`));
  }
}
