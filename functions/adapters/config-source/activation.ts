import { type ConfigProblem, describeProblem } from "../../../shared/contracts/config/problem.ts";
import type { Snapshot } from "../../../shared/contracts/config/snapshot.ts";
import {
  type ActiveConfig,
  type ConfigEvent,
  type ConfigSource,
  type ConfigState,
  ConfigUnusable,
} from "../../../shared/contracts/ports/config-source.ts";
import type { Result } from "../../../shared/contracts/result.ts";

/** Problems that one line can carry and still be read. */
const LISTED_MAX = 20;

/** `<what> is not usable: models.yml: …; policies.yml: …` */
export function unusable(what: string, problems: readonly ConfigProblem[]): ConfigUnusable {
  const listed = problems.slice(0, LISTED_MAX).map(describeProblem).join("; ").replace(/\s+/g, " ");
  const more = problems.length > LISTED_MAX ? `; and ${problems.length - LISTED_MAX} more` : "";
  return new ConfigUnusable(problems, `${what} is not usable: ${listed}${more}`);
}

/** Holds the configuration in force. What is offered replaces it in one assignment, or is refused and changes nothing. */
export class Activation implements ConfigSource {
  #active: ActiveConfig;
  #problems: readonly ConfigProblem[] = [];
  readonly #listeners = new Set<(event: ConfigEvent) => void>();
  readonly #onError: (error: unknown) => void;
  readonly #onClose: () => void;

  constructor(first: ActiveConfig, onError: (error: unknown) => void, onClose: () => void) {
    this.#active = first;
    this.#onError = onError;
    this.#onClose = onClose;
  }

  current(): Snapshot {
    return this.#active.snapshot;
  }

  active(): ActiveConfig {
    return this.#active;
  }

  state(): ConfigState {
    return { digest: this.#active.snapshot.digest, problems: this.#problems };
  }

  subscribe(listener: (event: ConfigEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#listeners.clear();
    this.#onClose();
  }

  /** A good configuration with another digest is activated; a broken one is refused, and the one in force stays. */
  offer(offered: Result<ActiveConfig, readonly ConfigProblem[]>): void {
    if (!offered.ok) {
      this.#problems = offered.error;
      this.#tell({ kind: "refused", problems: offered.error, in_force: this.#active.snapshot.digest });
      return;
    }
    this.#problems = [];
    if (offered.value.snapshot.digest === this.#active.snapshot.digest) return;
    this.#active = offered.value;
    this.#tell({ kind: "activated", config: offered.value });
  }

  /** One listener's failure is reported and does not keep the others from hearing. */
  #tell(event: ConfigEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (thrown) {
        this.#onError(thrown);
      }
    }
  }
}
