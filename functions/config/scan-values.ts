import { isJsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import type { Findings } from "./findings.ts";
import { looksLikeSecret } from "./literal-secrets.ts";

/** Deepest real file: tenants → issuer → claims is 6; far above it, and far below a stack. */
const DEPTH_MAX = 24;
const RESERVED = new Set(["__proto__", "constructor", "prototype"]);
const SECRET_MEMBER =
  /^(?:api[_-]?key|access[_-]?key|secret[_-]?key|token|password|passwd|private[_-]?key|client[_-]?secret)$/i;

/** What no schema sees: secrets written out, members that change prototypes, text that has no canonical form. */
export function scanValues(file: string, value: JsonValue, findings: Findings, path: PropertyKey[] = []): void {
  if (path.length > DEPTH_MAX) {
    findings.problem(file, path.slice(0, 4), `nested deeper than ${DEPTH_MAX}`);
    return;
  }
  if (typeof value === "string") {
    if (!value.isWellFormed()) findings.problem(file, path, "text with a lone surrogate");
    if (looksLikeSecret(value))
      findings.problem(
        file,
        path,
        "looks like a secret: name it as env:NAME or file:/absolute/path, and rotate this one",
      );
  } else if (typeof value === "number") {
    if (!Number.isFinite(value)) findings.problem(file, path, "not a finite number");
  } else if (Array.isArray(value)) {
    for (const [at, element] of value.entries()) scanValues(file, element, findings, [...path, at]);
  } else if (isJsonObject(value)) {
    for (const [member, inner] of Object.entries(value)) {
      const here = [...path, member];
      if (RESERVED.has(member) || !member.isWellFormed())
        findings.problem(file, here, "a member of this name is not accepted");
      else if (SECRET_MEMBER.test(member) && typeof inner === "string")
        findings.problem(
          file,
          here,
          "secrets are not written here: use `secret: env:NAME` or `secret: file:/absolute/path`",
        );
      scanValues(file, inner, findings, here);
    }
  }
}
