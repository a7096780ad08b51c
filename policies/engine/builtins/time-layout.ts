/** One element of a Go layout, or literal text. */
export type LayoutPart = { element: Element; digits: number; separator: string } | { literal: string };
export type Element = (typeof ELEMENTS)[number][1];

/** Longest first where one begins like another; what follows a name must not go on as a lower-case word. */
const ELEMENTS = [
  ["January", "month-name"],
  ["Jan", "month-short"],
  ["Monday", "weekday-name"],
  ["Mon", "weekday-short"],
  ["MST", "zone-name"],
  ["2006", "year"],
  ["-07:00:00", "offset-colon-seconds"],
  ["-070000", "offset-seconds"],
  ["-07:00", "offset-colon"],
  ["-0700", "offset"],
  ["-07", "offset-hour"],
  ["Z07:00:00", "z-offset-colon-seconds"],
  ["Z070000", "z-offset-seconds"],
  ["Z07:00", "z-offset-colon"],
  ["Z0700", "z-offset"],
  ["Z07", "z-offset-hour"],
  ["__2", "year-day-space"],
  ["_2", "day-space"],
  ["002", "year-day"],
  ["01", "month-zero"],
  ["02", "day-zero"],
  ["03", "hour12-zero"],
  ["04", "minute-zero"],
  ["05", "second-zero"],
  ["06", "year-short"],
  ["15", "hour"],
  ["1", "month"],
  ["2", "day"],
  ["3", "hour12"],
  ["4", "minute"],
  ["5", "second"],
  ["PM", "half-upper"],
  ["pm", "half-lower"],
  ["", "fraction-zeros"],
  ["", "fraction-nines"],
] as const;

const FRACTION = /^[.,](0+|9+)(?!\d)/;

/** Splits a layout into its elements, as Go reads it. */
export function parseLayout(layout: string): LayoutPart[] {
  const parts: LayoutPart[] = [];
  let literal = "";
  for (let at = 0; at < layout.length; ) {
    const rest = layout.slice(at, at + 64);
    const found = elementAt(rest);
    if (found === undefined) {
      literal += layout.charAt(at++);
      continue;
    }
    if (literal !== "") parts.push({ literal });
    literal = "";
    parts.push(found.part);
    at += found.length;
  }
  if (literal !== "") parts.push({ literal });
  return parts;
}

function elementAt(rest: string): { part: LayoutPart; length: number } | undefined {
  const fraction = FRACTION.exec(rest);
  if (fraction?.[1] !== undefined) {
    const element = fraction[1].startsWith("0") ? "fraction-zeros" : "fraction-nines";
    return { part: { element, digits: fraction[1].length, separator: rest.charAt(0) }, length: fraction[0].length };
  }
  // `_2006` is a literal underscore before the year.
  if (rest.startsWith("_2006")) return { part: { literal: "_" }, length: 1 };
  for (const [text, element] of ELEMENTS) {
    if (text === "" || !rest.startsWith(text)) continue;
    if ((element === "month-short" || element === "weekday-short") && /[a-z]/.test(rest.charAt(3))) continue;
    return { part: { element, digits: 0, separator: "" }, length: text.length };
  }
  return undefined;
}

export const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
export const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** Go's named layouts, by the names OPA takes. */
export const NAMED_LAYOUTS: Readonly<Record<string, string>> = {
  ANSIC: "Mon Jan _2 15:04:05 2006",
  UnixDate: "Mon Jan _2 15:04:05 MST 2006",
  RubyDate: "Mon Jan 02 15:04:05 -0700 2006",
  RFC822: "02 Jan 06 15:04 MST",
  RFC822Z: "02 Jan 06 15:04 -0700",
  RFC850: "Monday, 02-Jan-06 15:04:05 MST",
  RFC1123: "Mon, 02 Jan 2006 15:04:05 MST",
  RFC1123Z: "Mon, 02 Jan 2006 15:04:05 -0700",
  RFC3339: "2006-01-02T15:04:05Z07:00",
  RFC3339Nano: "2006-01-02T15:04:05.999999999Z07:00",
};

export const layoutOf = (name: string): string =>
  Object.hasOwn(NAMED_LAYOUTS, name) ? (NAMED_LAYOUTS[name] ?? name) : name;
