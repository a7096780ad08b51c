import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonValue } from "../contracts/json.ts";
import { canonicalJson } from "./canonical-json.ts";

const vectors = new URL("../../../shared/vectors/jcs/cases.json.gz", import.meta.url);
const present = existsSync(vectors);
if (!present) console.warn("skipped: the RFC 8785 vectors are not on this machine");

describe("canonicalJson", () => {
  it.skipIf(!present)("gives the RFC's own texts, so that other implementations verify our ledger", () => {
    const cases: Record<string, { input: string; output: string }> = JSON.parse(
      gunzipSync(readFileSync(vectors)).toString("utf8"),
    );
    expect(Object.keys(cases).length).toBeGreaterThan(0);
    for (const [name, { input, output }] of Object.entries(cases))
      expect(canonicalJson(JSON.parse(input)), name).toBe(output);
  });

  it("writes numbers in ECMAScript form, so that 1.0 and 1 commit to the same bytes", () => {
    expect(canonicalJson([1.0, -0, 1e21, 1e-7, 0.1 + 0.2, 5e-324, 9007199254740992])).toBe(
      "[1,0,1e+21,1e-7,0.30000000000000004,5e-324,9007199254740992]",
    );
  });

  it("refuses what JSON cannot carry, so that no two values share a commitment", () => {
    // safe because: values past the type are exactly what this case is about.
    const outside = [Number.NaN, Infinity, -Infinity, "\ud800", { "\udc00": 1 }, { a: undefined }, 1n] as JsonValue[];
    for (const value of outside) expect(() => canonicalJson(value)).toThrow(TypeError);
    expect(() => canonicalJson(`${"a".repeat(300)}\ud800`)).toThrow(TypeError);
  });

  it("does not depend on member order and round-trips, for any JSON value", () => {
    const shuffled = (value: JsonValue): JsonValue => {
      if (Array.isArray(value)) return value.map(shuffled);
      if (value === null || typeof value !== "object") return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, member]) => [key, shuffled(member)]),
      );
    };
    fc.assert(
      fc.property(fc.jsonValue(), (raw) => {
        // safe because: fast-check's `jsonValue` makes JSON values.
        const value = raw as JsonValue;
        const text = canonicalJson(value);
        expect(canonicalJson(shuffled(value))).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
  });

  it("keeps an own `__proto__` member, so that it cannot vanish from a fingerprint", () => {
    expect(canonicalJson(JSON.parse('{"b":1,"__proto__":{"x":1}}'))).toBe('{"__proto__":{"x":1},"b":1}');
  });
});
