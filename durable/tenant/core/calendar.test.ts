import { describe, expect, it } from "vitest";
import { dayOf, dayText, parseDay, spanEndMs, spansAt } from "./calendar.ts";

const at = (text: string): number => Date.parse(text);

describe("a UTC day", () => {
  it("begins at midnight and is read as it is written, also on the last of February", () => {
    for (const text of ["1970-01-01", "2026-11-21", "2026-12-31", "2028-02-29"]) {
      expect(dayText(parseDay(text))).toBe(text);
      expect([`${text}T00:00:00.000Z`, `${text}T23:59:59.999Z`].map((ms) => dayOf(at(ms)))).toEqual([
        parseDay(text),
        parseDay(text),
      ]);
    }
  });

  it("is nothing else: text that names none is refused, and never counted to another one", () => {
    for (const text of ["", "2026", "2026-1-1", "2026-13-01", "2026-02-30", "2027-02-29", "2026-11-21T00:00:00Z", "x"])
      expect(() => parseDay(text), text).toThrow("not a UTC day");
  });
});

describe("a budget's period", () => {
  it("ends where the next one begins, over the ends of months and years", () => {
    for (const [now, day, month] of [
      ["2026-11-21T12:00:00.000Z", "2026-11-22", "2026-12-01"],
      ["2026-11-30T23:59:59.999Z", "2026-12-01", "2026-12-01"],
      ["2026-12-01T00:00:00.000Z", "2026-12-02", "2027-01-01"],
      ["2026-12-31T23:59:59.999Z", "2027-01-01", "2027-01-01"],
      ["2028-02-28T00:00:00.000Z", "2028-02-29", "2028-03-01"],
    ] as const) {
      expect([spanEndMs("day", at(now)), spanEndMs("month", at(now)), spanEndMs("total", at(now))]).toEqual([
        at(`${day}T00:00:00.000Z`),
        at(`${month}T00:00:00.000Z`),
        null,
      ]);
      for (const kind of ["day", "month"] as const) {
        const endMs = spanEndMs(kind, at(now)) ?? 0;
        expect(spansAt(endMs - 1)[kind]).toBe(spansAt(at(now))[kind]);
        expect(spansAt(endMs)[kind]).toBe(spansAt(at(now))[kind] + 1);
      }
    }
  });

  it("of one kind is never one of another, so that a budget may change its period without owing what it spent before", () => {
    const years = Array.from({ length: 130 }, (_, n) => spansAt(Date.UTC(1970 + n, n % 12, 1)));
    const [days, months] = [years.map(({ day }) => day), years.map(({ month }) => month)];
    expect(Math.max(...days)).toBeLessThan(Math.min(...months));
    expect(Math.min(...days)).toBeGreaterThan(0);
    expect(new Set(years.map(({ total }) => total))).toEqual(new Set([0]));
  });
});
