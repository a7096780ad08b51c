import { join } from "node:path";
import { ROOT } from "../../../infra/local/command.mjs";

/** Where what is compared with is installed once; not part of the project, and ignored by git. */
export const CACHE = join(ROOT, "test/bench/.cache");

/** The last thing that a failed installation said, short enough for a table. */
export function lastLine(cause: unknown): string {
  const text = cause instanceof Error && "stderr" in cause ? String(cause.stderr) : String(cause);
  return text.trim().split("\n").at(-1)?.trim().slice(0, 300) ?? "no reason given";
}
