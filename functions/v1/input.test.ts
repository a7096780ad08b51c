import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ProblemError } from "../problem.ts";
import { parseInput } from "./input.ts";

const Body = z.strictObject({ tools: z.array(z.strictObject({ type: z.enum(["function"]) })), n: z.number().int() });

function refusal(input: unknown): ProblemError {
  try {
    parseInput(Body, input, "body");
  } catch (thrown) {
    if (thrown instanceof ProblemError) return thrown;
    throw thrown;
  }
  throw new Error("it was taken");
}

describe("input that its schema refuses", () => {
  it("is named as OpenAI's API names it, so that who reads `param` finds the member", () => {
    const { slug, extensions } = refusal({ tools: [{ type: "function" }, { type: "web" }], n: 1 });
    expect([slug, extensions.param]).toEqual(["invalid-request", "tools[1].type"]);
    expect(extensions.detail).toMatch(/^body tools\[1\]\.type: /);
  });

  it("has every issue listed, the first one leading, and no name where the whole is wrong", () => {
    const several = refusal({ tools: "none", n: 0.5 });
    expect(several.extensions.members?.errors).toMatchObject([{ param: "tools" }, { param: "n" }]);
    expect(several.extensions.param).toBe("tools");
    expect(refusal([]).extensions.param).toBeUndefined();
  });
});
