import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../utf8.ts";
import { decodeBundle, encodeBundle } from "./entry-bundle.ts";

describe("an entry bundle", () => {
  it("is 16-bit big-endian lengths and bytes, as other clients read it", () => {
    const long = new Uint8Array(258).fill(7);
    expect(encodeBundle([utf8("ab"), new Uint8Array(), long])).toEqual(
      Uint8Array.of(0, 2, 97, 98, 0, 0, 1, 2, ...long),
    );
  });

  it("gives back the entries, whatever they are", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 600 }), { minLength: 1, maxLength: 256 }), (entries) => {
        expect(decodeBundle(encodeBundle(entries))).toEqual({ ok: true, value: entries });
      }),
      { numRuns: 30 },
    );
    const largest = [new Uint8Array(65_535).fill(1)];
    expect(decodeBundle(encodeBundle(largest))).toEqual({ ok: true, value: largest });
  });

  it("is copied out of what it was read into, so that a reused buffer changes no entry", () => {
    const buffer = Buffer.from(encodeBundle([utf8("entry")]));
    const decoded = decodeBundle(buffer);
    buffer.fill(0);
    expect(decoded).toEqual({ ok: true, value: [utf8("entry")] });
  });

  it("that is cut anywhere but between entries is refused, so that a cut archive is noticed", () => {
    const bytes = encodeBundle([utf8("first"), utf8("second")]);
    for (let length = 1; length < bytes.length; length++) {
      const cut = decodeBundle(bytes.subarray(0, length));
      if (length === 7) expect(cut).toEqual({ ok: true, value: [utf8("first")] });
      else expect(cut).toEqual({ ok: false, error: { reason: "truncated" } });
    }
  });

  it("holds 1 to 256 entries of at most 65,535 bytes", () => {
    expect(() => encodeBundle([])).toThrow(RangeError);
    expect(() => encodeBundle(Array.from({ length: 257 }, () => utf8("x")))).toThrow(RangeError);
    expect(() => encodeBundle([new Uint8Array(65_536)])).toThrow(RangeError);
    expect(decodeBundle(new Uint8Array(2 * 257))).toEqual({ ok: false, error: { reason: "too_many" } });
    expect(decodeBundle(new Uint8Array(2 * 256)).ok).toBe(true);
  });
});
