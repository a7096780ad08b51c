import { describe, expect, it } from "vitest";
import { respondWith } from "./respond-with.ts";

describe("an answer", () => {
  it("has exactly the headers that were given, the last of each name, so that no default of the runtime gets out", async () => {
    const answer = respondWith("a", 201, { "content-type": "text/csv", "x-a": "1" }, { "x-a": "2", "x-b": "3" });
    expect([answer.status, await answer.text()]).toEqual([201, "a"]);
    expect([...answer.headers]).toEqual([
      ["content-type", "text/csv"],
      ["x-a", "2"],
      ["x-b", "3"],
    ]);
    expect([...respondWith(null, 204, { "x-a": "1" }).headers]).toEqual([["x-a", "1"]]);
  });

  it("is not made with a value that would begin another header", () => {
    expect(() => respondWith(null, 200, { "x-a": "1\r\nx-b: 2" })).toThrow(TypeError);
  });
});
