import type { z } from "zod";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ProblemSlug } from "../../../shared/contracts/problems.ts";
import type { Call, Deps } from "../../context.ts";
import { INFERENCE_OBLIGATIONS } from "../../inference/obligations/carried-out.ts";
import { prepareInference } from "../../inference/prepare.ts";
import { runInference } from "../../inference/run.ts";
import type { View } from "../../inference/view.ts";
import type { ProblemShape } from "../../problem.ts";
import { answerVerdict, carriesVerdict } from "../approvals/response-verdict.ts";
import { type Operation, operation, type Reply } from "../operation.ts";
import { inBackground } from "../responses/background.ts";
import { TENSOR_BODY, tensorReply } from "./tensor-body.ts";

const ACTION = "inference:invoke";

interface ViewSpec extends Omit<View, "operation" | "action" | "shape"> {
  id: string;
  path: string;
  aliases?: readonly string[];
  body: z.ZodType;
  answer: z.ZodType;
  streams: boolean;
  /** Beyond those of every view. */
  problems?: readonly ProblemSlug[];
  summary: string;
  /** Tensors may travel behind the JSON, in both directions. */
  tensors?: true;
  shape?: ProblemShape;
}

/** An inference view: one surface over the shared steps. All views are one action to policy. */
export function viewOperation(spec: ViewSpec): Operation {
  const view: View = {
    surface: spec.surface,
    shape: spec.shape ?? "openai",
    operation: spec.id,
    action: ACTION,
    answerId: spec.answerId,
  };
  return operation({
    id: spec.id,
    method: "post",
    path: spec.path,
    ...(spec.aliases ? { aliases: spec.aliases } : {}),
    action: ACTION,
    gate: "governed",
    credential: "compared",
    effect: "ambiguous",
    retry: "idempotency-key",
    ack: spec.streams ? "progress" : "commit",
    kind: spec.streams ? "stream" : "unary",
    media: "application/json",
    bodyBytesMax: LIMITS.inferenceBodyBytesMax,
    body: spec.body,
    ...(spec.tensors ? { framed: TENSOR_BODY } : {}),
    success: [
      200,
      spec.answer,
      spec.streams ? "The answer; with `stream: true` its frames as server-sent events." : "The answer.",
    ],
    problems: [
      "model-not-found",
      // Of a subject that was erased since.
      "not-found",
      "obligation-failed",
      "tools-forbidden",
      "unsupported-parameter",
      "privacy-loosened",
      "task-budget-too-small",
      "budget-exhausted",
      "tenant-locked",
      "no-route",
      "pool-unavailable",
      "pool-overloaded",
      "engine-overloaded",
      "upstream-rejected",
      "upstream-failed",
      "upstream-timeout",
      "deadline-exceeded",
      "idempotency-key-invalid",
      "idempotency-in-progress",
      "idempotency-key-reused",
      "idempotency-result-expired",
      "outcome-unknown",
      "overloaded",
      "task-budget-exceeded",
      "canceled",
      ...(spec.problems ?? []),
    ],
    ...(spec.shape ? { shape: spec.shape } : {}),
    surface: spec.surface,
    summary: spec.summary,
    tag: "Inference",
    resource: { kind: "model" },
    enforces: INFERENCE_OBLIGATIONS,
    prepare: (deps, call) => prepareInference(deps, call, view),
    execute(deps, call) {
      if (spec.tensors) return tensors(deps, call, view);
      if (spec.surface !== "openai.responses") return runInference(deps, call, view);
      return carriesVerdict(call) ? answerVerdict(deps, call) : runInference(deps, inBackground(call), view);
    },
  });
}

/** A run without its caller writes the JSON form into its log; who reads it there gets the form that was asked for. */
async function tensors(deps: Deps, call: Call, view: View): Promise<Reply> {
  const reply = await runInference(deps, call, view);
  return call.run === undefined ? tensorReply(reply, call.body as JsonObject) : reply; // safe because: the operation's schema is an object
}
