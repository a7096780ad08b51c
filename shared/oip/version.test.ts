import { describe, expect, it } from "vitest";
import { isPinned, modelPath, versionOf } from "./version.ts";

describe("a model of tensors", () => {
  it.each([
    ["detector", "detector", null, "v2/models/detector"],
    ["detector@3", "detector", "3", "v2/models/detector/versions/3"],
    ["a/b@v1.2-rc", "a/b", "v1.2-rc", "v2/models/a%2Fb/versions/v1.2-rc"],
    ["a@b@4", "a@b", "4", "v2/models/a%40b/versions/4"],
    // No version: the name is as it is written.
    ["detector@", "detector@", null, "v2/models/detector%40"],
    ["@3", "@3", null, "v2/models/%403"],
    ["detector@../x", "detector@../x", null, "v2/models/detector%40..%2Fx"],
  ])("%s is asked for where its server has it, and nowhere else", (pinned, name, version, path) => {
    expect([versionOf(pinned), modelPath(pinned)]).toEqual([{ name, version }, path]);
  });

  it("is taken only from the version that was pinned, so that no other one answers in its name", () => {
    const answers = [
      { model: "m", version: "3" },
      { model: "m", version: "4" },
      { model: "m", version: null },
      { model: "n", version: "3" },
    ];
    expect(answers.map((answer) => isPinned("m@3", answer))).toEqual([true, false, true, false]);
    expect(answers.map((answer) => isPinned("m", answer))).toEqual([true, true, true, false]);
  });
});
