import type { Scope } from "../../../shared/contracts/actor.ts";
import type { Call } from "../../context.ts";
import { ProblemError } from "../../problem.ts";

/**
 * A credential that was narrowed hands out none that may do more: neither by making a key nor by taking over another one.
 * Throws `forbidden` with the reason `scope_not_held`.
 */
export function requireGranted({ actor }: Pick<Call, "actor">, scopes: readonly Scope[]): void {
  const held = new Set(actor.granted);
  const missing = held.has("*")
    ? []
    : scopes.filter((scope) => !held.has(scope) && (scope === "*" || !held.has(`${scope.split(":")[0]}:*`)));
  if (missing.length > 0)
    throw new ProblemError("forbidden", {
      param: "scopes",
      detail: `The credential does not have what the key would grant: ${missing.join(", ")}.`,
      members: { reasons: ["scope_not_held"] },
    });
}
