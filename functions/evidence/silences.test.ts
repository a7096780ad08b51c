import fc from "fast-check";
import { expect, it } from "vitest";
import { type Silence, Silences } from "./silences.ts";

const HOUR = 3_600_000;
const DAY = Date.UTC(2026, 10, 21);
const at = (hours: number) => DAY + hours * HOUR;
const iso = (hours: number) => new Date(at(hours)).toISOString();

function silencesOf(from: number, to: number, entries: readonly [number, number][]): Silence[] {
  const silences = new Silences(at(from), at(to));
  for (const [index, hours] of entries) silences.entry(index, at(hours));
  return silences.end();
}

it("tells a period without any entry as one silence, so that nothing happened is said and not left out", () => {
  expect(silencesOf(0, 24, [])).toEqual([{ from: iso(0), to: iso(24), after: null, before: null }]);
});

it("cuts silences at the borders and names the entries around them", () => {
  const entries: [number, number][] = [
    [4, -3],
    [5, 2],
    [6, 2.9],
    [7, 4],
    [8, 30],
  ];
  expect(silencesOf(0, 24, entries)).toEqual([
    { from: iso(0), to: iso(2), after: 4, before: 5 },
    { from: iso(2.9), to: iso(4), after: 6, before: 7 },
    { from: iso(4), to: iso(24), after: 7, before: 8 },
  ]);
});

it("tells what lies between the last entry of the log and the end of the period", () => {
  expect(silencesOf(0, 24, [[0, 1]])).toEqual([
    { from: iso(0), to: iso(1), after: null, before: 0 },
    { from: iso(1), to: iso(24), after: 0, before: null },
  ]);
});

it("counts an hour as a silence and a millisecond less as none", () => {
  expect(silencesOf(0, 1, [])).toHaveLength(1);
  const silences = new Silences(at(0), at(1) - 1);
  expect(silences.end()).toEqual([]);
});

it("leaves no hour of a period both without an entry and without a silence, whatever was written", () => {
  const times = fc.array(fc.integer({ min: -2 * HOUR, max: 30 * HOUR }), { maxLength: 12 });
  fc.assert(
    fc.property(times, (offsets) => {
      const sorted = [...offsets].sort((a, b) => a - b);
      const silences = new Silences(at(0), at(24));
      sorted.forEach((ms, index) => {
        silences.entry(index, DAY + ms);
      });
      const covered = silences.end().map(({ from, to }) => [Date.parse(from), Date.parse(to)] as const);
      const inside = sorted.map((ms) => DAY + ms);
      for (let start = at(0); start + HOUR <= at(24); start += HOUR / 4) {
        const quiet = !inside.some((ms) => ms > start && ms < start + HOUR);
        const told = covered.some(([from, to]) => from <= start && start + HOUR <= to);
        expect(told).toBe(quiet);
      }
    }),
  );
});
