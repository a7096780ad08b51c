import type { z } from "zod";

/** Names of the variables that are wrong, never their values. */
export class EnvUnusable extends Error {
  override readonly name = "EnvUnusable";
}

/** The variables that `shape` knows, an empty one counting as absent, parsed. Throws `EnvUnusable`. */
export function parseVariables<S extends z.ZodObject>(
  shape: S,
  variables: Readonly<Record<string, unknown>>,
): z.infer<S> {
  const given = Object.fromEntries(
    Object.keys(shape.shape).flatMap((name) => (variables[name] ? [[name, variables[name]]] : [])),
  );
  const parsed = shape.safeParse(given);
  if (parsed.success) return parsed.data;
  const names = [...new Set(parsed.error.issues.map((issue) => String(issue.path[0])))];
  throw new EnvUnusable(`not usable: ${names.join(", ")}`);
}
