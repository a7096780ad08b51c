import { PROBLEMS, type ProblemSlug, problemType } from "../shared/contracts/problems.ts";

export interface ProblemExtensions {
  /** One sentence for the caller. Never a secret, never another tenant's data. */
  detail?: string;
  /** Which member of the request is meant. */
  param?: string;
  retryAfterMs?: number;
  headers?: Readonly<Record<string, string>>;
  /** Further members of the document, e.g. `errors`, `current_version`. */
  members?: Readonly<Record<string, unknown>>;
}

/** An error that the caller is told about. `cause` is logged, never sent. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly slug: ProblemSlug;
  readonly extensions: ProblemExtensions;
  constructor(slug: ProblemSlug, extensions: ProblemExtensions = {}, options?: ErrorOptions) {
    super(extensions.detail ?? PROBLEMS[slug].title, options);
    this.slug = slug;
    this.extensions = extensions;
  }
}

/**
 * How errors of a surface are shaped: RFC 9457 plus OpenAI's `error` member, Anthropic's envelope, or RFC 9457 plus the
 * text that clients of the Open Inference Protocol read as `error`.
 */
export type ProblemShape = "openai" | "anthropic" | "oip";

/** Of whatever is answered below a path, whether or not an operation is there. */
export const shapeOfPath = (path: string): ProblemShape => (/^\/v2(?:\/|$)/.test(path) ? "oip" : "openai");

/** The `error` object that SDKs read, also sent as the last frame of a broken stream. */
export function errorMember({ slug, extensions }: ProblemError) {
  const spec = PROBLEMS[slug];
  return {
    message: extensions.detail ?? spec.title,
    type: spec.type,
    param: extensions.param ?? null,
    code: spec.code,
  };
}

export function problemDocument(problem: ProblemError, request: string, shape: ProblemShape = "openai") {
  const spec = PROBLEMS[problem.slug];
  const error = errorMember(problem);
  const members = problem.extensions.members ?? {};
  if (shape === "anthropic")
    return {
      type: "error",
      error: { type: anthropicType(spec.status), message: error.message, code: error.code },
      request_id: request,
      ...members,
    };
  return {
    type: problemType(problem.slug),
    title: spec.title,
    status: spec.status,
    detail: error.message,
    instance: `urn:bailiwick:request:${request}`,
    ...(shape === "oip" ? { error: error.message, code: error.code, param: error.param } : { error }),
    ...members,
  };
}

/** Headers of a problem answer: media type, retry advice (WIRE "Errors") and whatever the problem carries. */
export function problemHeaders(
  { slug, extensions }: ProblemError,
  shape: ProblemShape = "openai",
): Record<string, string> {
  const spec = PROBLEMS[slug];
  const headers: Record<string, string> = {
    "content-type": shape === "anthropic" ? "application/json" : "application/problem+json",
    "cache-control": "no-store",
    ...extensions.headers,
  };
  if (extensions.retryAfterMs !== undefined) {
    headers["retry-after-ms"] = String(Math.ceil(extensions.retryAfterMs));
    // SDKs ignore or refuse hints above one minute (WIRE): never send a longer one.
    headers["retry-after"] = String(Math.min(59, Math.max(1, Math.ceil(extensions.retryAfterMs / 1000))));
  }
  if ("retry" in spec) headers["x-should-retry"] = "false";
  return headers;
}

/** The `error.type` of Anthropic's API for a status. */
export function anthropicType(status: number): string {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    default:
      return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

/** Thrown when a store says that the edge's cached facts are old: the seam asks again, decides again, and retries once. */
export class StaleAccess extends Error {
  override readonly name = "StaleAccess";
}
