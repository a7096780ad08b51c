import type { z } from "zod";
import { problemPath } from "../../shared/contracts/config/problem.ts";
import type { JsonValue } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { ProblemError } from "../problem.ts";

/** Parses one part of the input by its schema; every issue is named, the first one leads. Throws `invalid-request`. */
export function parseInput(schema: z.ZodType, input: unknown, where: "body" | "query" | "path"): unknown {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues
    .slice(0, 16)
    .map(inside)
    .map((issue) => ({ param: problemPath(issue.path), message: issue.message }));
  const [first] = errors;
  throw new ProblemError("invalid-request", {
    detail: first ? `${where}${first.param ? ` ${first.param}` : ""}: ${first.message}` : `The ${where} is not valid.`,
    ...(first?.param ? { param: first.param } : {}),
    members: { errors },
  });
}

type Issue = z.core.$ZodIssue;

/** Of several forms none fits: the issue of the one that got furthest, where any of them got inside. */
function inside(issue: Issue): Pick<Issue, "path" | "message"> {
  if (issue.code !== "invalid_union") return issue;
  let nearest: Pick<Issue, "path" | "message"> = { path: [], message: issue.message };
  for (const [first] of issue.errors) {
    if (first === undefined) continue;
    const found = inside(first);
    if (found.path.length > nearest.path.length) nearest = found;
  }
  return { path: [...issue.path, ...nearest.path], message: nearest.message };
}

/** Query parameters as an object; a repeated name becomes an array, so that the schema refuses it where one is meant. */
export function queryObject(url: string): Record<string, JsonValue> {
  const start = url.indexOf("?");
  const query: Record<string, JsonValue> = Object.create(null);
  if (start < 0) return query;
  for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
    const before = query[name];
    query[name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
  }
  return query;
}

/** Input of control-plane operations: a small JSON document, or none. */
export const JSON_INPUT = { media: "application/json", bodyBytesMax: LIMITS.controlBodyBytesMax } as const;
export const NO_INPUT = { media: null, bodyBytesMax: 0 } as const;

/** What every unary read declares, and every deletion: repeating either changes nothing. */
export const READ = {
  method: "get",
  effect: "read",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  ...NO_INPUT,
} as const;
export const DELETE = { ...READ, method: "delete", effect: "irreversible-write" } as const;
