import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { GROWTH_MAX, growthOf } from "../../test/support/growth.ts";
import { propertyRuns } from "../../test/support/property-runs.ts";
import { charsSearched, stepsOf } from "../../test/support/search-work.ts";
import { ASSIGNED, CANARIES } from "./canaries.fixture.ts";
import { DETECTORS } from "./detectors.ts";
import { mayContinue } from "./may-continue.ts";
import { Redactor, redactText } from "./redact-text.ts";
import { redactWhole, TextStream } from "./text-stream.ts";

const canaries = Object.values(CANARIES).flat();
const secrets = [...canaries.map((value) => [value, value] as const), ...ASSIGNED];
const prose = fc.constantFrom(
  "call",
  "or write to",
  "für",
  "the order of 12",
  "é",
  "👍",
  "is",
  "the",
  "次の",
  "a-b",
  "7",
);
const edge = fc.constantFrom(" ", "\n", "\t", '"', "'", "(", ")", ",", ";", "<", ">", "|", "", ". ");
const planted = fc
  .array(
    fc.tuple(
      fc.oneof(
        prose.map((text) => [text, null] as const),
        fc.constantFrom(...secrets),
      ),
      edge,
      edge,
    ),
    { maxLength: 12 },
  )
  .map((pieces) => ({
    text: pieces.map(([[text], left, right]) => `${left} ${text} ${right}`).join(""),
    secrets: pieces.map(([[, secret]]) => secret).filter((secret) => secret !== null),
  }));
const soup = fc
  .array(
    fc.constantFrom(..."@.:=-+ 01449%[]\"'/\\\n", "password", "sk-", "eyJ", "data:", ";base64,", "a", "DE89", "ssn"),
  )
  .map((parts) => parts.join(""));
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 });

/** The text in pieces of the sizes given, over and over. */
function* pieces(text: string, of: readonly number[]): Generator<string> {
  for (let at = 0, i = 0; at < text.length; i++) {
    const size = of[i % of.length] ?? 1;
    yield text.slice(at, at + size);
    at += size;
  }
}
function streamed(text: string, of: readonly number[], seen: (shown: string) => void = () => {}): string {
  const stream = new TextStream(new Redactor());
  let shown = "";
  for (const piece of pieces(text, of)) {
    shown += stream.push(piece);
    seen(shown);
  }
  return shown + stream.end();
}
/** Numbers follow the order in which values are met, which differs between a whole text and its parts. */
const unnumbered = (text: string): string => text.replace(/\[([a-z-]+)-\d+\]/g, "[$1]");

describe("a text in pieces", () => {
  it("comes out as the whole text would, however it was cut, and shows no secret at any moment", () => {
    fc.assert(
      fc.property(planted, sizes, ({ text, secrets }, of) => {
        const shown = streamed(text, of, (prefix) => {
          for (const secret of secrets) expect(prefix).not.toContain(secret);
        });
        expect(shown).toBe(redactWhole(new Redactor(), text));
        expect(unnumbered(shown)).toBe(unnumbered(redactText(text).text));
        for (const secret of secrets) expect(shown).not.toContain(secret);
      }),
      { numRuns: propertyRuns(500) },
    );
  });

  it("is redacted alike one character at a time, at every border of each value", () => {
    for (const [text] of secrets) {
      const whole = `See ${text} there. And again: ${text}`;
      for (let cut = 0; cut <= whole.length; cut++)
        expect(streamed(whole, [Math.max(1, cut), whole.length])).toBe(redactWhole(new Redactor(), whole));
      expect(streamed(whole, [1])).toBe(redactWhole(new Redactor(), whole));
    }
  });

  it("made to confuse comes out as the whole text would, so that no order of characters opens a gap", () => {
    fc.assert(
      fc.property(fc.oneof(soup, fc.string({ unit: "grapheme", maxLength: 200 })), sizes, (text, of) => {
        const whole = redactWhole(new Redactor(), text);
        expect(streamed(text, of)).toBe(whole);
        expect(redactText(whole).found).toEqual({});
      }),
      { numRuns: propertyRuns(3_000) },
    );
  });

  it("counts each find once", () => {
    const redactor = new Redactor();
    const stream = new TextStream(redactor);
    for (const piece of pieces("a@example.com, b@example.com and again a@example.com.", [3])) stream.push(piece);
    stream.end();
    expect(redactor.found).toEqual({ email: 3 });
  });
});

describe("what is held back", () => {
  it("is a word or two of prose, so that a reader sees the answer as it is written", () => {
    const text =
      "Jurisdiction is the power of a court or state over persons and things. It follows territory, but contracts may " +
      "choose another one, and in 2024 more than 190 states had their own rules; most of them are (by now) published.";
    const stream = new TextStream(new Redactor());
    let held = 0;
    let shown = 0;
    for (let i = 0; i < text.length; i++) {
      shown += stream.push(text.charAt(i)).length;
      held = Math.max(held, i + 1 - shown);
    }
    expect(held).toBeLessThan(24);
  });

  it("stays bounded by a find without an end, which goes as one placeholder", () => {
    const stream = new TextStream(new Redactor());
    const body = "MIIEowIBAAKCAQEA7bq98hG4/".repeat(40);
    let shown = stream.push("key: -----BEGIN PRIVATE KEY-----\n");
    for (let i = 0; i < 100; i++) shown += stream.push(`${body}\n`);
    shown += stream.push("-----END PRIVATE KEY-----\n");
    for (let i = 0; i < 50; i++) shown += stream.push("That was it, thanks.");
    shown += stream.end();
    expect(shown).not.toContain("MIIE");
    expect(shown).toContain("[withheld-1]");
    expect(shown.endsWith("That was it, thanks.")).toBe(true);
    expect(shown.length).toBeGreaterThan(600);
  });

  it.each([[1], [7], [4_096], [200_000]])("is cut at the same places with pieces of %i characters", (size) => {
    const long = `token: ${"ab1".repeat(LIMITS.redactionHoldCharsMax)} and "password": "${"x ".repeat(9_000)}" ok`;
    expect(streamed(long, [size])).toBe(redactWhole(new Redactor(), long));
    expect(redactWhole(new Redactor(), long)).not.toContain("ab1");
  });

  it.each(DETECTORS.map((detector) => [detector.id, detector] as const))(
    "by %s goes on through all of its values, so that none is shown in halves",
    (id, detector) => {
      for (const value of CANARIES[id] ?? []) {
        detector.pattern.lastIndex = 0;
        if (!detector.pattern.test(value)) continue;
        for (const border of value.matchAll(/[\s"'()/;@]/g))
          expect(mayContinue(detector, value.slice(0, border.index + 1))).toBe(true);
      }
    },
  );
});

describe("hostile streams", () => {
  it.each([
    "a ",
    "1 ",
    'password="x ',
    "password=a&",
    "eyJaaaaaa. ",
    "data:; ",
    "ssn ",
    "DE89 ",
    "( ",
    "://a:@",
    "token: ",
  ])("of repeated %j are redacted in linear time, so that no answer stops the cell", (unit) => {
    const text = (chars: number) => unit.repeat(Math.ceil(chars / unit.length));
    const watched = (chars: number) => () => {
      for (const detector of DETECTORS) mayContinue(detector, text(chars));
    };
    expect(growthOf((chars) => stepsOf(watched(chars)), 4_096)).toBeLessThan(GROWTH_MAX);
    // In a half of it, too, as much is held as may be.
    const streamed = (chars: number) => () => void redactWhole(new Redactor(), text(chars));
    expect(growthOf((chars) => charsSearched(streamed(chars)), 4 * LIMITS.redactionHoldCharsMax)).toBeLessThan(
      GROWTH_MAX,
    );
  });
});
