import { describe, expect, it } from "vitest";
import { copied } from "./copied.ts";

describe("what crosses from one simulated process to another", () => {
  it("is what structuredClone makes of it, so that nothing crosses that a network could not carry", () => {
    const view = new Uint8Array([9, 1, 2, 9]).subarray(1, 3);
    for (const value of [
      null,
      undefined,
      7n,
      "text",
      { a: [1, { b: undefined }, null], view, at: new Date(5) },
      new Map([["a", new Set([1])]]),
      [new Error("as it was")],
    ])
      expect(copied(value)).toEqual(structuredClone(value));
  });

  it("shares nothing with what was sent, so that no process sees what another one changes", () => {
    const sent = { list: [{ deep: 1 }], bytes: new Uint8Array([1, 2]) };
    const arrived = copied(sent);
    const [item] = sent.list;
    if (item) item.deep = 2;
    sent.bytes[0] = 7;
    expect(arrived).toEqual({ list: [{ deep: 1 }], bytes: new Uint8Array([1, 2]) });
    expect(copied(new Uint8Array([9, 1, 2]).subarray(1)).buffer.byteLength).toBe(2);
  });

  it("throws for what cannot cross", () => {
    expect(() => copied({ call: () => 1 })).toThrow("could not be cloned");
    expect(() => copied([Symbol("s")])).toThrow();
  });
});
