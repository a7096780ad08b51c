import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import type { z } from "zod";
import { Problem } from "../../shared/contracts/http/problem.ts";
import { PROBLEMS, type ProblemSlug } from "../../shared/contracts/problems.ts";
import type { Operation } from "./operation.ts";

/** What any governed operation may answer besides its own problems. */
const COMMON: readonly ProblemSlug[] = [
  "unauthenticated",
  "credential-conflict",
  "forbidden",
  "insufficient-scope",
  "tenant-suspended",
  "rate-limited",
  "policy-unavailable",
  "store-unavailable",
  "draining",
  "internal",
];
const WITH_BODY: readonly ProblemSlug[] = [
  "invalid-request",
  "malformed-json",
  "body-too-large",
  "unsupported-media-type",
];

const problemsOf = (operation: Operation): ProblemSlug[] => [
  ...new Set([
    ...(operation.gate === "public" ? (["internal"] as const) : COMMON),
    ...(operation.media ? WITH_BODY : []),
    ...(operation.params || operation.query ? (["invalid-request"] as const) : []),
    ...operation.problems,
  ]),
];

type Content = Record<string, { schema: z.ZodType }>;
type Response = { description: string; content?: Content };

function responsesOf(operation: Operation): Record<number, Response> {
  const [status, schema, description, contentType] = operation.success;
  const responses: Record<number, Response> = {};
  const content: Content = schema ? { [contentType ?? "application/json"]: { schema } } : {};
  if (schema && operation.kind === "stream") content["text/event-stream"] = { schema };
  responses[status] = { description, ...(Object.keys(content).length > 0 ? { content } : {}) };
  for (const slug of problemsOf(operation)) {
    const problem = PROBLEMS[slug];
    const text = `\`${problem.code}\`: ${problem.title}.`;
    const known = responses[problem.status];
    responses[problem.status] = known
      ? { ...known, description: `${known.description} ${text}` }
      : { description: text, content: { "application/problem+json": { schema: Problem } } };
  }
  return responses;
}

/** The OpenAPI 3.1 document of the mounted operations; nothing in it is written twice. */
export function openApiDocument(operations: readonly Operation[], info: { version: string; server: string }): object {
  const app = new OpenAPIHono();
  app.openAPIRegistry.registerComponent("securitySchemes", "apiKey", {
    type: "http",
    scheme: "bearer",
    description: "An API key `bw_…`, or an OAuth 2.0 access token of a registered issuer.",
  });
  for (const operation of operations) {
    const paths = [operation.path, ...(operation.aliases ?? [])];
    for (const [index, path] of paths.entries()) {
      const request = {
        ...(operation.params && index === 0 ? { params: operation.params } : {}),
        ...(operation.query ? { query: operation.query } : {}),
        ...(operation.body && operation.media
          ? { body: { required: true, content: { [operation.media]: { schema: operation.body } } } }
          : {}),
      };
      const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
      const declared = index === 0 && operation.params !== undefined;
      app.openAPIRegistry.registerPath(
        createRoute({
          method: operation.method,
          path,
          operationId: index === 0 ? operation.id : `${operation.id}.alias${index}`,
          summary: operation.summary,
          tags: [operation.tag],
          request: request as never, // safe because: the library wants object schemas for params and query, and every operation gives one (test/operations.test.ts)
          ...(declared
            ? {}
            : {
                parameters: names.map((name) => ({
                  name,
                  in: "path" as const,
                  required: true,
                  schema: { type: "string" as const },
                })),
              }),
          responses: responsesOf(operation),
          security: operation.gate === "public" ? [] : [{ apiKey: [] }],
          "x-action": operation.action,
          "x-ack": operation.ack,
          "x-effect": operation.effect,
          "x-retry": operation.retry,
        }),
      );
    }
  }
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
    tags: [...new Set(operations.map((operation) => operation.tag))].map((name) => ({ name })),
  });
}
