import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeValue, encodeValue, WireUnreadable } from "./wire-value.ts";

const again = (value: unknown) => decodeValue(encodeValue(value));

/** What ports carry: no member is undefined, and no bytes are shared. */
const carried = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: "binary" }),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.bigInt(),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(fc.oneof(tie("value"), fc.constant(undefined)), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("$", "of", "__proto__", "constructor")), tie("value"), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
    fc.array(fc.tuple(fc.string(), tie("value")), { maxLength: 3 }).map((entries) => new Map(entries)),
  ),
})).value;

describe("values between an edge and its objects", () => {
  it("arrive as they were sent, so that a store answers an edge what it answers its own process", () => {
    fc.assert(
      fc.property(carried, (value) => {
        expect(again(value)).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it("keep the kinds that JSON would change without a word", () => {
    const value = [new Uint8Array([0, 255]), 2n ** 70n, -0, Number.NaN, Infinity, undefined, new Date(5), new Set([1])];
    const got = again(value) as unknown[]; // safe because: a list was sent
    expect(got).toEqual(value);
    expect(Object.is(got[2], -0)).toBe(true);
    expect(got[0]).toBeInstanceOf(Uint8Array);
  });

  it("take a member that is undefined for one that is absent", () => {
    expect(again({ a: undefined, b: new Uint8Array([1]) })).toEqual({ b: new Uint8Array([1]) });
    expect(Object.keys(again({ a: undefined, b: 1 }) as object)).toEqual(["b"]); // safe because: an object was sent
  });

  it("cannot reach a prototype, whatever a member is called", () => {
    const hostile = JSON.parse('{"__proto__": {"polluted": true}, "bytes": null}');
    hostile.bytes = new Uint8Array([1]);
    const got = again(hostile) as Record<string, unknown>; // safe because: an object was sent
    expect(got.polluted).toBeUndefined();
    expect(Object.hasOwn(got, "__proto__")).toBe(true);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined(); // safe because: any member may be asked for
  });

  it("that are no data are refused at the sender, not lost on the way", () => {
    expect(() => encodeValue({ run: () => 1 })).toThrow(TypeError);
    expect(() => encodeValue(new (class Thing {})())).toThrow(TypeError);
  });

  it("that were cut or altered are unreadable, never another value", () => {
    const bytes = encodeValue({ sealed: new Uint8Array(20).fill(7), name: "n" });
    for (const cut of [0, 3, 10, bytes.length - 21, bytes.length - 1])
      expect(() => decodeValue(bytes.subarray(0, cut))).toThrow(WireUnreadable);
    const nested = encodeValue("[".repeat(1));
    expect(decodeValue(nested)).toBe("[");
    const text = new TextEncoder().encode('{"$":"bytes","of":9}');
    const missing = new Uint8Array(4 + text.length);
    new DataView(missing.buffer).setUint32(0, text.length);
    missing.set(text, 4);
    expect(() => decodeValue(missing)).toThrow(WireUnreadable);
  });
});
