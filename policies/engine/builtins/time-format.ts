import type { CivilTime } from "./civil-time.ts";
import { type Element, MONTHS, parseLayout, WEEKDAYS } from "./time-layout.ts";

const two = (value: number): string => String(value).padStart(2, "0");
const space = (value: number, width: number): string => String(value).padStart(width, " ");
const half = ({ hour }: CivilTime): string => (hour >= 12 ? "PM" : "AM");
const hour12 = ({ hour }: CivilTime): number => hour % 12 || 12;
const yearText = ({ year }: CivilTime): string =>
  year < 0 ? `-${String(-year).padStart(4, "0")}` : String(year).padStart(4, "0");

/** `Z` for no offset where the layout says so; colons and seconds as it has them. */
function offsetText(
  time: CivilTime,
  { z, colon, minutes, seconds }: { z: boolean; colon: string; minutes: boolean; seconds: boolean },
): string {
  const total = time.offset.seconds;
  if (z && total === 0) return "Z";
  const magnitude = Math.abs(total);
  const parts = [two(Math.floor(magnitude / 3600))];
  if (minutes) parts.push(two(Math.floor(magnitude / 60) % 60));
  if (seconds) parts.push(two(magnitude % 60));
  return (total < 0 ? "-" : "+") + parts.join(colon);
}

const offset = (z: boolean, colon: string, minutes: boolean, seconds: boolean) => (time: CivilTime) =>
  offsetText(time, { z, colon, minutes, seconds });

const WRITERS: Record<Exclude<Element, "fraction-zeros" | "fraction-nines">, (time: CivilTime) => string> = {
  year: yearText,
  "year-short": ({ year }) => two(Math.abs(year % 100)),
  "month-name": ({ month }) => MONTHS[month - 1] ?? "",
  "month-short": ({ month }) => (MONTHS[month - 1] ?? "").slice(0, 3),
  "month-zero": ({ month }) => two(month),
  month: ({ month }) => String(month),
  "weekday-name": ({ weekday }) => WEEKDAYS[weekday] ?? "",
  "weekday-short": ({ weekday }) => (WEEKDAYS[weekday] ?? "").slice(0, 3),
  "day-zero": ({ day }) => two(day),
  "day-space": ({ day }) => space(day, 2),
  day: ({ day }) => String(day),
  "year-day": ({ yearDay }) => String(yearDay).padStart(3, "0"),
  "year-day-space": ({ yearDay }) => space(yearDay, 3),
  hour: ({ hour }) => two(hour),
  "hour12-zero": (time) => two(hour12(time)),
  hour12: (time) => String(hour12(time)),
  "minute-zero": ({ minute }) => two(minute),
  minute: ({ minute }) => String(minute),
  "second-zero": ({ second }) => two(second),
  second: ({ second }) => String(second),
  "half-upper": half,
  "half-lower": (time) => half(time).toLowerCase(),
  "zone-name": ({ offset: zone }) => zone.name,
  offset: offset(false, "", true, false),
  "offset-colon": offset(false, ":", true, false),
  "offset-hour": offset(false, "", false, false),
  "offset-seconds": offset(false, "", true, true),
  "offset-colon-seconds": offset(false, ":", true, true),
  "z-offset": offset(true, "", true, false),
  "z-offset-colon": offset(true, ":", true, false),
  "z-offset-hour": offset(true, "", false, false),
  "z-offset-seconds": offset(true, "", true, true),
  "z-offset-colon-seconds": offset(true, ":", true, true),
};

/** The time in a Go layout. */
export function formatTime(time: CivilTime, layout: string): string {
  let text = "";
  for (const part of parseLayout(layout)) {
    if ("literal" in part) text += part.literal;
    else if (part.element === "fraction-zeros" || part.element === "fraction-nines") {
      const digits = String(time.nanosecond).padStart(9, "0").slice(0, part.digits).padEnd(part.digits, "0");
      const kept = part.element === "fraction-nines" ? digits.replace(/0+$/, "") : digits;
      text += kept === "" ? "" : part.separator + kept;
    } else text += WRITERS[part.element](time);
  }
  return text;
}
