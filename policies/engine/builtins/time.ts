import { floatText, parseFloat64Bit } from "../big-float.ts";
import { builtinError, typeError } from "../failure.ts";
import { spendText } from "../meter.ts";
import { bigintOf, type NumberValue, numberOf, numberOfBigint, numberText, type Value } from "../value.ts";
import { type CivilTime, civilTime, daysInMonth, daysOf, instantOf, SECOND_NS } from "./civil-time.ts";
import { parseDuration } from "./duration.ts";
import { any, builtin, type Family, integer, number, string } from "./operands.ts";
import { formatTime } from "./time-format.ts";
import { layoutOf, NAMED_LAYOUTS, WEEKDAYS } from "./time-layout.ts";
import { parseTime } from "./time-parse.ts";

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

const safeInstant = (ns: bigint): NumberValue => {
  if (ns < INT64_MIN || ns > INT64_MAX) throw builtinError("time outside of valid range");
  return numberOfBigint(ns);
};

interface Moment {
  ns: bigint;
  zone: string;
  layout: string;
  civil: CivilTime;
}

/** Nanoseconds, or an array of them with a zone's name and a layout. Zone `Local` is UTC: an evaluation has no place. */
function moment(args: readonly Value[], at: number): Moment {
  const value = any(args, at);
  const parts = Array.isArray(value) ? value : [value];
  if (parts.length === 0) throw typeError("operand 1 must be either number (ns) or [number (ns), string (tz)]");
  const instant = number(parts, 0);
  // OPA reads the number in its own precision of 64 bits.
  const ns = bigintOf(numberOf(floatText(parseFloat64Bit(numberText(instant)))));
  if (ns === undefined || ns < INT64_MIN || ns > INT64_MAX) throw builtinError("timestamp too big");
  const zone = parts.length > 1 ? string(parts, 1) : "";
  const layout = parts.length > 2 ? string(parts, 2) : "";
  const civil = civilTime(ns, zone);
  if (civil === undefined) throw builtinError(`unknown time zone ${zone}`);
  return { ns, zone, layout, civil };
}

function format(args: readonly Value[]): string {
  const { layout, civil } = moment(args, 0);
  spendText(layout.length);
  return formatTime(civil, layout === "" ? (NAMED_LAYOUTS.RFC3339Nano ?? "") : layoutOf(layout));
}

function parse(layout: string, text: string): NumberValue {
  spendText(layout.length + text.length);
  const ns = parseTime(layoutOf(layout), text);
  if (ns === undefined) throw builtinError(`cannot parse "${text}" as "${layout}"`);
  return safeInstant(ns);
}

const YEARS_MAX = 200_000;

function addDate(args: readonly Value[]): NumberValue {
  const { civil, zone } = moment(args, 0);
  const [years, months, days] = [integer(args, 1), integer(args, 2), integer(args, 3)];
  if (Math.abs(years) > YEARS_MAX || Math.abs(months) > 12 * YEARS_MAX || Math.abs(days) > 366 * YEARS_MAX)
    throw builtinError("time outside of valid range");
  const localDay = daysOf(civil.year + years, civil.month + months, civil.day + days);
  if (!Number.isFinite(localDay)) throw builtinError("time outside of valid range");
  const local = localDay * 86_400 + civil.hour * 3600 + civil.minute * 60 + civil.second;
  const instant = Math.abs(local) > 1e11 ? local : (instantOf(local, zone) ?? local);
  return safeInstant(BigInt(instant) * SECOND_NS + BigInt(civil.nanosecond));
}

/** Calendar difference, both moments on the first one's wall clock. */
function difference(args: readonly Value[]): Value[] {
  const [first, second] = [moment(args, 0), moment(args, 1)];
  const other = civilTime(second.ns, first.zone);
  if (other === undefined) throw builtinError(`unknown time zone ${first.zone}`);
  const [from, to] = first.ns > second.ns ? [other, first.civil] : [first.civil, other];
  const parts = [
    to.year - from.year,
    to.month - from.month,
    to.day - from.day,
    to.hour - from.hour,
    to.minute - from.minute,
    to.second - from.second,
  ];
  const borrow = (at: number, size: number): void => {
    if ((parts[at] ?? 0) >= 0) return;
    parts[at] = (parts[at] ?? 0) + size;
    parts[at - 1] = (parts[at - 1] ?? 0) - 1;
  };
  borrow(5, 60);
  borrow(4, 60);
  borrow(3, 24);
  borrow(2, daysInMonth(from.year, from.month));
  borrow(1, 12);
  return parts;
}

function duration(args: readonly Value[]): NumberValue {
  const text = string(args, 0);
  spendText(text.length);
  const ns = parseDuration(text);
  if (ns === undefined) throw builtinError(`invalid duration "${text}"`);
  return numberOfBigint(ns);
}

export const TIME: Family = {
  "time.now_ns": builtin(0, (_args, machine) => numberOfBigint(machine.world.now_ns)),
  "time.parse_ns": builtin(2, (args) => parse(string(args, 0), string(args, 1))),
  "time.parse_rfc3339_ns": builtin(1, (args) => parse("RFC3339", string(args, 0))),
  "time.parse_duration_ns": builtin(1, duration),
  "time.format": builtin(1, format),
  "time.date": builtin(1, (args) => {
    const { year, month, day } = moment(args, 0).civil;
    return [year, month, day];
  }),
  "time.clock": builtin(1, (args) => {
    const { hour, minute, second } = moment(args, 0).civil;
    return [hour, minute, second];
  }),
  "time.weekday": builtin(1, (args) => WEEKDAYS[moment(args, 0).civil.weekday]),
  "time.add_date": builtin(4, addDate),
  "time.diff": builtin(2, difference),
};
