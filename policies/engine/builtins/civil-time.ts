import { type ZoneOffset, zoneOffset } from "./time-zone.ts";

/** A date and time of day; months from 1, weekdays from Sunday 0. */
export interface CivilTime {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  nanosecond: number;
  weekday: number;
  yearDay: number;
  offset: ZoneOffset;
}

export const SECOND_NS = 1_000_000_000n;
const DAY_S = 86_400;
export const UTC: ZoneOffset = { seconds: 0, name: "UTC" };
const floorDivide = (a: bigint, b: bigint): bigint => (a - (((a % b) + b) % b)) / b;

/** Days since 1970-01-01 of a date in the proleptic Gregorian calendar; month and day may lie outside their ranges. */
export function daysOf(year: number, month: number, day: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return Math.round(date.getTime() / (DAY_S * 1000));
}

export const daysInMonth = (year: number, month: number): number => daysOf(year, month + 1, 1) - daysOf(year, month, 1);

/** The clock on the wall in a zone at an instant; undefined for an unknown zone. */
export function civilTime(unixNs: bigint, zone: string): CivilTime | undefined {
  const seconds = Number(floorDivide(unixNs, SECOND_NS));
  const offset = zone === "" || zone === "UTC" || zone === "Local" ? UTC : zoneOffset(zone, seconds);
  if (offset === undefined) return undefined;
  const local = seconds + offset.seconds;
  const date = new Date(local * 1000);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  return {
    year,
    month,
    day,
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    nanosecond: Number(unixNs - floorDivide(unixNs, SECOND_NS) * SECOND_NS),
    weekday: date.getUTCDay(),
    yearDay: daysOf(year, month, day) - daysOf(year, 1, 1) + 1,
    offset,
  };
}

/** The instant at which a zone's clocks show these seconds since 1970; in a gap or overlap Go takes the earlier offset's. */
export function instantOf(localSeconds: number, zone: string): number | undefined {
  if (zone === "" || zone === "UTC" || zone === "Local") return localSeconds;
  const before = zoneOffset(zone, localSeconds);
  if (before === undefined) return undefined;
  const guess = localSeconds - before.seconds;
  const after = zoneOffset(zone, guess);
  if (after === undefined || after.seconds === before.seconds) return guess;
  const second = localSeconds - after.seconds;
  return zoneOffset(zone, second)?.seconds === after.seconds ? second : guess;
}
