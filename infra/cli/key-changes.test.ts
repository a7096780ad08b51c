import { describe, expect, it } from "vitest";
import { inForceAt } from "../../functions/adapters/signer/key-document.ts";
import { ms, pairOf } from "../../functions/adapters/signer/key-pairs.fixture.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { Refused } from "./command.ts";
import { forgotten, retired, revoked, rotated } from "./key-changes.ts";

const now = ms("2026-11-15T00:00:00Z");
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (offset: number) => (now + offset) as UnixMs; // safe because: a time in ms
const ids = (pairs: readonly { id: string }[]) => pairs.map(({ id }) => id);

describe("a rotation", () => {
  it("lets both pairs sign for the overlap and the new one alone afterwards, so that no signature is missed", () => {
    const [fresh, old, ...more] = rotated([pairOf(1)], now, 7 * DAY);
    if (!fresh || !old) throw new Error("two pairs");
    expect(more).toEqual([]);
    expect(old).toEqual(pairOf(1, { notAfterMs: at(7 * DAY) }));
    expect(fresh).toMatchObject({ notBeforeMs: now, notAfterMs: null, revoked: null });
    expect(ids(inForceAt([fresh, old], now))).toEqual([fresh.id, old.id]);
    expect(ids(inForceAt([fresh, old], now + 7 * DAY - 1))).toEqual([fresh.id, old.id]);
    expect(ids(inForceAt([fresh, old], now + 7 * DAY))).toEqual([fresh.id]);
  });

  it("makes another key each time", () => {
    const [a, b] = [rotated([], now, DAY)[0], rotated([], now, DAY)[0]];
    expect(a?.ed25519Seed).not.toEqual(b?.ed25519Seed);
    expect(a?.ed25519Seed).not.toEqual(a?.mlDsa65Seed);
    expect(a?.id).not.toBe(b?.id);
  });

  it("never prolongs a pair, and leaves those alone that do not sign", () => {
    const others = [
      pairOf(1, { notAfterMs: at(HOUR) }),
      pairOf(2, { notAfterMs: now }),
      pairOf(3, { notBeforeMs: at(DAY) }),
      pairOf(4, { revoked: { at_ms: now, reason: "retired" } }),
    ];
    expect(rotated(others, now, 7 * DAY).slice(1)).toEqual(others);
  });
});

describe("an end", () => {
  const second = pairOf(2, { notBeforeMs: at(-HOUR) });
  it("by retirement leaves what was signed good, and needs another pair that covers what waits", () => {
    const first = pairOf(1);
    expect(retired([first, second], first, now)).toEqual([pairOf(1, { notAfterMs: now }), second]);
    for (const others of [[], [pairOf(2, { notBeforeMs: at(1 - HOUR) })], [pairOf(2, { notAfterMs: now })]])
      expect(() => retired([first, ...others], first, now)).toThrow(Refused);
    const ended = pairOf(3, { notAfterMs: now });
    expect(() => retired([ended, second], ended, now)).toThrow("not in force");
  });

  it("by revocation is never taken back, and only ever called worse", () => {
    const first = pairOf(1);
    const [superseded] = revoked([first], first, now, "superseded");
    expect(superseded?.revoked).toEqual({ at_ms: now, reason: "superseded" });
    if (!superseded) throw new Error("one pair");
    expect(() => revoked([superseded], superseded, at(1), "retired")).toThrow(Refused);
    const [compromised] = revoked([superseded], superseded, at(1), "compromised");
    expect(compromised?.revoked).toEqual({ at_ms: now + 1, reason: "compromised" });
    if (!compromised) throw new Error("one pair");
    expect(() => revoked([compromised], compromised, at(2), "superseded")).toThrow(Refused);
  });

  it("comes before forgetting, so that no key that signs disappears from the published list", () => {
    const ended = pairOf(1, { notAfterMs: now });
    expect(forgotten([ended, second], ended, now)).toEqual([second]);
    expect(() => forgotten([ended, second], second, now)).toThrow("has not ended");
    expect(() => forgotten([ended], ended, now)).toThrow("only pair");
  });
});
