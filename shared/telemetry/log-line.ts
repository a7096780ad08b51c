import { LIMITS } from "../contracts/limits.ts";
import type { Clock } from "../contracts/ports/clock.ts";
import type { Attributes, Log } from "../contracts/ports/telemetry.ts";
import { addSafely } from "./attributes.ts";
import { scrubText } from "./scrub.ts";

const causesMax = 4;
const framesMax = 8;
const messageCharsMax = 256;
const RESERVED: ReadonlySet<string> = new Set(["at", "level", "event", "service", "cell", "errors"]);

interface ErrorMember {
  name: string;
  message?: string;
  code?: string;
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

/** Name, bounded message, code and stack frames of an error and its causes; frames only, never the stack's first line. */
export function describeError(thrown: unknown): ErrorMember[] {
  const members: ErrorMember[] = [];
  for (let cause = thrown; cause !== undefined && cause !== null && members.length < causesMax; ) {
    if (!(cause instanceof Error)) {
      members.push({ name: typeof cause, frames: [] });
      break;
    }
    const message = safeMessage(cause);
    const code: unknown = "code" in cause ? cause.code : undefined;
    members.push({
      name: scrubText(String(cause.name).slice(0, 64)),
      ...(message === undefined ? {} : { message }),
      ...(typeof code === "string" && /^[\w.-]{1,64}$/.test(code) ? { code: scrubText(code) } : {}),
      frames: (cause.stack ?? "")
        .split("\n")
        .filter((line) => /^\s+at /.test(line))
        .slice(0, framesMax)
        .map((line) => scrubText(line.trim().slice(0, messageCharsMax))),
    });
    cause = cause.cause;
  }
  return members;
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
