import { isJsonObject } from "../../../shared/contracts/json.ts";
import { member, stringMembers } from "../../dialects/bytes.ts";

/** `-2026-01-31`, `-20260131` or `-0131`, as OpenAI and Anthropic date their snapshots. */
const DATE_SUFFIX = /^-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$/;

/**
 * Whether an upstream answered with the pinned model: the same id, or the pinned id followed by a date, which is what
 * providers report for an undated name. A pinned id that carries a date must be met exactly. Nothing reported is accepted.
 */
export function isPinnedModel(pinned: string, reported: string): boolean {
  if (reported === "" || reported === pinned) return true;
  return reported.startsWith(pinned) && DATE_SUFFIX.test(reported.slice(pinned.length));
}

const MODEL = member("model");
const SIGHTINGS_MAX = 8;
const decoder = new TextDecoder();

/**
 * The model that an answer or a frame names, null when none. One sighting is taken from the bytes; several (a tool
 * schema that a response repeats may hold the word) are told apart by parsing.
 */
export function reportedModel(json: Uint8Array): string | null {
  const seen = stringMembers(json, MODEL, SIGHTINGS_MAX);
  const [first] = seen;
  if (first === undefined) return null;
  if (seen.every((name) => name === first)) return first;
  try {
    const body: unknown = JSON.parse(decoder.decode(json));
    if (!isJsonObject(body)) return null;
    for (const holder of [body, body.response, body.message])
      if (isJsonObject(holder) && typeof holder.model === "string") return holder.model;
  } catch {
    // Not JSON: whoever parses the answer refuses it.
  }
  return null;
}
