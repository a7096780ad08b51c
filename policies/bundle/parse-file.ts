import { LIMITS } from "../../shared/contracts/limits.ts";
import { parseJson } from "../engine/json.ts";
import { LimitExceeded, metered } from "../engine/meter.ts";
import type { Value } from "../engine/value.ts";
import { refuse, shown } from "./refusal.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of a file, which is UTF-8. */
export function textOf(path: string, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return refuse({ reason: "file_malformed", file: shown(path), detail: "not UTF-8" });
  }
}

/** The JSON value of a file, every number in its own text. */
export function jsonOf(path: string, bytes: Uint8Array): Value {
  const limits = { steps: LIMITS.jsonNodesMax, textCharsMax: LIMITS.policyBundleInflatedBytesMax };
  const text = textOf(path, bytes);
  try {
    const parsed = metered(limits, () => parseJson(text));
    if (parsed.ok) return parsed.value;
    return refuse({ reason: "file_malformed", file: shown(path), detail: parsed.error.detail });
  } catch (error) {
    if (!(error instanceof LimitExceeded)) throw error;
    return refuse({ reason: "file_malformed", file: shown(path), detail: `too many ${error.limit}` });
  }
}
