import { LIMITS } from "../../../shared/contracts/limits.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { Denial } from "./refusal.ts";

/** `Headers`, or anything that joins repeated headers with a comma as it does. */
export interface HeaderSource {
  get(name: string): string | null;
}

export interface Credential {
  text: string;
  /** Came as `Authorization: Bearer`; the key headers carry API keys only. */
  bearer: boolean;
}

/** RFC 6750 §2.1; API keys fit it too. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;
const BEARER = /^Bearer +/i;

/**
 * The one credential of a call: `Authorization: Bearer`, `api-key` (Azure clients) or `x-api-key` (Anthropic clients).
 * Two headers are a conflict even with equal values, and so is one header sent twice: whoever reads only one of them
 * would see another caller.
 */
export function readCredential(headers: HeaderSource): Result<Credential, Denial> {
  const authorization = headers.get("authorization");
  const azure = headers.get("api-key");
  const anthropic = headers.get("x-api-key");
  const sent = authorization ?? azure ?? anthropic;
  if (sent === null) return err({ reason: "no_credential" });
  const count = (authorization === null ? 0 : 1) + (azure === null ? 0 : 1) + (anthropic === null ? 0 : 1);
  if (count > 1 || sent.includes(",")) return err({ reason: "conflict" });
  if (sent.length > LIMITS.credentialBytesMax) return err({ reason: "bad_credential" });
  const bearer = authorization !== null;
  if (bearer && !BEARER.test(sent)) return err({ reason: "bad_credential" });
  const text = bearer ? sent.replace(BEARER, "") : sent;
  return TOKEN.test(text) ? ok({ text, bearer }) : err({ reason: "bad_credential" });
}
