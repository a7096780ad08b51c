import { z } from "zod";
import { PROBLEMS, type ProblemSlug, problemType } from "../problems.ts";

/** RFC 9457 and, as `error`, what every OpenAI SDK reads: one document for both conventions (WIRE "Errors"). */
export const Problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().optional(),
    instance: z.string().optional(),
    error: z.strictObject({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .meta({
    id: "Problem",
    description: "RFC 9457 problem details with the `error` member that OpenAI SDKs read.",
    example: problemExample("invalid-request", "messages: at least one is needed", "messages"),
  });
export type Problem = z.infer<typeof Problem>;

/** The document that a problem answers with, for the description of operations. */
export function problemExample(slug: ProblemSlug, detail?: string, param: string | null = null) {
  const { status, title, type, code } = PROBLEMS[slug];
  return {
    type: problemType(slug),
    title,
    status,
    ...(detail === undefined ? {} : { detail }),
    instance: "urn:bailiwick:request:req_01JD0000000000000000000000",
    error: { message: detail ?? title, type, param, code },
  };
}

/** The shape in which Anthropic's clients read errors; nothing of ours is lost, because `code` is the problem's. */
export const AnthropicError = z
  .looseObject({
    type: z.literal("error"),
    error: z.looseObject({ type: z.string(), message: z.string(), code: z.string() }),
    request_id: z.string(),
  })
  .meta({
    id: "AnthropicError",
    description: "An error as Anthropic's clients read it.",
    example: {
      type: "error",
      error: { type: "invalid_request_error", message: "max_tokens: a number is needed", code: "invalid_request" },
      request_id: "req_01JD0000000000000000000000",
    },
  });

/** The same where clients of the Open Inference Protocol call: `error` is a text there, and the rest stands beside it. */
export const TensorProblem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().optional(),
    instance: z.string().optional(),
    error: z.string(),
    code: z.string(),
    param: z.string().nullable(),
  })
  .meta({
    id: "TensorProblem",
    description: "RFC 9457 problem details with the `error` text that clients of the Open Inference Protocol read.",
    example: tensorProblemExample(),
  });

function tensorProblemExample() {
  const { error, ...problem } = problemExample("model-not-found", undefined, "model");
  return { ...problem, error: error.message, code: error.code, param: error.param };
}
