import { LIMITS } from "../../shared/contracts/limits.ts";
import { ProblemError } from "../problem.ts";
import type { CallHeaders } from "./call-headers.ts";

/** The `Idempotency-Key` header, quoted (RFC 8941 string) or bare; at most 255 visible characters. */
export function idempotencyKeyOf(headers: CallHeaders): string | null {
  const header = headers.get("idempotency-key");
  if (header === null) return null;
  const quoted = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(header);
  const key = quoted ? (quoted[1] ?? "").replace(/\\(["\\])/g, "$1") : header;
  const bareOk = quoted !== null || /^[\x21\x23-\x2b\x2d-\x7e]+$/.test(header);
  if (!bareOk || key.length === 0 || key.length > LIMITS.idempotencyKeyCharsMax)
    throw new ProblemError("idempotency-key-invalid", {
      detail: `Send one key of 1 to ${LIMITS.idempotencyKeyCharsMax} visible characters, quoted or bare.`,
      param: "idempotency-key",
    });
  return key;
}
