import type { ConfigProblem } from "../config/problem.ts";
import type { Snapshot } from "../config/snapshot.ts";
import type { JsonObject } from "../json.ts";
import type { Result } from "../result.ts";

/** A snapshot and the files it came from, as they were digested. */
export interface ActiveConfig {
  snapshot: Snapshot;
  files: JsonObject;
}

/** What `/readyz` and the log say about the configuration. */
export interface ConfigState {
  digest: string;
  /** Why the newest files are not in force; empty when they are. */
  problems: readonly ConfigProblem[];
}

/**
 * The configuration in force. `current` is one immutable object: a request takes it once and keeps it to its end.
 * A broken change never replaces it; a good one replaces it in one step.
 */
export interface ConfigSource {
  current(): Snapshot;
  active(): ActiveConfig;
  state(): ConfigState;
  /** Called after each activation and after each refusal of a change. Answers the function that unsubscribes. */
  subscribe(listener: (event: ConfigEvent) => void): () => void;
  /** Stops watching. The snapshot stays readable. */
  close(): void;
}

export type ConfigEvent =
  | { kind: "activated"; config: ActiveConfig }
  | { kind: "refused"; problems: readonly ConfigProblem[]; in_force: string };

/** Turns parsed files into a snapshot, or names every mistake. Pure but for asking whether secrets are present. */
export type CompileConfig = (files: JsonObject) => Result<ActiveConfig, ConfigProblem[]>;

/** There is no configuration to run with: nothing good was loaded before. The message lists the problems in one line. */
export class ConfigUnusable extends Error {
  override readonly name = "ConfigUnusable";
  readonly problems: readonly ConfigProblem[];
  constructor(problems: readonly ConfigProblem[], message: string) {
    super(message);
    this.problems = problems;
  }
}
