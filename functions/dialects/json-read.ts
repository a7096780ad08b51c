import { isJsonObject, type JsonObject, type JsonValue } from "../../shared/contracts/json.ts";

type Maybe = JsonValue | undefined;

export const textOf = (value: Maybe): string | null => (typeof value === "string" ? value : null);
export const objectOf = (value: Maybe): JsonObject | null => (isJsonObject(value) ? value : null);
export const listOf = (value: Maybe): JsonValue[] => (Array.isArray(value) ? value : []);
/** A whole number of at least 0 that JavaScript holds exactly, else null. */
export const countOf = (value: Maybe): number | null =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
export const numberOf = (value: Maybe): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

/** A member that says something: absent and `null` mean the same in every dialect. */
export const isGiven = (value: Maybe): value is JsonPrimitiveOrNested => value !== undefined && value !== null;
type JsonPrimitiveOrNested = Exclude<JsonValue, null>;

/** Copies the members that are given. */
export function copyGiven(from: JsonObject, to: JsonObject, names: readonly string[]): void {
  for (const name of names) {
    const value = from[name];
    if (isGiven(value)) to[name] = value;
  }
}

/** Parses JSON text that must be an object; null when it is not. */
export function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
