import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { Detector } from "./detector.ts";
import {
  BINARY_TYPES,
  CONVERSATION,
  DATA_MEMBERS,
  isSecretMember,
  TAKES_TOKENS,
  TEXT_TYPES,
  UNREADABLE_MEMBERS,
} from "./readable-parts.ts";
import { type Found, isPlaceholder, Redactor } from "./redact-text.ts";

/** What cannot be read cannot be redacted: images, files, audio, token ids, sealed reasoning, unknown parts, too much. */
export interface RedactionImpossible {
  reason: "redaction_impossible";
  /** Where, as a path into the body. */
  param: string;
}

/**
 * `conversation`: only known kinds of text pass. `data`: the caller's own JSON, in which numbers are read too.
 * `settings`: the rest of the body, whose numbers steer the engine.
 */
type Region = "conversation" | "data" | "settings";

/** Too short and plain for any detector: nearly every member's name. */
const PLAIN_NAME = /^[A-Za-z_-]{1,14}$/;

class Impossible extends Error {
  readonly param: string;
  constructor(param: string) {
    super("redaction impossible");
    this.param = param;
  }
}

/**
 * The body with placeholders for all that detectors find in its text and member names, or why it cannot be made. The
 * shape stays: same members, same elements, same types but for numbers of the caller's data. `body` is not changed.
 */
export function redactBody(
  dialect: Dialect,
  body: JsonObject,
  detectors?: readonly Detector[],
): Result<{ body: JsonObject; found: Found }, RedactionImpossible> {
  const walker = new Walker(new Redactor(detectors), TAKES_TOKENS.has(dialect));
  try {
    const made: JsonObject = Object.create(null);
    for (const [name, value] of Object.entries(body))
      made[name] = walker.member(name, value, name, CONVERSATION[dialect].has(name) ? "conversation" : "settings", 1);
    return ok({ body: { ...made }, found: walker.found });
  } catch (thrown) {
    if (thrown instanceof Impossible) return err({ reason: "redaction_impossible", param: thrown.param });
    throw thrown;
  }
}

class Walker {
  readonly #redactor: Redactor;
  readonly #tokens: boolean;
  #room: number = LIMITS.redactionCharsMax;

  constructor(redactor: Redactor, tokens: boolean) {
    this.#redactor = redactor;
    this.#tokens = tokens;
  }

  get found(): Found {
    return this.#redactor.found;
  }

  member(name: string, value: JsonValue, param: string, region: Region, depth: number): JsonValue {
    if (region === "conversation" && UNREADABLE_MEMBERS.has(name) && isFilled(value)) throw new Impossible(param);
    if (isSecretMember(name) && (typeof value === "string" || typeof value === "number")) {
      const text = String(value);
      if (text !== "" && !isPlaceholder(text)) return this.#redactor.withhold("secret", text);
    }
    return this.#value(value, param, region, depth);
  }

  #value(value: JsonValue, param: string, region: Region, depth: number): JsonValue {
    if (typeof value === "string") return this.#string(value, param, region, depth);
    if (typeof value === "number") return this.#number(value, param, region);
    if (typeof value !== "object" || value === null) return value;
    if (depth > LIMITS.jsonDepthMax) throw new Impossible(param);
    if (Array.isArray(value))
      return value.map((element, i) => this.#value(element, `${param}[${i}]`, region, depth + 1));
    return this.#object(value, param, region, depth);
  }

  #object(value: JsonObject, param: string, region: Region, depth: number): JsonObject {
    const type = typeof value.type === "string" ? value.type : null;
    if (type !== null && region !== "data") {
      const readable = region === "conversation" ? TEXT_TYPES.has(type) : !BINARY_TYPES.has(type);
      if (!readable) throw new Impossible(`${param}.type`);
    }
    const made: JsonObject = Object.create(null);
    for (const [name, member] of Object.entries(value)) {
      const kept = PLAIN_NAME.test(name) ? name : this.#text(name, param);
      // Two members must not become one.
      if (Object.hasOwn(made, kept) || (kept !== name && Object.hasOwn(value, kept))) throw new Impossible(param);
      const data = DATA_MEMBERS.has(name) || (name === "input" && type === "tool_use");
      made[kept] = this.member(name, member, `${param}.${kept}`, data ? "data" : region, depth + 1);
    }
    return { ...made };
  }

  #string(text: string, param: string, region: Region, depth: number): string {
    const parsed = region === "settings" ? null : embeddedJson(text);
    if (parsed === null) return this.#text(text, param);
    const made = this.#value(parsed, param, "data", depth + 1);
    // As it was where nothing changed: spaces and number forms are the caller's.
    const same = JSON.stringify(parsed) === JSON.stringify(made);
    return same ? this.#text(text, param) : JSON.stringify(made);
  }

  #text(text: string, param: string): string {
    this.#room -= text.length;
    if (this.#room < 0) throw new Impossible(param);
    return this.#redactor.text(text);
  }

  #number(value: number, param: string, region: Region): JsonValue {
    if (region === "settings") return value;
    if (region === "conversation" && this.#tokens) throw new Impossible(param);
    // What a double cannot hold exactly was another number when the caller wrote it.
    if (Number.isInteger(value) && !Number.isSafeInteger(value))
      return this.#redactor.withhold("number", String(value));
    const text = String(value);
    const made = this.#redactor.text(text);
    return made === text ? value : made;
  }
}

const isFilled = (value: JsonValue): boolean =>
  value !== null && value !== "" && !(Array.isArray(value) && value.length === 0);

/** JSON inside text, such as tool arguments: an object or array, else null. Escapes in it would hide what it says. */
function embeddedJson(text: string): JsonValue | null {
  if (!/^\s{0,64}[[{]/.test(text)) return null;
  try {
    return JSON.parse(text) as JsonValue; // safe because: JSON.parse gives JSON values
  } catch {
    return null; // it only looks like JSON, and is read as text
  }
}
