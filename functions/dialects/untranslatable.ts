import { err, ok, type Result } from "../../shared/contracts/result.ts";

/** Why a body cannot be said in another dialect. `param` is the path of the member, as OpenAI's errors write it. */
export interface Untranslatable {
  /** `unsupported`: the other dialect has no equivalent. `invalid`: the member is not what its own dialect allows. */
  reason: "unsupported" | "invalid";
  param: string;
  detail: string;
}

class Refusal extends Error {
  readonly why: Untranslatable;
  constructor(why: Untranslatable) {
    super(why.detail);
    this.why = why;
  }
}

export function unsupported(param: string, detail: string): never {
  throw new Refusal({ reason: "unsupported", param, detail });
}

export function invalid(param: string, detail: string): never {
  throw new Refusal({ reason: "invalid", param, detail });
}

/** Runs a translation: its refusal becomes a value, anything else it throws stays thrown. */
export function translating<T>(translate: () => T): Result<T, Untranslatable> {
  try {
    return ok(translate());
  } catch (error) {
    if (error instanceof Refusal) return err(error.why);
    throw error;
  }
}
