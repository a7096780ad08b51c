import { describe, expect, it } from "vitest";
import { ProblemError } from "../problem.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";

describe("a cursor", () => {
  it("gives its position back to its own list, so that pages go on where they ended", () => {
    expect(decodeCursor("keys", encodeCursor("keys", "7\ná"))).toBe("7\ná");
    expect(decodeCursor("keys", undefined)).toBeNull();
  });

  it.each(["null", "", "!", "_w", encodeCursor("budgets", "7"), "a2V5cwonullgIA", "A".repeat(600)])(
    "%j of no such list is the caller's mistake, never ours",
    (cursor) => {
      expect(() => decodeCursor("keys", cursor)).toThrow(ProblemError);
    },
  );
});
