import { expect, it } from "vitest";
import { mayWait } from "../../../functions/v1/approvals/may-wait.ts";
import { documentedProblems } from "../../../functions/v1/documented-problems.ts";
import { OPERATIONS } from "../../../functions/v1/index.ts";
import type { Operation } from "../../../functions/v1/operation.ts";
import { PROBLEMS } from "../../../shared/contracts/problems.ts";
import type { Lab } from "../../support/lab.ts";

const ROUTES = OPERATIONS.flatMap((operation) =>
  [operation.path, ...(operation.aliases ?? [])].map((path) => ({
    operation,
    method: operation.method.toUpperCase(),
    pattern: new RegExp(
      `^${path
        .replace(/[.]/g, "\\.")
        .replace(/\{\w+\}$/, operation.tail ? ".+" : "[^/]+")
        .replace(/\{\w+\}/g, "[^/]+")}$`,
    ),
  })),
);

/** The operation that a path means; a path without parameters wins over one with. */
const operationOf = (method: string, path: string): Operation | undefined =>
  ROUTES.filter((route) => route.method === method && route.pattern.test(path)).sort(
    (a, b) => a.pattern.source.split("[^/]+").length - b.pattern.source.split("[^/]+").length,
  )[0]?.operation;

const slugOf = (status: number, code: unknown) =>
  (Object.keys(PROBLEMS) as (keyof typeof PROBLEMS)[]) // safe because: the table's keys are the slugs
    .filter((slug) => PROBLEMS[slug].status === status && PROBLEMS[slug].code === code);

/** Looks at every answer of the cell while the suites run: each one must stand in the document of its operation. */
export function documented(lab: Lab): { check(): void } {
  const undocumented = new Set<string>();
  const problems = new Set<string>();
  const ask = lab.ask.bind(lab);
  lab.ask = async (path, options) => {
    const response = await ask(path, options);
    const method = options?.method ?? (options?.body === undefined ? "GET" : "POST");
    const operation = operationOf(method, path.replace(/[?#].*$/, ""));
    if (operation === undefined) return response;
    const { status } = response;
    const own = [operation.success[0], ...(operation.also ?? []).map(([other]) => other)];
    if (own.includes(status) || (status === 202 && mayWait(operation))) return response;
    // What was kept is answered as it was, and stands in the document of the operation that ran.
    if (response.headers.get("idempotent-replayed") === "true") return response;
    // A HEAD has no document to read.
    const document = await response
      .clone()
      .json()
      .catch(() => null);
    const allowed = documentedProblems(operation);
    const code = document?.error?.code ?? document?.code;
    const slugs = slugOf(status, code);
    problems.add(`${operation.id} ${status}`);
    if (!slugs.some((slug) => allowed.has(slug)))
      undocumented.add(`${operation.id}: ${status} ${code ?? "without a code"}`);
    return response;
  };
  return {
    check() {
      it("answers nothing that its document does not name", () => {
        expect([...undocumented].sort()).toEqual([]);
        // Suites that provoke no problem would prove nothing here.
        expect(problems.size).toBeGreaterThan(0);
      });
    },
  };
}
