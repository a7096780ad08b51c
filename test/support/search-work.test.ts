import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DETECTORS } from "../../functions/redaction/detectors.ts";
import { partialPattern } from "../../functions/redaction/partial-pattern.ts";
import { compilePattern } from "./pattern-code.ts";
import { charsSearched, stepsOf } from "./search-work.ts";

const { exec } = RegExp.prototype;
const SYNTAX = [
  ...[/a|ab|abc/g, /(?:a|b)*?c/g, /a{2,3}b{2}c{1,}/g, /^a.c$/g, /(a|b)\1+/g, /(?<=(a|b)c)\1/g, /(?<!a{1,2})b/g],
  ...[/a(?=b|$)/g, /a(?!b|$)/g, /(?:a?|b)*c/g, /[^\W\d]+/gi, /\u{1f44d}?[\p{L}]/gu, /b+/y, /(?:a|(?:b|$))+/g],
].filter(({ source }) => !source.includes("\\u{"));
const hostile = fc.array(fc.constantFrom(..."aabbcC01 @.:=-\n", "👍", "\ud83d", "é", "ssn", "token", '"'), {
  maxLength: 40,
});

function all(pattern: RegExp, text: string): void {
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    if (match[0] === "") pattern.lastIndex++;
  }
}

describe("stepsOf", () => {
  it("finds what the engine finds, so that what it counts is the engine's work", () => {
    const patterns = [...SYNTAX, ...DETECTORS.flatMap(({ pattern }) => [pattern, partialPattern(pattern)])];
    fc.assert(
      fc.property(hostile, (parts) => {
        for (const pattern of patterns) expect(stepsOf(() => all(pattern, parts.join("")))).toBeGreaterThan(0);
      }),
    );
  });

  it("counts the same every time", () => {
    const work = () => all(/(?:a|b)+c/g, "abababab");
    expect(stepsOf(work)).toBe(stepsOf(work));
  });

  it.each([/\ba/, /(?<name>a)/, /a(?i:b)/])(
    "refuses %s, whose steps it does not know, rather than to count wrongly",
    (pattern) => {
      expect(() => compilePattern(pattern)).toThrow(/pattern|syntax/);
    },
  );

  it("leaves the engine as it was, also behind work that throws", () => {
    expect(() =>
      stepsOf(() => {
        throw new Error("of the work");
      }),
    ).toThrow("of the work");
    expect(RegExp.prototype.exec).toBe(exec);
  });
});

describe("charsSearched", () => {
  it("counts from where a search began to the end of what it found, or of the text", () => {
    expect(charsSearched(() => all(/b/g, "aabaa"))).toBe(4 + 3);
  });
});
