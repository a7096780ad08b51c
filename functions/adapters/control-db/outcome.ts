import { ControlDbUnavailable } from "../../../shared/contracts/ports/control-db.ts";
import type { Unavailable } from "../../../shared/contracts/ports/control-repository.ts";
import { err, type Result } from "../../../shared/contracts/result.ts";

/** Turns the one rejection that callers expect into a refusal; everything else is a bug and goes on being thrown. */
export async function orUnavailable<T, E>(work: () => Promise<Result<T, E>>): Promise<Result<T, E | Unavailable>> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ControlDbUnavailable) return err({ reason: "unavailable" });
    throw error;
  }
}
