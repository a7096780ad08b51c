import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { PROBLEMS, type ProblemSlug } from "../problems.ts";
import * as budgets from "./budgets.ts";
import * as chat from "./chat.ts";
import * as completions from "./completions.ts";
import * as conversations from "./conversations.ts";
import * as credentials from "./credentials.ts";
import * as deleted from "./deleted.ts";
import * as embeddings from "./embeddings.ts";
import * as environments from "./environments.ts";
import { exampleOf } from "./fields.ts";
import * as health from "./health.ts";
import * as keys from "./keys.ts";
import * as ledger from "./ledger.ts";
import * as messages from "./messages.ts";
import * as models from "./models.ts";
import * as problem from "./problem.ts";
import * as projects from "./projects.ts";
import * as responses from "./responses.ts";
import * as tasks from "./tasks.ts";
import * as tenants from "./tenants.ts";
import * as usage from "./usage.ts";
import * as workspaces from "./workspaces.ts";

const modules = [
  budgets,
  chat,
  completions,
  conversations,
  credentials,
  deleted,
  embeddings,
  environments,
  health,
  keys,
  ledger,
  messages,
  models,
  problem,
  projects,
  responses,
  tasks,
  tenants,
  usage,
  workspaces,
];
const named: [string, z.ZodType][] = [];
for (const module of modules)
  for (const value of Object.values<unknown>(module)) {
    if (!(value instanceof z.ZodType)) continue;
    const id: unknown = value.meta()?.id;
    if (typeof id === "string") named.push([id, value]);
  }

describe("documented schemas", () => {
  it("carry distinct component names, so that no schema shadows another in the OpenAPI document", () => {
    expect(named.length).toBeGreaterThan(45);
    expect(new Set(named.map(([id]) => id)).size).toBe(named.length);
  });

  it.each(named)("%s has an example that it accepts, so the reference never shows a call that fails", (_id, schema) => {
    expect(exampleOf(schema)).toBeDefined();
    const parsed = schema.safeParse(exampleOf(schema));
    expect(parsed.error?.issues).toBeUndefined();
  });

  it.each(named)("%s turns into JSON Schema 2020-12, so that OpenAPI 3.1 can show it", (id, schema) => {
    const json = z.toJSONSchema(schema, { io: "input", target: "draft-2020-12" });
    expect(json.$defs?.[id]?.example).toEqual(exampleOf(schema));
  });
});

/** Every `pattern` below a JSON Schema. */
function patternsIn(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([name, value]) =>
    name === "pattern" && typeof value === "string" ? [value] : patternsIn(value),
  );
}

it.each(named)(
  "%s passes the OpenAPI generator with usable patterns, so that the document can be read by tools",
  (id, schema) => {
    const app = new OpenAPIHono();
    // As the product does: a schema may be older than the generator's own methods of schemas.
    const responses = { 200: { description: "ok", content: { "application/json": { schema } } } };
    app.openAPIRegistry.registerPath(createRoute({ method: "get", path: "/", responses }));
    const document = app.getOpenAPI31Document({ openapi: "3.1.0", info: { title: "t", version: "1" } });
    expect(document.components?.schemas?.[id]).toMatchObject({ example: exampleOf(schema) });
    for (const pattern of patternsIn(document.components)) {
      expect(() => new RegExp(pattern, "u")).not.toThrow();
      expect(pattern).not.toMatch(/^\/|\$\/[a-z]$/);
    }
  },
);

const issuesOf = (schema: z.ZodType, value: unknown) => schema.safeParse(value).error?.issues.map((i) => i.path[0]);
const turn = { role: "user", content: "hi" };

describe("inference requests", () => {
  it("keep members of newer SDKs, so that a parameter we do not know still reaches the engine", () => {
    const body = { model: "m", messages: [{ ...turn, new_member: 1 }], new_parameter: { deep: true }, stream: null };
    expect(chat.ChatCompletionRequest.parse(body)).toEqual(body);
  });

  it("refuse more messages, tools or metadata than the limits, so that one call cannot hold the cell's memory", () => {
    const many = (n: number, item: unknown) => Array.from({ length: n }, () => item);
    const body = (extra: object) => ({ model: "m", messages: [turn], ...extra });
    const refused = (extra: object) => issuesOf(chat.ChatCompletionRequest, body(extra));
    expect(refused({ messages: many(LIMITS.messagesMax, turn) })).toBeUndefined();
    expect(refused({ messages: many(LIMITS.messagesMax + 1, turn) })).toEqual(["messages"]);
    expect(refused({ tools: many(LIMITS.toolsMax + 1, { type: "function" }) })).toEqual(["tools"]);
    const pairs = Object.fromEntries(many(LIMITS.metadataPairsMax + 1, "v").map((v, i) => [`k${i}`, v]));
    expect(refused({ metadata: pairs })).toEqual(["metadata"]);
    expect(refused({ messages: [] })).toEqual(["messages"]);
  });

  it("refuse caps that are not whole positive numbers, so that a reservation is never computed from them", () => {
    for (const bad of [0, -1, 1.5, "7", Number.NaN, 2 ** 60])
      expect(issuesOf(chat.ChatCompletionRequest, { model: "m", messages: [turn], max_tokens: bad })).toEqual([
        "max_tokens",
      ]);
  });

  it.each([
    ["one text", "a", true],
    ["texts", ["a", "b"], true],
    ["tokens", [1, 2, 3], true],
    ["token arrays", [[1], [2, 3]], true],
    ["empty text", "", false],
    ["no texts", [], false],
    ["an empty text among texts", ["a", ""], false],
    ["a mixture", ["a", 1], false],
    ["fractional tokens", [1.5], false],
    ["an empty token array", [[1], []], false],
    ["too many texts", Array.from({ length: LIMITS.embeddingInputsMax + 1 }, () => "a"), false],
    ["nothing", undefined, false],
    ["an object", { length: 1 }, false],
  ])("judge %s as an input the way OpenAI does, so that nothing half-valid is priced", (_title, input, accepted) => {
    expect(embeddings.EmbeddingsRequest.safeParse({ model: "m", input }).success).toBe(accepted);
    expect(completions.CompletionsRequest.safeParse({ model: "m", prompt: input }).success).toBe(accepted);
  });

  it("take no item without a role that names no other kind and no earlier item, so that no engine has to guess who spoke", () => {
    const judged = (item: object) => issuesOf(responses.ResponsesRequest, { model: "m", input: [item] });
    for (const item of [{}, { content: "a" }, { type: "message", content: "a" }, { role: "", content: "a" }])
      expect(judged(item)).toBeDefined();
    for (const item of [
      { role: "narrator", content: "a" },
      { id: "msg_1" },
      { type: "item_reference", id: "msg_1" },
      { type: "new" },
    ])
      expect(judged(item)).toBeUndefined();
  });

  it("let a response continue one thing only, so that history is never merged by accident", () => {
    const both = { model: "m", input: "a", previous_response_id: "resp_1", conversation: "conv_1" };
    expect(issuesOf(responses.ResponsesRequest, both)).toEqual(["conversation"]);
    expect(issuesOf(responses.ResponsesRequest, { model: "m" })).toEqual(["input"]);
    expect(issuesOf(responses.ResponsesRequest, { model: "m", previous_response_id: "resp_1" })).toBeUndefined();
  });
});

describe("our own resources", () => {
  it.each(
    named.filter(([id]) =>
      /^(Create(Key|Tenant|Workspace|Project|Environment|Credential)|Put|Rotate|Update(?!Conv))/.test(id),
    ),
  )("%s refuses an unknown member, so that a misspelt limit is never silently ignored", (_id, schema) => {
    const example: unknown = exampleOf(schema);
    expect(schema.safeParse({ ...Object(example), hrad: true }).success).toBe(false);
  });

  it("fill what a key request leaves out with the least it can mean", () => {
    expect(keys.CreateKey.parse({ name: "n", roles: ["developer"] })).toMatchObject({
      kind: "service",
      expires_at: null,
    });
    expect(keys.RotateKey.parse({})).toEqual({ overlap_s: 86_400 });
    expect(tenants.CreateTenant.parse({ name: "n" })).toMatchObject({ privacy: "local-only", content: "none" });
  });

  it("read dollars exactly, so that a budget is never off by a rounding", () => {
    const limit = (limit_usd: unknown) => budgets.PutBudget.safeParse({ period: "day", limit_usd });
    expect(limit("0.1").data?.limit_usd).toBe(100_000_000);
    expect(limit(0.02).data?.limit_usd).toBe(20_000_000);
    expect(limit("0.0000000001").success).toBe(false);
    expect(limit("-1").success).toBe(false);
    expect(limit("1e3").success).toBe(false);
  });

  it("read lists of groups in both forms, once each", () => {
    expect(usage.UsageQuery.parse({ group_by: "day,model,day" }).group_by).toEqual(["day", "model"]);
    expect(usage.UsageQuery.parse({ group_by: ["key"] }).group_by).toEqual(["key"]);
    expect(usage.UsageQuery.safeParse({ group_by: "subject" }).success).toBe(false);
    expect(usage.UsageQuery.safeParse({ from: "2026-11-02", to: "2026-11-02" }).success).toBe(false);
  });

  it("answer never a digest or sealed secret, because a strict answer with one does not pass its own schema", () => {
    const record = { ...Object(exampleOf(keys.KeyObject)), digest: "00" };
    expect(keys.KeyObject.safeParse(record).success).toBe(false);
    const credential = { ...Object(exampleOf(credentials.CredentialObject)), sealed: "AA" };
    expect(credentials.CredentialObject.safeParse(credential).success).toBe(false);
  });
});

it("every problem has a document that both conventions read, so that no SDK loses code or type", () => {
  for (const slug of Object.keys(PROBLEMS)) {
    const document = problem.problemExample(slug as ProblemSlug); // safe because: a key of PROBLEMS
    expect(problem.Problem.parse(document)).toEqual(document);
  }
});
