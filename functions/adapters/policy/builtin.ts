import data from "../../../policies/cell/data.json" with { type: "json" };
import plan from "../../../policies/plans/cell.json" with { type: "json" };
import type { JsonValue } from "../../../shared/contracts/json.ts";
import { canonicalJson } from "../../../shared/crypto/canonical-json.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import type { BuiltinPolicy } from "./rego.ts";

/** The cell's policy of this release; the digest is over plan and data, so it changes when either does. */
export const builtinPolicy = (): BuiltinPolicy => ({ plan, data, digest: digest() });

let known: string | null = null;
/** Computed once: both never change while a process lives. */
function digest(): string {
  // safe because: both were JSON
  known ??= `sha256:${sha256Hex(canonicalJson({ data, plan } as unknown as JsonValue))}`;
  return known;
}
