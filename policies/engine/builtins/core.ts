import { ConflictFailure } from "../failure.ts";
import { regoText } from "../rego-text.ts";
import { OObject, OSet, type Value } from "../value.ts";
import { array, builtin, type Family } from "./operands.ts";

/** A part of an interpolated string: a set of one value where the expression is defined, of none where it is not. */
function interpolated(part: Value): string {
  if (!(part instanceof OSet)) return typeof part === "string" ? part : regoText(part);
  const [value, more] = part.sorted();
  if (more !== undefined) throw new ConflictFailure("template-strings must not produce multiple outputs");
  if (value === undefined) return "<undefined>";
  return typeof value === "string" ? value : regoText(value);
}

export const CORE: Family = {
  "internal.template_string": builtin(1, (args) => array(args, 0).map(interpolated).join("")),
  // Printing and tracing are for people at a terminal; here they succeed and leave nothing.
  "internal.print": builtin(1, () => true),
  print: builtin(1, () => true),
  trace: builtin(1, () => true),
  "internal.test_case": builtin(1, () => true),
  "opa.runtime": builtin(0, (_args, machine) => machine.world.runtime ?? new OObject()),
  "rego.metadata.chain": builtin(0, () => []),
  "rego.metadata.rule": builtin(0, () => new OObject()),
};
