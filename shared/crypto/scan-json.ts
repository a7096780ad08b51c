export interface ScanRefusal {
  reason: "malformed" | "duplicate_key" | "too_deep" | "too_many_nodes" | "proto_key";
  at: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** A plain array is faster than a set up to here; request objects have two to ten members. */
const LISTED_KEYS_MAX = 12;

/** Keys of one open object; `null` stands for an open array. */
interface Frame {
  listed: string[];
  set: Set<string> | null;
  /** The member whose value is being read. */
  key: string;
  awaitsKey: boolean;
  /** This object is the value of a member named `constructor`. */
  ofConstructor: boolean;
}

function addKey(frame: Frame, key: string): boolean {
  frame.key = key;
  if (frame.set !== null) {
    if (frame.set.has(key)) return false;
    frame.set.add(key);
    return true;
  }
  if (frame.listed.includes(key)) return false;
  frame.listed.push(key);
  if (frame.listed.length > LISTED_KEYS_MAX) frame.set = new Set(frame.listed);
  return true;
}

/** Index of the quote that closes the string opened at `open`, or -1. Native search, so long texts cost little. */
function closingQuote(text: string, open: number): number {
  for (let quote = text.indexOf('"', open + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH && quote - 1 - slashes > open) slashes++;
    if (slashes % 2 === 0) return quote;
  }
  return -1;
}

/** A number that a double cannot hold would become `null` or infinity on its way through. Returns its end, or -1. */
function endOfNumber(text: string, start: number): number {
  let at = start;
  let exponent = false;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) continue;
    if (code === 0x65 || code === 0x45) exponent = true;
    else if (code !== 0x2b && code !== 0x2d && code !== 0x2e) break;
  }
  if (!exponent && at - start < 300) return at;
  return Number.isFinite(Number(text.slice(start, at))) ? at : -1;
}

/** The string between two quotes with its escapes resolved, or null when it is not a JSON string. */
function decoded(text: string, open: number, close: number): string | null {
  const raw = text.slice(open + 1, close);
  if (!raw.includes("\\")) return raw;
  try {
    return JSON.parse(`"${raw}"`);
  } catch {
    return null;
  }
}

/** Finds the next `\ud…` escape; each search begins where the last one ended, so all of them are one pass. */
function surrogateFinder(text: string): (from: number) => number {
  const pattern = /\\u[dD]/g;
  return (from) => {
    pattern.lastIndex = from;
    return pattern.exec(text)?.index ?? Number.POSITIVE_INFINITY;
  };
}

const objectFrame = (parent: Frame | null): Frame => ({
  listed: [],
  set: null,
  key: "",
  awaitsKey: true,
  ofConstructor: parent !== null && parent.key === "constructor",
});

/**
 * One linear pass over JSON text, for what the native parser lets through: depth, number of values, repeated members
 * (compared after resolving escapes), `__proto__` and `constructor.prototype` members, lone surrogates and numbers
 * beyond a double. It is exact for well-formed JSON; anything else is left to the native parser, which must run next.
 */
export function scanJson(text: string, bounds: { depthMax: number; nodesMax: number }): ScanRefusal | null {
  const stack: (Frame | null)[] = [];
  let frame: Frame | null = null;
  let nodes = 1;
  const surrogateFrom = surrogateFinder(text);
  let surrogate = -1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    switch (code) {
      case QUOTE: {
        const close = closingQuote(text, at);
        if (close === -1) return { reason: "malformed", at };
        if (surrogate < at) surrogate = surrogateFrom(at);
        const isKey: boolean = frame?.awaitsKey === true;
        if (isKey || surrogate < close) {
          const value = decoded(text, at, close);
          if (value === null || !value.isWellFormed()) return { reason: "malformed", at };
          if (frame !== null && isKey) {
            if (value === "__proto__" || (frame.ofConstructor && value === "prototype"))
              return { reason: "proto_key", at };
            if (!addKey(frame, value)) return { reason: "duplicate_key", at };
            frame.awaitsKey = false;
          }
        }
        at = close;
        break;
      }
      case 0x2c: // ,
        if (++nodes > bounds.nodesMax) return { reason: "too_many_nodes", at };
        if (frame !== null) frame.awaitsKey = true;
        break;
      case 0x7b: // {
      case 0x5b: // [
        if (stack.length >= bounds.depthMax) return { reason: "too_deep", at };
        if (++nodes > bounds.nodesMax) return { reason: "too_many_nodes", at };
        stack.push(frame);
        frame = code === 0x5b ? null : objectFrame(frame);
        break;
      case 0x7d: // }
      case 0x5d: // ]
        if (stack.length === 0) return { reason: "malformed", at };
        frame = stack.pop() ?? null;
        break;
      default:
        if (code === 0x2d || (code >= 48 && code <= 57)) {
          const end = endOfNumber(text, at);
          if (end === -1) return { reason: "malformed", at };
          at = end - 1;
        }
    }
  }
  return null;
}
