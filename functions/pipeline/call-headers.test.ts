import { describe, expect, it } from "vitest";
import { ReadHeaders } from "./call-headers.ts";

describe("headers that are read once", () => {
  const given = new Headers([
    ["Accept", "text/plain"],
    ["X-Many", "a"],
    ["x-many", "b"],
    ["x-empty", ""],
  ]);

  it("answer as the runtime's own, so that no operation reads another call", () => {
    const read = new ReadHeaders(given);
    for (const name of ["accept", "x-many", "x-empty", "absent"]) expect(read.get(name)).toBe(given.get(name));
    expect([...read]).toEqual([...given]);
    expect([...new Headers([...read])]).toEqual([...given]);
  });
});
