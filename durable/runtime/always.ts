import { type Result, unreachable } from "../../shared/contracts/result.ts";

/** The value of a step that has no refusal. */
export const always = <T>(result: Result<T, never>): T => (result.ok ? result.value : unreachable(result.error));
