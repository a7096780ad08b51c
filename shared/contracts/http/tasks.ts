import { z } from "zod";
import { CALLBACK_REASONS, CALLBACK_STATES } from "../callback.ts";
import { PRIVACY_MODES } from "../decision.ts";
import { LIMITS } from "../limits.ts";
import { USD_TEXT } from "../money.ts";
import { Route, RouteReason, TaskError, TaskPhase, TaskStatus } from "../task.ts";
import { METERS } from "../usage.ts";
import { ChatMessage } from "./chat.ts";
import { AnyJson, DecimalUsd, IntegerNusd, ModelName, Timestamp, TokenCount } from "./fields.ts";
import { TensorInput } from "./predict.ts";

const engine = z.strictObject({
  route: Route.nullable(),
  lane: z.enum(["direct", "queue"]).nullable(),
  chosen_by: z.string().nullable(),
  reason: z.string().nullable(),
  provider: z.string().nullable(),
  model: z.string().nullable(),
  candidates: z.array(RouteReason).meta({ description: "Every candidate with why it was or was not used." }),
});

const usage = z.strictObject({
  latency_ms: z.number().min(0).nullable(),
  tokens: z.strictObject({ in: TokenCount, out: TokenCount, cached: TokenCount, total: TokenCount }),
  meters: z.partialRecord(z.enum(METERS), z.int().min(0)).optional(),
  cost_usd: DecimalUsd,
  cost_nusd: IntegerNusd,
  estimated: z.boolean().meta({ description: "True when the bound was charged because the engine told no usage." }),
});

/** How far the task's caller was told of its end. */
const callback = z
  .strictObject({
    state: z.enum(CALLBACK_STATES),
    attempts: z.int().min(0),
    last_status: z.int().nullable().meta({ description: "What the receiver answered last." }),
    reason: z.enum(CALLBACK_REASONS).nullable().meta({ description: "Why the last try did not deliver." }),
  })
  .meta({ id: "TaskCallbackProgress" });

/** One governed execution. `status` is null until the task is terminal; `result` only where content is kept. */
export const TaskEnvelope = z
  .strictObject({
    schema_version: z.literal(1),
    object: z.literal("task"),
    task_id: z.string(),
    operation: z.string(),
    intent: z.string().nullable(),
    model: z.string().nullable(),
    status: TaskStatus.nullable(),
    phase: TaskPhase,
    created_at: Timestamp,
    finished_at: Timestamp.nullable(),
    workspace: z.string(),
    project: z.string(),
    environment: z.string(),
    subject: z.string(),
    decision_id: z.string().nullable(),
    engine,
    result: AnyJson,
    usage,
    error: TaskError.nullable(),
    callback: callback.optional().meta({ description: "Of a task with a `callback_url`, where it is read by its id." }),
  })
  .meta({
    id: "TaskEnvelope",
    example: {
      schema_version: 1,
      object: "task",
      task_id: "task_01JD0000000000000000000000",
      operation: "chat.completions.create",
      intent: "chat",
      model: "small",
      status: "OK",
      phase: "done",
      created_at: "2026-11-18T09:30:00.000Z",
      finished_at: "2026-11-18T09:30:00.412Z",
      workspace: "default",
      project: "default",
      environment: "default",
      subject: "service:demo",
      decision_id: "dec_01JD0000000000000000000000",
      engine: {
        route: "local",
        lane: "direct",
        chosen_by: "ordered",
        reason: "first healthy candidate",
        provider: "pool-a",
        model: "small-1",
        candidates: [
          { candidate: "pool-a:small-1", outcome: "chosen", reason: "first healthy candidate" },
          { candidate: "remote:small-1", outcome: "rejected", reason: "privacy local-only" },
        ],
      },
      result: null,
      usage: {
        latency_ms: 412,
        tokens: { in: 21, out: 8, cached: 0, total: 29 },
        cost_usd: "0.00000145",
        cost_nusd: 1450,
        estimated: false,
      },
      error: null,
    },
  });
export type TaskEnvelope = z.infer<typeof TaskEnvelope>;

/** `POST /v1/tasks`: what is to be made, and under which bounds. `params` are the request members of the intent's own operation. */
export const TaskRequest = z
  .strictObject({
    intent: z.enum(["chat", "completion", "embedding", "predict"]),
    model: ModelName.optional().meta({ description: "An alias, or `auto`, which is the default." }),
    input: z.union([
      z.string(),
      z
        .array(z.union([z.string(), ChatMessage]))
        .min(1)
        .max(LIMITS.messagesMax),
      TensorInput,
    ]),
    params: z.record(z.string().max(64), AnyJson).optional(),
    stream: z.boolean().optional().meta({ description: "Whether tokens are to be followed while they are made." }),
    privacy: z.enum(PRIVACY_MODES).optional(),
    budget_usd: z.string().regex(USD_TEXT).optional().meta({ description: "Exact decimal US dollars." }),
    deadline_ms: z.int().min(1).optional().meta({ description: "Milliseconds from now." }),
    callback_url: z
      .string()
      .max(LIMITS.callbackUrlCharsMax)
      .optional()
      .meta({ description: "Told of the end by a signed POST: `https`, at a public address." }),
  })
  .meta({ id: "TaskRequest", example: { intent: "chat", model: "small", input: "What is a jurisdiction?" } });
export type TaskRequest = z.infer<typeof TaskRequest>;

/** Data of one event of a task: of `token` an index and text, of `done` and `error` the task, of `partial` what was made. */
export const TaskEvent = z
  .looseObject({ index: z.int().min(0).optional(), text: z.string().optional() })
  .meta({ id: "TaskEvent", example: { index: 0, text: "The" } });
