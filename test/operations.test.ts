import { describe, expect, it } from "vitest";
import { randomIds } from "../functions/adapters/ids/random.ts";
import { createApp } from "../functions/app.ts";
import type { Call, Deps, Runtime } from "../functions/context.ts";
import { documentedProblems } from "../functions/v1/documented-problems.ts";
import { OPERATIONS } from "../functions/v1/index.ts";
import { openApiDocument } from "../functions/v1/openapi.ts";
import type { Operation } from "../functions/v1/operation.ts";
import { exampleOf } from "../shared/contracts/http/fields.ts";
import type { UnixMs } from "../shared/contracts/ids.ts";
import { LIMITS } from "../shared/contracts/limits.ts";
import { PROBLEMS, type ProblemSlug } from "../shared/contracts/problems.ts";
import { createTelemetry } from "../shared/telemetry/create-telemetry.ts";
import { OPERATION_ROWS } from "./support/operation-rows.ts";
import { CELL_ACTIONS, ROLE_ACTIONS } from "./support/role-actions.ts";
import { projectFiles, readSource } from "./tidy/source-tree.ts";

const rows = OPERATIONS.map((operation) => ({ id: operation.id, operation }));
const placeholders = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
const membersOf = (schema: unknown): string[] => Object.keys((schema as { shape?: object } | undefined)?.shape ?? {}); // safe because: object schemas have a shape

const clock = { now: () => 1_795_000_000_000 as UnixMs }; // safe because: a fixed moment
const ids = randomIds(clock);
const telemetry = createTelemetry({
  service: "test",
  cell: "local",
  sink: () => {},
  exporter: null,
  clock,
  ids,
  sample: { ratio: 0, followParent: false },
});

describe.each(rows)("$id cannot ship without", ({ id, operation }) => {
  const { action, media, body, bodyBytesMax, path, params, method, effect, retry, resource, success } = operation;

  it("a policy action that the role table knows, so that nobody is let in by omission", () => {
    const known = [...CELL_ACTIONS, ...Object.values(ROLE_ACTIONS).flat()];
    expect(known).toContain(action);
  });

  it("a bound on its body, so that no caller fills the memory", () => {
    if (media === null) expect([bodyBytesMax, body]).toEqual([0, undefined]);
    else {
      expect(bodyBytesMax).toBeGreaterThan(0);
      // An upload is never held as a whole.
      const most = operation.kind === "upload" ? LIMITS.fileBytesMax + 64 * 1024 : LIMITS.inferenceBodyBytesMax;
      expect(bodyBytesMax).toBeLessThanOrEqual(most);
      // Bytes have no schema; their row brings them.
      expect(body !== undefined).toBe(media === "application/json");
      expect(OPERATION_ROWS[id]?.bytes !== undefined).toBe(media !== "application/json");
    }
  });

  it("an example that its own schema accepts", () => {
    if (!body) return;
    expect(exampleOf(body)).toBeDefined();
    expect(body.safeParse(exampleOf(body))).toMatchObject({ success: true });
  });

  it("a schema for every path parameter, and a resource that is one of them", () => {
    expect(membersOf(params).sort()).toEqual(placeholders(path).sort());
    if (resource.param) expect(placeholders(path)).toContain(resource.param);
  });

  it("an effect and a retry that agree with its method, so that a repeat never does harm", () => {
    if (method === "get") expect([effect, retry]).toEqual(["read", "safe"]);
    // A question may be too long for a URL; asking it again is as safe.
    else if (effect === "read") expect([method, retry]).toEqual(["post", "safe"]);
    if (method === "delete") expect(retry).toBe("safe");
  });

  it("a row in the unauthorised table", () => {
    expect(Object.keys(OPERATION_ROWS)).toContain(id);
    expect(placeholders(path).length > 0).toBe(OPERATION_ROWS[id]?.path !== undefined);
  });

  it("its status in the table of answers", () => {
    expect(operation.kind === "socket" ? [101] : [200, 201, 202]).toContain(success[0]);
  });
});

describe("the list of operations", () => {
  it("has each id, and each method of a path, once", () => {
    const routes = OPERATIONS.flatMap(({ method, path, aliases = [] }) =>
      [path, ...aliases].map((p) => `${method} ${p}`),
    );
    const twice = (all: string[]) => all.filter((one, index) => all.indexOf(one) !== index);
    expect(twice(OPERATIONS.map(({ id }) => id))).toEqual([]);
    expect(twice(routes.map((route) => route.replace(/\{\w+\}/g, "{}")))).toEqual([]);
  });

  it("has no row in the unauthorised table that is left over", () => {
    const known = new Set(OPERATIONS.map(({ id }) => id));
    expect(Object.keys(OPERATION_ROWS).filter((id) => !known.has(id))).toEqual([]);
  });

  it("is all that is mounted, so that no route bypasses the seam", async () => {
    const runtime: Runtime = { source: null, disconnected: new AbortController().signal, defer() {} };
    // safe because: an application without operations touches nothing else
    const bare = createApp({ clock, ids, telemetry } as unknown as Deps, []);
    const paths = OPERATIONS.flatMap(({ path, aliases = [] }) => [path, ...aliases]);
    for (const path of ["/", "/v1", ...paths])
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"])
        expect((await bare(new Request(`http://cell${path}`, { method }), runtime)).status).toBe(404);
    const routers = projectFiles("functions").filter(
      (path) => !path.endsWith(".test.ts") && /\bnew (?:OpenAPI)?Hono\b/.test(readSource(path)),
    );
    // The second one collects the document and serves nothing.
    expect(routers.sort()).toEqual(["functions/app.ts", "functions/v1/openapi.ts"]);
  });

  it("stands whole in the OpenAPI document", () => {
    // safe because: that is the shape of every OpenAPI document
    const { paths } = openApiDocument(OPERATIONS, { version: "1", server: "http://cell" }) as {
      paths: Record<string, Record<string, { operationId: string; "x-action": string; responses: object }>>;
    };
    for (const operation of OPERATIONS)
      for (const path of [operation.path, ...(operation.aliases ?? [])]) {
        const entry = paths[path]?.[operation.method];
        expect(entry).toMatchObject({
          operationId: expect.stringMatching(RegExp(`^${operation.id}(?:\\.alias\\d)?$`)),
        });
        expect(entry?.["x-action"]).toBe(operation.action);
        const statuses = [...documentedProblems(operation)].map((slug) => String(PROBLEMS[slug].status));
        expect(Object.keys(entry?.responses ?? {})).toEqual(expect.arrayContaining(statuses));
      }
  });
});

describe("operations that ask nobody who they are", () => {
  /** What the seam gives such a call; reading anything else would read `undefined` in production. */
  const GIVEN = [
    "request",
    "task",
    "receivedMs",
    "runtime",
    "span",
    "headers",
    "reply",
    "params",
    "query",
    "body",
    "rawBody",
  ];
  const call = new Proxy({} as Call, {
    // safe because: every member comes from the handler
    get(_target, name) {
      if (name === "snapshot") return { tenants: {} };
      if (typeof name === "string" && GIVEN.includes(name)) return undefined;
      throw new Error(`a public call has no ${String(name)}`);
    },
  });
  // safe because: the operations of the cell read these ports and no others
  const deps = {
    cell: { id: "local", endpoint: "http://cell" },
    openApi: () => "{}",
    dependencies: [],
    lifecycle: { draining: false },
    telemetry,
    router: { breakers: { states: () => [] } },
    signer: { keys: async () => [] },
    ledgerOrigin: "bailiwick.example.com",
    workers: { tokens: { jwks: () => ({ keys: [] }) } },
    callbacks: { keys: () => [] },
    poolWatch: { states: async () => [] },
  } as unknown as Deps;

  it.each(rows.filter(({ operation }) => ["public", "operations"].includes(operation.gate)))(
    "$id answers without an actor, a tenant or a decision",
    async ({ operation }) => {
      const reply = await operation.execute(deps, call);
      expect(["value", "bytes"]).toContain(reply.kind);
    },
  );
});

describe("every problem is documented where it can be answered", () => {
  /** Slugs that the code of some files can throw. */
  function thrown(files: readonly string[]): ProblemSlug[] {
    const found = files.flatMap((path) =>
      [
        ...readSource(path).matchAll(
          /(?:ProblemError|AuthRefusal)\(\s*(?:[^"()]*\?\s*)?"([a-z-]+)"(?:\s*:\s*"([a-z-]+)")?/g,
        ),
      ].flatMap((match) => [match[1], match[2]]),
    );
    return [...new Set(found)].filter((slug) => slug !== undefined && slug in PROBLEMS) as ProblemSlug[]; // safe because: just checked
  }
  const sources = (folder: string) =>
    projectFiles(folder).filter((path) => path.endsWith(".ts") && !/\.test\.ts$/.test(path));
  const undocumented = (slugs: readonly ProblemSlug[], operation: Operation) =>
    slugs.filter((slug) => !documentedProblems(operation).has(slug));
  const find = (id: string): Operation => OPERATIONS.find((operation) => operation.id === id) ?? expect.fail(id);
  const views = rows.filter(({ operation }) => operation.surface !== undefined);

  it("sees the problems of a file, so that an empty difference means something", () => {
    expect(thrown(["functions/inference/admission.ts"])).toContain("budget-exhausted");
    expect(thrown(["functions/inference/engine-problem.ts"])).toContain("engine-overloaded");
  });

  it("documents what the seam answers before an operation runs", () => {
    const seam = [
      ...sources("functions/pipeline"),
      ...["seam", "identify", "enforce", "input"].map((name) => `functions/v1/${name}.ts`),
    ];
    expect(undocumented(thrown(seam), find("chat.completions.create"))).toEqual([]);
  });

  it.each(views)("documents what the shared steps of inference answer, on $id", ({ id, operation }) => {
    const ofSessions = /\/(?:response-session|session-items)\.ts$/;
    const files = sources("functions/inference").filter((path) => id === "responses.create" || !ofSessions.test(path));
    expect(undocumented(thrown(files), operation)).toEqual([]);
  });

  it("documents every problem that is thrown anywhere, at one operation at least", () => {
    const documents = new Set(OPERATIONS.flatMap((operation) => [...documentedProblems(operation)]));
    // No operation answers these: there is none at that path, or none with that method.
    const ofTheRouter = ["not-found", "method-not-allowed"];
    // Before any cell: docs/cells.md.
    const ofTheEntry = ["cell-unavailable"];
    const all = thrown(sources("functions"));
    expect(all.filter((slug) => !documents.has(slug) && ![...ofTheRouter, ...ofTheEntry].includes(slug))).toEqual([]);
  });
});
