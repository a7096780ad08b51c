import { describe, expect, it } from "vitest";
import { OPERATIONS } from "./v1/index.ts";

/** Whether a pattern of OpenAPI takes this path too. */
const takes = (pattern: string, path: string, tail: boolean): boolean => {
  const each = pattern.replace(/[.*+?^$()|[\]\\]/g, "\\$&").split(/\{\w+\}/);
  const last = tail ? ".+" : "[^/]+";
  return new RegExp(`^${each.slice(0, -1).join("[^/]+")}${each.length > 1 ? last : ""}${each.at(-1)}$`).test(path);
};

describe("a path without parameters", () => {
  it("is taken by no pattern before it, so that looking it up at once finds the operation that routing would", () => {
    const patterns = OPERATIONS.flatMap((operation) =>
      [operation.path, ...(operation.aliases ?? [])].map((path) => ({
        path,
        tail: operation.tail === true,
        operation,
      })),
    );
    const exact = patterns.filter(({ path }) => !path.includes("{"));
    expect(exact.length).toBeGreaterThan(20);
    const shadowed = exact.flatMap(({ path, operation }) =>
      patterns
        .filter((other) => OPERATIONS.indexOf(other.operation) < OPERATIONS.indexOf(operation))
        .filter((other) => other.path !== path && other.operation.method === operation.method)
        .filter((other) => takes(other.path, path, other.tail))
        .map((other) => `${operation.method} ${path} by ${other.path}`),
    );
    expect(shadowed).toEqual([]);
    expect(takes("/v1/models/{id}", "/v1/models/a", false)).toBe(true);
  });
});
