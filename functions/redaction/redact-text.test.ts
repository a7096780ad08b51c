import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GROWTH_MAX, growthOf } from "../../test/support/growth.ts";
import { propertyRuns } from "../../test/support/property-runs.ts";
import { charsSearched, stepsOf } from "../../test/support/search-work.ts";
import { ASSIGNED, CANARIES } from "./canaries.fixture.ts";
import { DETECTORS } from "./detectors.ts";
import { redactText } from "./redact-text.ts";

const all = Object.entries(CANARIES).flatMap(([id, values]) => values.map((value) => ({ id, value })));
/** What may stand beside a value: blanks, quotes, punctuation, line ends. */
const edge = fc.constantFrom(" ", "\n", "\t", '"', "'", "(", ")", ",", ";", "<", ">", "|", "");
const prose = fc.constantFrom("call", "or write to", "für", "the order of", "é", "👍", "is", "the");

describe("redactText", () => {
  it.each(all)("finds $id in $value, so that a provider behind our own pool never reads it", ({ id, value }) => {
    const { text, found } = redactText(`Note (${value}), thanks.`);
    expect(text).toBe(`Note ([${id}-1]), thanks.`);
    expect(found).toEqual({ [id]: 1 });
  });

  it.each(ASSIGNED)("finds the secret that its name gives away in %s", (text, secret) => {
    const redacted = redactText(text);
    expect(redacted.text).not.toContain(secret);
    expect(redacted.found).toEqual({ secret: 1 });
  });

  it("has a canary for every detector, so that none is there unproven", () => {
    const proven = new Set([...Object.keys(CANARIES), "secret"]);
    expect(DETECTORS.map(({ id }) => id).filter((id) => !proven.has(id))).toEqual([]);
  });

  it.each([
    "Order 12345 of 2026-11-18 at 12:30:59 costs 1,234.56 EUR.",
    "4111111111111112",
    "DE89370400440532013001",
    "000-12-3456",
    "std::vector and foo::bar",
    "the token is short, the password was reset",
    "basic understanding of the bearer of news",
    "version 2.14.0, task_01JD0000000000000000000000",
    "550e8400-e29b-41d4-a716-446655440000",
    "1795000000",
    "sk-learn and task-force-of-many",
  ])("leaves %s alone, so that the engine still understands the question", (text) => {
    expect(redactText(text)).toEqual({ text, found: {} });
  });

  it("gives one value one placeholder, so that references between sentences survive", () => {
    const { text, found } = redactText("a@example.com, b@example.com and again a@example.com");
    expect(text).toBe("[email-1], [email-2] and again [email-1]");
    expect(found).toEqual({ email: 3 });
  });

  it("lets no value survive among any neighbours, and finds nothing the second time", () => {
    const piece = fc.oneof(
      prose.map((text) => ({ text, canary: null })),
      fc.constantFrom(...all).map(({ value }) => ({ text: value, canary: value })),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(piece, edge, edge), { maxLength: 12 }), (pieces) => {
        const input = pieces.map(([{ text }, left, right]) => `${left} ${text} ${right}`).join("");
        const { text } = redactText(input);
        for (const [{ canary }] of pieces) if (canary !== null) expect(text).not.toContain(canary);
        expect(redactText(text)).toEqual({ text, found: {} });
      }),
      { numRuns: propertyRuns(500) },
    );
  });

  it("is idempotent on any text, so that a redacted conversation can be sent on", () => {
    const hostile = fc.string({ unit: "grapheme", maxLength: 200 });
    const soup = fc
      .array(fc.constantFrom(..."@.:=-+ 01449%[]\"'/\\", "password", "sk-", "eyJ", "data:", ";base64,", "a", "DE89"))
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(hostile, soup), (input) => {
        const { text } = redactText(input);
        expect(redactText(text)).toEqual({ text, found: {} });
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });
});

describe("hostile text", () => {
  it.each([
    "a",
    "a.",
    "a@",
    "a@b.",
    "a%40",
    "1",
    "1 ",
    "4111 ",
    "0",
    "+1",
    "eyJ",
    "eyJaaaaaa.",
    "sk-",
    "bw_",
    "password=",
    'password="',
    "secret='a\"",
    "token: ",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN A ",
    "data:",
    "data:;base64,",
    "bearer ",
    "://a:",
    "fe80:",
    "1.1.",
    "DE89 ",
    "ssn",
    "[email-1]",
    "[",
    " ",
    "\n",
    "é",
    "👍",
  ])("of repeated %j is searched in linear time, so that no request stops the cell", (unit) => {
    const work = (chars: number) => () => void redactText(unit.repeat(Math.ceil(chars / unit.length)));
    expect(growthOf((chars) => stepsOf(work(chars)), 4_096)).toBeLessThan(GROWTH_MAX);
    expect(growthOf((chars) => charsSearched(work(chars)), 131_072)).toBeLessThan(GROWTH_MAX);
  });
});
