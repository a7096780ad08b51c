import { describe, expect, it } from "vitest";
import { utf8 } from "../utf8.ts";
import { formatStatement, parseStatement } from "./statement.ts";

const statement = {
  subject: [{ name: "example.com/log#7", digest: { sha256: "ab".repeat(32) } }],
  predicateType: "https://example.com/evidence/v1",
  predicate: { b: [1, null, "ü"], a: { deep: true } },
};
const text = new TextDecoder().decode(formatStatement(statement));

describe("a statement", () => {
  it("is in-toto's, in canonical form", () => {
    expect(text).toBe(
      `{"_type":"https://in-toto.io/Statement/v1","predicate":{"a":{"deep":true},"b":[1,null,"ü"]},"predicateType":"https://example.com/evidence/v1","subject":[{"digest":{"sha256":"${"ab".repeat(32)}"},"name":"example.com/log#7"}]}`,
    );
    expect(parseStatement(utf8(text))).toEqual({ _type: "https://in-toto.io/Statement/v1", ...statement });
  });

  it("in other bytes is none, so that two verifiers never read two things in one signature", () => {
    const changed = [
      ` ${text}`,
      `${text}\n`,
      text.replace(":", ": "),
      text.replace('{"a"', '{"a":1,"a"'),
      text.replace("ü", "\\u00fc"),
      text.replace("[1,", "[1.0,"),
      `\ufeff${text}`,
    ];
    for (const other of changed) expect(parseStatement(utf8(other)), other).toBeNull();
    expect(parseStatement(Uint8Array.of(...utf8(text.slice(0, -1)), 0xff))).toBeNull();
  });

  it("of another shape is none", () => {
    const changed = [
      text.replace("Statement/v1", "Statement/v0.1"),
      text.replace('"name":"example.com/log#7"', '"name":""'),
      text.replace("abab", "ABab"),
      text.replace("abab", "bab"),
      text.replace('"sha256":"', '"":"'),
      text.replace(/"predicate":\{.*?\}.*?\},/, ""),
      text.replace('"b":[', '"b":[').replace(/\{"a".*?\]\}/, "[]"),
      text.replace(/"subject":\[.*\]/, '"subject":[]'),
      text.replace(/\{"sha256":"[^"]*"\}/, "{}"),
      "null",
      "[]",
      "",
      `${text.slice(0, -1)},"z":1}`,
    ];
    for (const other of changed) expect(parseStatement(utf8(other)), other).toBeNull();
  });

  it("nested without end is none, so that a verifier's stack is never the attacker's", () => {
    const nested = (depth: number) => text.replace("null", "[".repeat(depth) + "]".repeat(depth));
    expect(parseStatement(utf8(nested(40)))).not.toBeNull();
    for (const depth of [64, 100_000]) expect(parseStatement(utf8(nested(depth)))).toBeNull();
    expect(parseStatement(utf8(text.replace('"ü"', '"\\ud800"')))).toBeNull();
  });
});
