/** OPA's names for what ends an evaluation. */
export type EvalErrorCode = "eval_type_error" | "eval_builtin_error" | "eval_conflict_error";

/** A builtin that cannot answer. Undefined unless the evaluation is strict, as in OPA. */
export class BuiltinFailure extends Error {
  readonly code: EvalErrorCode;
  constructor(code: EvalErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Two values for what may have one: ends the evaluation, strict or not. */
export class ConflictFailure extends Error {}

/** The operand has the wrong type or form. */
export const typeError = (message: string): BuiltinFailure => new BuiltinFailure("eval_type_error", message);

/** The operands fit, the operation fails. */
export const builtinError = (message: string): BuiltinFailure => new BuiltinFailure("eval_builtin_error", message);
