import { describe, expect, it } from "vitest";
import { parseTracestate } from "./tracestate.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const parsed = (tracestate: string | null, traceparent: string | null = TRACEPARENT) =>
  parseTracestate({ get: (name) => (name === "tracestate" ? tracestate : traceparent) });
const members = (count: number) => Array.from({ length: count }, (_, n) => `k${n}=v`);

describe("tracestate", () => {
  it.each([
    ["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"],
    ["fw529a3039@dt=FfhhF*~1/;:x y!"],
    ["4bc_a-b*c/d=1"],
    [members(32).join(",")],
    [`k=${"v".repeat(256)}`],
  ])("goes on as it came, so that no other tracer's trace is cut at the cell: %s", (text) => {
    expect(parsed(text)).toBe(text);
  });

  it("loses the empty members and the space between members that the format allows", () => {
    expect(parsed("a=1 ,\t b=2,, ,c=3")).toBe("a=1,b=2,c=3");
  });

  it.each<[string, string | null]>([
    ["absent", null],
    ["empty", " , "],
    ["33 members", members(33).join(",")],
    ["more than 512 characters", `k=${"v".repeat(200)},l=${"v".repeat(200)},m=${"v".repeat(110)}`],
    ["a key twice", "a=1,b=2,a=3"],
    ["no value", "a="],
    ["no key", "=1"],
    ["no equals sign", "a"],
    ["a second equals sign", "a=1=2"],
    ["an upper-case key", "A=1"],
    ["a key that is too long", `${"k".repeat(257)}=1`],
    ["a value that is too long", `k=${"v".repeat(257)}`],
    ["a control character", "a=1\u0000"],
    ["a letter beyond ASCII", "a=é"],
  ])("is dropped whole when it is %s, so that nothing malformed reaches an engine", (_what, text) => {
    expect(parsed(text)).toBeNull();
  });

  it("is dropped without a well-formed traceparent, because it then belongs to no trace", () => {
    expect(parsed("a=1", null)).toBeNull();
    expect(parsed("a=1", TRACEPARENT.toUpperCase())).toBeNull();
  });
});
