import type { JsonValue } from "../contracts/json.ts";
import { LIMITS } from "../contracts/limits.ts";
import { err, ok, type Result } from "../contracts/result.ts";
import { type ScanRefusal, scanJson } from "./scan-json.ts";

export type StrictJsonRefusal = {
  reason: "not_utf8" | ScanRefusal["reason"];
  /** Where it was seen, in UTF-16 code units of the decoded text. */
  at?: number;
};

/** Stateless between calls; a byte-order mark stays in the text and is refused as malformed (RFC 8259 §8.1). */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * JSON from outside: fatal UTF-8, one linear scan (`scan-json.ts`), then the native parser. Work and memory are linear
 * in the input, whose length the caller has bounded. A value that passes has a canonical form (RFC 8785).
 */
export function parseStrictJson(
  bytes: Uint8Array,
  bounds: { depthMax: number; nodesMax: number } = { depthMax: LIMITS.jsonDepthMax, nodesMax: LIMITS.jsonNodesMax },
): Result<JsonValue, StrictJsonRefusal> {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return err({ reason: "not_utf8" });
  }
  const refusal = scanJson(text, bounds);
  if (refusal !== null) return err(refusal);
  try {
    // safe because: `JSON.parse` without a reviver makes JSON values only.
    return ok(JSON.parse(text) as JsonValue);
  } catch {
    return err({ reason: "malformed" });
  }
}
