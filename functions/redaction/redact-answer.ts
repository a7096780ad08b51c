import { isJsonObject, type JsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Redactor } from "./redact-text.ts";
import { redactWhole } from "./text-stream.ts";
import { JsonWalker, Unreadable } from "./walk-json.ts";

/** Ids, names of kinds and sealed bytes: never text of a model, and of no use when changed. */
const PLAIN: ReadonlySet<string> = new Set([
  "id",
  "object",
  "type",
  "role",
  "status",
  "model",
  "finish_reason",
  "stop_reason",
  "system_fingerprint",
  "service_tier",
  "call_id",
  "item_id",
  "tool_call_id",
  "tool_use_id",
  "previous_response_id",
  "first_id",
  "last_id",
  "embedding",
  "signature",
  "encrypted_content",
  "obfuscation",
  "usage",
]);
/** What spells the text in another form, or cannot be read at all. */
const UNREADABLE: ReadonlySet<string> = new Set([
  "logprobs",
  "top_logprobs",
  "prompt_logprobs",
  "token_ids",
  "prompt_token_ids",
  "bytes",
  "audio",
  "images",
  "b64_json",
  "data_base64",
  "partial_image_b64",
  "file_data",
]);
/** A tool's arguments, as text that is JSON. */
const ARGUMENTS: ReadonlySet<string> = new Set(["arguments", "partial_json"]);

/**
 * Redacts what models answer, whole or in events: every text by the same rules as its stream, a tool's arguments as the
 * JSON that they are. What cannot be read is left out and counted as `withheld`. Throws `Unreadable` when it is too
 * much or too deep.
 */
export class AnswerRedactor {
  readonly redactor: Redactor;
  #room: number = LIMITS.redactionCharsMax;
  #copying = false;

  constructor(redactor: Redactor) {
    this.redactor = redactor;
  }

  /** An object that repeats what was redacted before: the same placeholders, counted and measured no second time. */
  copy(value: JsonObject): JsonObject {
    this.#copying = true;
    try {
      return this.redactor.again(() => this.object(value));
    } finally {
      this.#copying = false;
    }
  }

  /** Counts text against `LIMITS.redactionCharsMax`: everything of one answer that is searched. */
  spend(chars: number): void {
    if (!this.#copying) this.#room -= chars;
    if (this.#room < 0) throw new Unreadable("answer");
  }

  object(value: JsonObject, depth = 1): JsonObject {
    if (depth > LIMITS.jsonDepthMax) throw new Unreadable("answer");
    if (value.type === "redacted_thinking") return value;
    const made: JsonObject = {};
    for (const [name, member] of Object.entries(value)) {
      if (PLAIN.has(name)) made[name] = member;
      else if (name === "result" && value.type === "image_generation_call") made[name] = this.#without(member);
      else if (UNREADABLE.has(name) && typeof member === "object") made[name] = this.#without(member);
      else if (UNREADABLE.has(name) && typeof member === "string" && member !== "") made[name] = this.#without(member);
      else if (name === "input" && value.type === "tool_use") made[name] = this.data(member);
      else if (name === "input" && value.type === "custom_tool_call" && typeof member === "string")
        made[name] = this.arguments(member);
      else if (ARGUMENTS.has(name) && typeof member === "string") made[name] = this.arguments(member);
      else made[name] = this.#value(member, depth);
    }
    return made;
  }

  text(text: string): string {
    this.spend(text.length);
    return redactWhole(this.redactor, text);
  }

  /** Arguments of a tool: changed inside their JSON, so that they stay JSON; what is none is text. */
  arguments(text: string): string {
    let parsed: JsonValue;
    try {
      parsed = JSON.parse(text) as JsonValue; // safe because: JSON.parse gives JSON values
    } catch {
      return this.text(text); // cut off, or a tool that takes plain text
    }
    if (typeof parsed !== "object" || parsed === null) return this.text(text);
    this.spend(text.length);
    const made = this.data(parsed);
    // A name beside its value can tell what neither tells alone.
    return JSON.stringify(parsed) === JSON.stringify(made) ? this.redactor.text(text) : JSON.stringify(made);
  }

  /** A tool's input: numbers are read too, and members whose name says that they are a secret go whole. */
  data(value: JsonValue): JsonValue {
    const walker = new JsonWalker(this.redactor, {
      tokens: false,
      unreadable: (param) => {
        throw new Unreadable(param);
      },
    });
    return walker.value(value, "input", "data", 1);
  }

  /** Counts something that is left out of the answer. */
  withheld(): void {
    this.redactor.withhold("withheld", "");
  }

  #value(value: JsonValue, depth: number): JsonValue {
    if (typeof value === "string") return this.text(value);
    if (Array.isArray(value)) return value.map((element) => this.#value(element, depth + 1));
    return isJsonObject(value) ? this.object(value, depth + 1) : value;
  }

  #without(value: JsonValue): JsonValue {
    if (value === null || (Array.isArray(value) && value.length === 0)) return value;
    this.withheld();
    return Array.isArray(value) ? [] : null;
  }
}
