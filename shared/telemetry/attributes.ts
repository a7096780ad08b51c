import { LIMITS } from "../contracts/limits.ts";
import type { Attributes } from "../contracts/ports/telemetry.ts";
import { refusedName, scrubText } from "./scrub.ts";

const REFUSED = "[refused]";

/** One value as it may leave the process: bounded, scrubbed, refused when its name says secret or content. */
export function safeValue(name: string, value: unknown): string | number | boolean {
  if (refusedName(name)) return REFUSED;
  if (typeof value === "string") return scrubText(value.slice(0, LIMITS.logValueCharsMax));
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  return REFUSED;
}

/** Copies members into `target` up to the bound; reserved names are never overwritten. */
export function addSafely(target: Attributes, members: Attributes, membersMax: number, reserved?: ReadonlySet<string>) {
  let room = membersMax - Object.keys(target).length;
  for (const [name, value] of Object.entries(members)) {
    if (reserved?.has(name) || name === "__proto__") continue;
    if (!Object.hasOwn(target, name) && room-- <= 0) return;
    target[name] = safeValue(name, value);
  }
}
