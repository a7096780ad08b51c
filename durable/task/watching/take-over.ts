import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ObjectBody } from "../../runtime/object-class.ts";
import { loseFormer } from "../detached.ts";
import { foldParts } from "../log.ts";
import type { JournalFile } from "./journal-file.ts";

export interface FormerTasks {
  call<T>(name: string, body: ObjectBody<T>): Promise<T | undefined>;
  /** Tasks whose alarm comes within this time, at most so many. */
  expected(withinMs: number, limit: number): readonly string[];
  journal: Pick<JournalFile, "names" | "of" | "folded">;
  incarnation: string;
  /** One task could not be looked at: its lease ends by time. */
  failed(cause: unknown): void;
}

/**
 * What a process does first with the tasks of the one before it: each log gets what the journal has of it, and what that
 * process was carrying out is given back at once. Answers how many tasks were given back. Never rejects.
 */
export async function takeOver({ call, expected, journal, incarnation, failed }: FormerTasks): Promise<number> {
  // A lease is an alarm no later than its end.
  const names = [...new Set([...journal.names(), ...expected(LIMITS.runLeaseMs, LIMITS.formerTasksMax)])];
  let given = 0;
  const look = async (): Promise<void> => {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      const task = name;
      try {
        let upTo = 0;
        const lost = await call(task, (sql, env) => {
          upTo = foldParts(sql, journal.of(task));
          return loseFormer(sql, env, incarnation);
        });
        if (lost === undefined) upTo = Number.MAX_SAFE_INTEGER;
        if (upTo > 0) journal.folded(task, upTo);
        if (lost) given++;
      } catch (cause) {
        failed(cause);
      }
    }
  };
  await Promise.all(Array.from({ length: LIMITS.formerTasksAtOnce }, look));
  return given;
}
