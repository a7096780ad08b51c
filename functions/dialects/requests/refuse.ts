import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import { isGiven } from "../json-read.ts";
import { unsupported } from "../untranslatable.ts";

/** Whether a member asks for nothing: what SDKs send to say "default". */
function isIdle(value: JsonValue): boolean {
  if (value === false || value === 0 || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return isJsonObject(value) && Object.keys(value).length === 0;
}

/** Refuses members that the other dialect cannot express, unless they ask for nothing. */
export function refuseGiven(body: JsonObject, names: readonly string[], dialect: string): void {
  for (const name of names) {
    const value = body[name];
    if (isGiven(value) && !isIdle(value)) unsupported(name, `${dialect} has no equivalent`);
  }
}
