import { daysInMonth, daysOf, SECOND_NS } from "./civil-time.ts";
import { type Element, MONTHS, parseLayout, WEEKDAYS } from "./time-layout.ts";

interface Fields {
  year: number;
  month: number;
  day: number;
  yearDay: number;
  hour: number;
  minute: number;
  second: number;
  nanosecond: number;
  half: "am" | "pm" | undefined;
  offset_s: number | undefined;
}

class Mismatch extends Error {}

const NUMBERS: Partial<
  Record<Element, [field: "year" | "month" | "day" | "yearDay" | "hour" | "minute" | "second", pattern: RegExp]>
> = {
  year: ["year", /^\d{4}/],
  "month-zero": ["month", /^\d{2}/],
  month: ["month", /^\d{1,2}/],
  "day-zero": ["day", /^\d{2}/],
  "day-space": ["day", /^ ?\d{1,2}/],
  day: ["day", /^\d{1,2}/],
  "year-day": ["yearDay", /^\d{3}/],
  "year-day-space": ["yearDay", /^ {0,2}\d{1,3}/],
  hour: ["hour", /^\d{2}/],
  "hour12-zero": ["hour", /^\d{2}/],
  hour12: ["hour", /^\d{1,2}/],
  "minute-zero": ["minute", /^\d{2}/],
  minute: ["minute", /^\d{1,2}/],
  "second-zero": ["second", /^\d{2}/],
  second: ["second", /^\d{1,2}/],
};

const OFFSETS: Partial<Record<Element, RegExp>> = {
  offset: /^([+-])(\d{2})(\d{2})/,
  "offset-colon": /^([+-])(\d{2}):(\d{2})/,
  "offset-hour": /^([+-])(\d{2})/,
  "offset-seconds": /^([+-])(\d{2})(\d{2})(\d{2})/,
  "offset-colon-seconds": /^([+-])(\d{2}):(\d{2}):(\d{2})/,
  "z-offset": /^(?:Z|([+-])(\d{2})(\d{2}))/,
  "z-offset-colon": /^(?:Z|([+-])(\d{2}):(\d{2}))/,
  "z-offset-hour": /^(?:Z|([+-])(\d{2}))/,
  "z-offset-seconds": /^(?:Z|([+-])(\d{2})(\d{2})(\d{2}))/,
  "z-offset-colon-seconds": /^(?:Z|([+-])(\d{2}):(\d{2}):(\d{2}))/,
};

class Parser {
  readonly fields: Fields = {
    year: 0,
    month: 0,
    day: 0,
    yearDay: 0,
    hour: 0,
    minute: 0,
    second: 0,
    nanosecond: 0,
    half: undefined,
    offset_s: undefined,
  };
  #rest: string;
  #hour12 = false;
  constructor(text: string) {
    this.#rest = text;
  }

  run(layout: string): void {
    const parts = parseLayout(layout);
    for (const [at, part] of parts.entries()) {
      const next = parts[at + 1];
      if ("literal" in part) this.#literal(part.literal);
      else if (part.element === "fraction-zeros") this.#fraction(new RegExp(`^[.,]\\d{${part.digits}}`), true);
      else if (part.element === "fraction-nines") this.#fraction(/^[.,]\d+/, false);
      else this.#element(part.element);
      // Seconds may carry a fraction that the layout does not show.
      const fractionFollows = next !== undefined && "element" in next && next.element.startsWith("fraction");
      if ("element" in part && /^second/.test(part.element) && !fractionFollows) this.#fraction(/^[.,]\d+/, false);
    }
    if (this.#rest !== "") throw new Mismatch("extra text");
    this.#check();
  }

  #take(pattern: RegExp): RegExpExecArray {
    const match = pattern.exec(this.#rest);
    if (match === null) throw new Mismatch("cannot parse");
    this.#rest = this.#rest.slice(match[0].length);
    return match;
  }

  /** Runs of spaces match runs of spaces. */
  #literal(text: string): void {
    for (const part of text.match(/ +|[^ ]+/g) ?? []) {
      if (part.startsWith(" ")) {
        if (this.#rest !== "" && !this.#rest.startsWith(" ")) throw new Mismatch("cannot parse");
        this.#rest = this.#rest.replace(/^ +/, "");
      } else if (this.#rest.startsWith(part)) this.#rest = this.#rest.slice(part.length);
      else throw new Mismatch("cannot parse");
    }
  }

  #fraction(pattern: RegExp, required: boolean): void {
    if (!required && !pattern.test(this.#rest)) return;
    const digits = this.#take(pattern)[0].slice(1);
    this.fields.nanosecond = Number(digits.slice(0, 9).padEnd(9, "0"));
  }

  #element(element: Element): void {
    const number = NUMBERS[element];
    if (number !== undefined) {
      if (element === "day-space" || element === "year-day-space") this.#rest = this.#rest.replace(/^ +(?= )/, "");
      this.fields[number[0]] = Number(this.#take(number[1])[0]);
      if (element.startsWith("hour12")) this.#hour12 = true;
      return;
    }
    const offset = OFFSETS[element];
    if (offset !== undefined) {
      this.#offset(offset);
      return;
    }
    switch (element) {
      case "year-short": {
        const year = Number(this.#take(/^\d{2}/)[0]);
        this.fields.year = year >= 69 ? 1900 + year : 2000 + year;
        return;
      }
      case "month-name":
      case "month-short":
        this.fields.month = 1 + this.#name(MONTHS, element === "month-short");
        return;
      case "weekday-name":
      case "weekday-short":
        this.#name(WEEKDAYS, element === "weekday-short");
        return;
      case "half-upper":
        this.fields.half = this.#take(/^(?:AM|PM)/)[0] === "PM" ? "pm" : "am";
        return;
      case "half-lower":
        this.fields.half = this.#take(/^(?:am|pm)/)[0] === "pm" ? "pm" : "am";
        return;
      default:
        // A zone's abbreviation says nothing without its place: Go reads it as no offset, but for GMT with hours.
        this.#zone();
    }
  }

  #name(names: readonly string[], short: boolean): number {
    const at = names.findIndex((name) => {
      const wanted = short ? name.slice(0, 3) : name;
      return this.#rest.slice(0, wanted.length).toLowerCase() === wanted.toLowerCase();
    });
    const found = names[at];
    if (found === undefined) throw new Mismatch("cannot parse");
    this.#rest = this.#rest.slice(short ? 3 : found.length);
    return at;
  }

  #offset(pattern: RegExp): void {
    const [whole, sign, hour = "0", minute = "0", second = "0"] = this.#take(pattern);
    if (whole === "Z") {
      this.fields.offset_s = 0;
      return;
    }
    if (Number(hour) > 24 || Number(minute) > 60 || Number(second) > 60) throw new Mismatch("offset out of range");
    this.fields.offset_s = (sign === "-" ? -1 : 1) * (Number(hour) * 3600 + Number(minute) * 60 + Number(second));
  }

  #zone(): void {
    const gmt = /^GMT([+-]\d{1,2})/.exec(this.#rest);
    if (gmt?.[1] !== undefined) {
      this.#rest = this.#rest.slice(gmt[0].length);
      if (Math.abs(Number(gmt[1])) <= 23) this.fields.offset_s = Number(gmt[1]) * 3600;
      return;
    }
    this.#take(/^(?:ChST|MeST|WITA|[A-Z]{3,4}T(?![A-Z])|[A-Z]{3}(?![A-Z])|[+-]\d{2}(?:\d{2})?)/);
  }

  #check(): void {
    const { fields } = this;
    if (this.#hour12 && fields.hour > 12) throw new Mismatch("hour out of range");
    if (fields.half === "pm" && fields.hour < 12) fields.hour += 12;
    else if (fields.half === "am" && fields.hour === 12) fields.hour = 0;
    if (fields.hour > 23 || fields.minute > 59 || fields.second > 59) throw new Mismatch("time out of range");
    if (fields.yearDay > 0) this.#fromYearDay();
    if (fields.month === 0) fields.month = 1;
    if (fields.day === 0) fields.day = 1;
    if (fields.month > 12 || fields.day > daysInMonth(fields.year, fields.month))
      throw new Mismatch("day out of range");
  }

  #fromYearDay(): void {
    const { fields } = this;
    let month = 1;
    let day = fields.yearDay;
    for (; month <= 12 && day > daysInMonth(fields.year, month); month++) day -= daysInMonth(fields.year, month);
    if (month > 12 || (fields.month !== 0 && fields.month !== month) || (fields.day !== 0 && fields.day !== day))
      throw new Mismatch("day-of-year out of range");
    Object.assign(fields, { month, day });
  }
}

/** Nanoseconds since 1970 of a text in a Go layout; undefined when it does not fit. Zone abbreviations count as UTC. */
export function parseTime(layout: string, text: string): bigint | undefined {
  const parser = new Parser(text);
  try {
    parser.run(layout);
  } catch (error) {
    if (error instanceof Mismatch) return undefined;
    throw error;
  }
  const { year, month, day, hour, minute, second, nanosecond, offset_s } = parser.fields;
  const seconds = daysOf(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - (offset_s ?? 0);
  return BigInt(seconds) * SECOND_NS + BigInt(nanosecond);
}
