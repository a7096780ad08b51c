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

  it("is named inside what may have several forms, by the form that it comes closest to", () => {
    const Input = z.strictObject({ input: z.union([z.string(), z.array(z.looseObject({ role: z.string() }))]) });
    const param = (input: unknown): string | undefined => {
      try {
        parseInput(Input, { input }, "body");
      } catch (thrown) {
        return thrown instanceof ProblemError ? thrown.extensions.param : "other";
      }
      return "taken";
    };
    expect([param([{ role: "user" }, { role: 1 }]), param(5), param("a")]).toEqual(["input[1].role", "input", "taken"]);
  });

  it("has every issue listed, the first one leading, and no name where the whole is wrong", () => {
    const several = refusal({ tools: "none", n: 0.5 });
    expect(several.extensions.members?.errors).toMatchObject([{ param: "tools" }, { param: "n" }]);
    expect(several.extensions.param).toBe("tools");
    expect(refusal([]).extensions.param).toBeUndefined();
  });
});
