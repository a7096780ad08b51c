import type { LogPart } from "../../../shared/contracts/ports/task-log.ts";

/**
 * Where parts of tasks' logs are durable before the tasks' own files have them, so that a thousand slow streams cost a few
 * commits a second together and not one each. A redo log: what is here and in a task's file changes nothing there.
 */
export interface PartJournal {
  /** Parts that the task's file may not have yet, in order; those that are still being written too. */
  of(name: string): readonly LogPart[];
  /**
   * Resolves once it is durable; `of` answers it at once. Null when it belongs into the task's own file: it is large, or as
   * many wait for that file as may.
   */
  append(name: string, part: LogPart): Promise<void> | null;
  /** The task's file has every frame up to this one, durably. */
  folded(name: string, upTo: number): void;
}
