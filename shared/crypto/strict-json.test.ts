import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical-json.ts";
import { parseStrictJson } from "./strict-json.ts";

const encoder = new TextEncoder();
const parse = (text: string) => parseStrictJson(encoder.encode(text));
const reason = (text: string) => {
  const parsed = parse(text);
  return parsed.ok ? "accepted" : parsed.error.reason;
};

describe("parseStrictJson", () => {
  it("reads any JSON value as the native parser does, and what it reads has a canonical form", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const expected = JSON.parse(text);
        // Lone surrogates and prototype members are refusals of their own, below.
        if (!JSON.stringify(expected).isWellFormed() || /\\ud|__proto__/i.test(text)) return;
        expect(parse(text)).toEqual({ ok: true, value: expected });
        expect(() => canonicalJson(expected)).not.toThrow();
      }),
    );
  });

  it.each([
    ['{"a":1,"a":2}', "duplicate_key"],
    ['{"a":1,"\\u0061":2}', "duplicate_key"],
    ['{"b":{"x":1},"c":[{"x":1,"y":[],"x":0}]}', "duplicate_key"],
    [`{${Array.from({ length: 40 }, (_, at) => `"k${at}":0`).join()},"k39":1}`, "duplicate_key"],
    ['{"__proto__":{"admin":true}}', "proto_key"],
    ['{"a":[{"\\u005f_proto__":1}]}', "proto_key"],
    ['{"constructor":{"prototype":{"admin":true}}}', "proto_key"],
    ['{"constr\\u0075ctor" : {"x":1,"prototyp\\u0065":1}}', "proto_key"],
    ['{"a":"\\ud800"}', "malformed"],
    ['{"a":"\\uD83D x \\ude00"}', "malformed"],
    ['["ok \\\\ud800","\\udc00"]', "malformed"],
    ["[1e999]", "malformed"],
    [`[${"9".repeat(400)}]`, "malformed"],
    ["", "malformed"],
    ["{", "malformed"],
    ["}", "malformed"],
    ['{"a"', "malformed"],
    ['"open', "malformed"],
    ['"open\\"', "malformed"],
    ["[1,]", "malformed"],
    ["[01]", "malformed"],
    ["[NaN]", "malformed"],
    ["{'a':1}", "malformed"],
    ['{"a":1}{"a":1}', "malformed"],
    ['["\n"]', "malformed"],
    ["\ufeff{}", "malformed"],
    ['{"\\x":1}', "malformed"],
    ["[1] x", "malformed"],
  ])("refuses %j", (text, expected) => {
    expect(reason(text)).toBe(expected);
  });

  it.each([
    ['{"constructor":"x","prototype":{"constructor":1}}'],
    ['{"a":"\\ud83d\\ude00","b":"\\\\ud800"}'],
    ['{"a":{"x":1},"b":{"x":1}}'],
    ['["a","a",{"a":"a"},"a"]'],
    ['{"k":"\\\\","l":"\\\\\\""}'],
    ["[1e308,-0.5E-3,true,false,null]"],
    ['"text"'],
    [" 7 "],
  ])("accepts %j, so that strictness costs no honest caller", (text) => {
    expect(parse(text)).toEqual({ ok: true, value: JSON.parse(text) });
  });

  it("refuses bytes that are not UTF-8, so that two readers never see two texts", () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0xaf, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
      [0xff, 0xfe],
    ])
      expect(parseStrictJson(Uint8Array.from(bytes))).toEqual({ ok: false, error: { reason: "not_utf8" } });
  });

  it("refuses 100,000 levels at the first one too many, so that nesting never exhausts the stack", () => {
    for (const open of ["[", '{"a":']) {
      const refused = parse(open.repeat(100_000));
      expect(refused).toEqual({ ok: false, error: { reason: "too_deep", at: 64 * open.length } });
    }
    expect(parse("[".repeat(64) + "]".repeat(64)).ok).toBe(true);
    expect(reason(`${"[".repeat(65)}${"]".repeat(65)}`)).toBe("too_deep");
  });

  it("refuses a million repeated members at the second one, and a million values above the bound", () => {
    const repeated = parse(`{${'"k":0,'.repeat(1_000_000)}"k":0}`);
    expect(repeated).toEqual({ ok: false, error: { reason: "duplicate_key", at: 7 } });
    const late = `{${Array.from({ length: 200_000 }, (_, at) => `"k${at}":0`).join()},"k199999":1}`;
    expect(reason(late)).toBe("duplicate_key");
    const bounds = { depthMax: 64, nodesMax: 1_000 };
    const many = parseStrictJson(encoder.encode(`[${"0,".repeat(1_000_000)}0]`), bounds);
    expect(many.ok ? "accepted" : many.error.reason).toBe("too_many_nodes");
    expect(parseStrictJson(encoder.encode(`[${"0,".repeat(900)}0]`), bounds).ok).toBe(true);
  });

  it("stays linear over hostile backslashes and surrogate escapes", () => {
    expect(parse(`"${"\\\\".repeat(2_000_000)}"`).ok).toBe(true);
    expect(parse(`[${'"\\ud83d\\ude00",'.repeat(200_000)}0]`).ok).toBe(true);
    expect(reason(`"${'\\"'.repeat(2_000_000)}`)).toBe("malformed");
  });
});
