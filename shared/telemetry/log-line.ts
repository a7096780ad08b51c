import { LIMITS } from "../contracts/limits.ts";
import type { Clock } from "../contracts/ports/clock.ts";
import type { Attributes, Log } from "../contracts/ports/telemetry.ts";
import { addSafely } from "./attributes.ts";
import { scrubText } from "./scrub.ts";

const errorsMax = 8;
const framesMax = 8;
const messageCharsMax = 256;
const RESERVED: ReadonlySet<string> = new Set(["at", "level", "event", "service", "cell", "errors"]);

interface ErrorMember {
  name: string;
  message?: string;
  code?: string;
  /** Place of the error that holds or names this one, where that is not the one before. */
  of?: number;
  /** How many errors it holds, listed or not. */
  inner?: number;
  frames: string[];
}

/**
 * Runtimes quote input in messages (a header value, a URL, a row), so quoted parts go; a SyntaxError's message goes as a
 * whole, because `JSON.parse` puts the text that it failed on there.
 */
function safeMessage(thrown: Error): string | undefined {
  if (thrown instanceof SyntaxError || thrown.message === "") return undefined;
  const unquoted = thrown.message
    .slice(0, 4 * messageCharsMax)
    .replace(/"[\s\S]*(?:"|$)/, '"…"')
    .replace(/`[\s\S]*(?:`|$)/, "`…`")
    .replace(/(?<![a-z])'[\s\S]*(?:'|$)/, "'…'");
  return scrubText(unquoted).slice(0, messageCharsMax);
}

/**
 * Name, bounded message, code and stack frames of an error, of what it holds and of its causes, nearest first and at most
 * so many; frames only, never the stack's first line. What is no step of one chain names its parent by place (`of`), and
 * an error that holds several says how many (`inner`).
 */
export function describeError(thrown: unknown): ErrorMember[] {
  const members: ErrorMember[] = [];
  const met = new Set<unknown>();
  const waiting: { cause: unknown; of: number }[] = [{ cause: thrown, of: -1 }];
  for (let next = waiting.shift(); next !== undefined && members.length < errorsMax; next = waiting.shift()) {
    const { cause, of } = next;
    if (cause === undefined || cause === null || met.has(cause)) continue;
    met.add(cause);
    const at = members.length;
    const parent = of === at - 1 ? {} : { of };
    if (!(cause instanceof Error)) {
      members.push({ name: typeof cause, ...parent, frames: [] });
      continue;
    }
    const held = heldBy(cause);
    members.push({ ...memberOf(cause), ...parent, ...(held.length === 0 ? {} : { inner: held.length }) });
    for (const inner of [...held.slice(0, errorsMax), cause.cause]) waiting.push({ cause: inner, of: at });
  }
  return members;
}

/** Errors of an `AggregateError`, and of errors of ours that hold several `causes`. */
function heldBy(error: Error): readonly unknown[] {
  if (error instanceof AggregateError) return error.errors;
  return "causes" in error && Array.isArray(error.causes) ? error.causes : [];
}

function memberOf(error: Error): ErrorMember {
  const message = safeMessage(error);
  const code: unknown = "code" in error ? error.code : undefined;
  return {
    name: scrubText(String(error.name).slice(0, 64)),
    ...(message === undefined ? {} : { message }),
    ...(typeof code === "string" && /^[\w.-]{1,64}$/.test(code) ? { code: scrubText(code) } : {}),
    frames: (error.stack ?? "")
      .split("\n")
      .filter((line) => /^\s+at /.test(line))
      .slice(0, framesMax)
      .map((line) => scrubText(line.trim().slice(0, messageCharsMax))),
  };
}

/** JSON lines into `sink`, one call an event. Never throws: a sink that does is the host's to handle. */
export function createLog(sink: (line: string) => void, clock: Clock, source: { service: string; cell: string }): Log {
  const write = (level: string, event: string, members: Attributes | undefined, errors?: ErrorMember[]) => {
    const line: Attributes = {};
    if (members) addSafely(line, members, LIMITS.logMembersMax, RESERVED);
    const head = { at: new Date(clock.now()).toISOString(), level, event: scrubText(event), ...source };
    sink(JSON.stringify(errors ? { ...head, ...line, errors } : { ...head, ...line }));
  };
  return {
    info: (event, members) => write("info", event, members),
    warn: (event, members) => write("warn", event, members),
    error: (event, cause, members) => write("error", event, members, describeError(cause)),
  };
}
