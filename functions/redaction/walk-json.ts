import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { BINARY_TYPES, DATA_MEMBERS, isSecretMember, TEXT_TYPES, UNREADABLE_MEMBERS } from "./readable-parts.ts";
import { type Found, isPlaceholder, type Redactor } from "./redact-text.ts";

/**
 * `conversation`: only known kinds of text pass. `data`: the caller's own JSON, in which numbers are read too.
 * `settings`: the rest of the body, whose numbers steer the engine.
 */
export type Region = "conversation" | "data" | "settings";

/** Something cannot be read, so it cannot be redacted; `param` says where. */
export class Unreadable extends Error {
  override readonly name = "Unreadable";
  readonly param: string;
  constructor(param: string) {
    super("redaction impossible");
    this.param = param;
  }
}

/** Too short and plain for any detector: nearly every member's name. */
const PLAIN_NAME = /^[A-Za-z_-]{1,14}$/;
/** Detectors of digits that may stand in JSON as a number. */
const NUMERIC = ["card", "phone", "iban", "ssn"];

const NOTHING: ReadonlySet<string> = new Set();

/**
 * Redacts a JSON value member by member; `unreadable` decides what happens to what cannot be read: throw, or go on.
 * `plain` names members of the conversation whose numbers say nothing about anybody.
 */
export class JsonWalker {
  readonly #redactor: Redactor;
  readonly #tokens: boolean;
  readonly #plain: ReadonlySet<string>;
  readonly #secrets: boolean;
  readonly #numbers: boolean;
  readonly #unreadable: (param: string) => void;
  #room: number = LIMITS.redactionCharsMax;

  constructor(
    redactor: Redactor,
    options: { tokens: boolean; plain?: ReadonlySet<string>; unreadable: (param: string) => void },
  ) {
    this.#redactor = redactor;
    this.#tokens = options.tokens;
    this.#plain = options.plain ?? NOTHING;
    this.#unreadable = options.unreadable;
    this.#secrets = redactor.finds("secret");
    this.#numbers = NUMERIC.some((id) => redactor.finds(id));
  }

  get found(): Found {
    return this.#redactor.found;
  }

  member(name: string, value: JsonValue, param: string, region: Region, depth: number): JsonValue {
    if (region === "conversation" && UNREADABLE_MEMBERS.has(name) && isFilled(value)) {
      this.#unreadable(param);
      return value;
    }
    if (this.#secrets && isSecretMember(name) && (typeof value === "string" || typeof value === "number")) {
      const text = String(value);
      if (text !== "" && !isPlaceholder(text)) return this.#redactor.withhold("secret", text);
    }
    const plain = region === "conversation" && this.#plain.has(name);
    return this.value(value, param, plain ? "settings" : region, depth);
  }

  value(value: JsonValue, param: string, region: Region, depth: number): JsonValue {
    if (typeof value === "string") return this.#string(value, param, region, depth);
    if (typeof value === "number") return this.#number(value, param, region);
    if (typeof value !== "object" || value === null) return value;
    if (depth > LIMITS.jsonDepthMax) {
      this.#unreadable(param);
      return value;
    }
    if (Array.isArray(value))
      return value.map((element, i) => this.value(element, `${param}[${i}]`, region, depth + 1));
    return this.#object(value, param, region, depth);
  }

  #object(value: JsonObject, param: string, region: Region, depth: number): JsonObject {
    const type = typeof value.type === "string" ? value.type : null;
    if (type !== null && region !== "data") {
      const readable = region === "conversation" ? TEXT_TYPES.has(type) : !BINARY_TYPES.has(type);
      if (!readable) {
        this.#unreadable(`${param}.type`);
        return value;
      }
    }
    const made: JsonObject = Object.create(null);
    for (const [name, member] of Object.entries(value)) {
      const kept = PLAIN_NAME.test(name) ? name : this.#text(name, param);
      // Two members must not become one.
      if (Object.hasOwn(made, kept) || (kept !== name && Object.hasOwn(value, kept))) this.#unreadable(param);
      const data = DATA_MEMBERS.has(name) || (name === "input" && type === "tool_use");
      made[kept] = this.member(name, member, `${param}.${kept}`, data ? "data" : region, depth + 1);
    }
    return { ...made };
  }

  #string(text: string, param: string, region: Region, depth: number): string {
    const parsed = region === "settings" ? null : embeddedJson(text);
    if (parsed === null) return this.#text(text, param);
    const made = this.value(parsed, param, "data", depth + 1);
    // As it was where nothing changed: spaces and number forms are the caller's.
    const same = JSON.stringify(parsed) === JSON.stringify(made);
    return same ? this.#text(text, param) : JSON.stringify(made);
  }

  #text(text: string, param: string): string {
    this.#room -= text.length;
    if (this.#room >= 0) return this.#redactor.text(text);
    this.#unreadable(param);
    return text;
  }

  #number(value: number, param: string, region: Region): JsonValue {
    if (region === "settings") return value;
    if (region === "conversation" && this.#tokens) {
      this.#unreadable(param);
      return value;
    }
    // What a double cannot hold exactly was another number when the caller wrote it.
    if (this.#numbers && Number.isInteger(value) && !Number.isSafeInteger(value))
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
