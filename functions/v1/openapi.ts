import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import { z } from "zod";
import { ApprovalSummary } from "../../shared/contracts/http/approvals.ts";
import { exampleOf } from "../../shared/contracts/http/fields.ts";
import { AnthropicError, Problem, TensorProblem } from "../../shared/contracts/http/problem.ts";
import { TaskCallbackEvent } from "../../shared/contracts/http/task-callback.ts";
import { PROBLEMS } from "../../shared/contracts/problems.ts";
import { type ProblemShape, shapeOfPath } from "../problem.ts";
import { mayWait } from "./approvals/may-wait.ts";
import { documentedProblems } from "./documented-problems.ts";
import { headersOf, RESPONSE_HEADERS, SECURITY_SCHEMES, securityOf, TAGS } from "./openapi-parts.ts";
import type { Operation } from "./operation.ts";

type Content = Record<string, { schema: z.ZodType; example?: unknown }>;
type Headers = Record<string, { $ref: string }>;
type Also = NonNullable<Operation["also"]>[number];
type Response = { description: string; headers: Headers; content?: Content };

const FRAMES = z.string().meta({ description: "Server-sent events; the payload of each is one JSON document." });
const TEXT = z.string();
const BYTES = z.string().meta({ format: "binary" });
const ANY = z.unknown();

const header = (name: keyof typeof RESPONSE_HEADERS) => ({ $ref: `#/components/headers/${name}` });
const typed = (type: string, schema: z.ZodType): Content => ({ [type]: { schema } });
/** The example that a test sends; those of answers stand at their schemas. */
const exampled = (type: string, schema: z.ZodType): Content => ({ [type]: { schema, example: exampleOf(schema) } });

const REFUSALS: Readonly<Record<ProblemShape, Content>> = {
  openai: typed("application/problem+json", Problem),
  anthropic: typed("application/json", AnthropicError),
  oip: typed("application/problem+json", TensorProblem),
};

function successOf(operation: Operation): Response {
  const [, schema, description, contentType = "application/json"] = operation.success;
  const content = typed(contentType, schema ?? (contentType === "application/json" ? ANY : TEXT));
  if (operation.kind === "stream") content["text/event-stream"] = { schema: FRAMES };
  const headers: Headers = { "x-request-id": header("RequestId") };
  if (operation.prepare) headers["x-bailiwick-task"] = header("TaskId");
  if (operation.gate === "governed") headers["x-bailiwick-degraded"] = header("Degraded");
  return { description, headers, content };
}

function responsesOf(operation: Operation, path: string): Record<number, Response> {
  const responses: Record<number, Response> = { [operation.success[0]]: successOf(operation) };
  const refusal = REFUSALS[operation.shape ?? shapeOfPath(path)];
  for (const slug of documentedProblems(operation)) {
    const { status, code, title } = PROBLEMS[slug];
    const text = `\`${code}\`: ${title}.`;
    const known = responses[status];
    const headers: Headers = { "x-request-id": header("RequestId") };
    if (status === 429 || status === 503) headers["retry-after"] = header("RetryAfter");
    responses[status] = known
      ? { ...known, description: `${known.description} ${text}` }
      : {
          description: text,
          headers,
          content: refusal,
        };
  }
  const waits: Also = [202, ApprovalSummary, "Somebody must approve it first: what waits, and where to look."];
  for (const [status, schema, description, type = "application/json"] of [
    ...(operation.also ?? []),
    ...(mayWait(operation) ? [waits] : []),
  ]) {
    const known = responses[status];
    responses[status] = {
      description: known ? `${description} ${known.description}` : description,
      headers: known?.headers ?? { "x-request-id": header("RequestId") },
      content: { ...typed(type, schema), ...known?.content },
    };
  }
  return responses;
}

const bodyOf = (media: string, schema: z.ZodType | undefined): Content =>
  schema ? exampled(media, schema) : typed(media, BYTES);

/** Path parameters of an alias: those that the operation's schema names are as there, others are texts. */
function aliasParameters(path: string, params: z.ZodType | undefined) {
  const known = params instanceof z.ZodObject ? params.shape : {};
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => [name, known[name] ?? z.string()]);
  return z.object(Object.fromEntries(named));
}

function requestOf(operation: Operation, path: string): object {
  const headers = headersOf(operation);
  const params = path === operation.path ? operation.params : aliasParameters(path, operation.params);
  return {
    ...(params ? { params } : {}),
    ...(operation.query ? { query: operation.query } : {}),
    ...(headers ? { headers } : {}),
    ...(operation.media ? { body: { required: true, content: bodyOf(operation.media, operation.body) } } : {}),
  };
}

/** What a cell sends to the `callback_url` of a task (docs/callbacks.md). */
const TASK_CALLBACK = {
  method: "post",
  path: "tasks.finished",
  operationId: "tasks.finished",
  summary: "A task with a callback_url has ended",
  request: {
    headers: z.object({
      "x-bailiwick-delivery": z.string().meta({ description: "The same in every try." }),
      "x-bailiwick-attempt": z.string().meta({ description: "From 1." }),
      "content-digest": z.string().meta({ description: "RFC 9530, SHA-256." }),
      "signature-input": z.string().meta({ description: "RFC 9421, over method, target and the headers above." }),
      signature: z.string().meta({ description: "Ed25519; keys at `/.well-known/jwks.json`." }),
    }),
    body: { required: true, content: { "application/cloudevents+json": { schema: TaskCallbackEvent } } },
  },
  responses: {
    204: { description: "It was taken; so is any other 2xx." },
    410: { description: "Nothing more is to be sent. Any other answer is tried again." },
  },
} as const;

/** The OpenAPI 3.1 document of the mounted operations; nothing in it is written twice. */
export function openApiDocument(operations: readonly Operation[], info: { version: string; server: string }): object {
  const app = new OpenAPIHono();
  const { openAPIRegistry: registry } = app;
  for (const [name, scheme] of Object.entries(SECURITY_SCHEMES))
    registry.registerComponent("securitySchemes", name, scheme);
  for (const [name, described] of Object.entries(RESPONSE_HEADERS))
    registry.registerComponent("headers", name, described);
  for (const operation of operations)
    for (const [index, path] of [operation.path, ...(operation.aliases ?? [])].entries())
      registry.registerPath(
        createRoute({
          method: operation.method,
          path,
          operationId: index === 0 ? operation.id : `${operation.id}.alias${index}`,
          summary: operation.summary,
          tags: [operation.tag],
          request: requestOf(operation, path) as never, // safe because: the library wants object schemas for params and query, and every operation gives one (test/operations.test.ts)
          responses: responsesOf(operation, path),
          security: securityOf(operation),
          "x-action": operation.action,
          "x-ack": operation.ack,
          "x-effect": operation.effect,
          "x-retry": operation.retry,
        }),
      );
  registry.registerWebhook({ ...TASK_CALLBACK, tags: ["Tasks"], security: [] });
  const used = new Set(operations.map(({ tag }) => tag));
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Bailiwick",
      version: info.version,
      description:
        "A governed AI backend: every call is authenticated, decided by policy, held against rate and budget, and recorded.",
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    servers: [{ url: info.server }],
    tags: [...used].map((name) => ({ name, description: TAGS[name] ?? name })),
  });
}
