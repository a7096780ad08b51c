import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OPERATIONS } from "../../functions/v1/index.ts";
import { openApiDocument } from "../../functions/v1/openapi.ts";
import { type Lab, startLab, type Tenant } from "../support/lab.ts";
import { allowed, harmed, type Schema, type Schemas } from "./json-schema.ts";

interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  required?: boolean;
  schema: Schema;
}
interface Documented {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema?: Schema; example?: unknown }> };
  responses: Record<string, unknown>;
}

/** Requests of each operation; more by `FUZZ_RUNS`, another start by `FUZZ_SEED`. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 12);
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_121);
/** A dependency that is away, or too much at once: said with a typed problem and advice when to come back. */
const MAY_FAIL: ReadonlySet<number> = new Set([503]);
/** Open until somebody closes them, or not HTTP. */
const NOT_ASKED: ReadonlySet<string> = new Set(OPERATIONS.filter(({ kind }) => kind === "socket").map(({ id }) => id));
const ANSWER_MS_MAX = 20_000;

// safe because: the document's own shape, of which only this is read
const document = openApiDocument(OPERATIONS, { version: "0", server: "http://127.0.0.1" }) as {
  paths: Record<string, Record<string, Documented>>;
  components: { schemas: Schemas };
};
const { schemas } = document.components;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
);

describe("every operation of /openapi.json", () => {
  let lab: Awaited<ReturnType<typeof startLab>>;
  let tenant: Tenant;
  let bystander: Tenant;
  /** What the requests may not name: they would end the operator's key, or who is asked at the end. */
  let spared: readonly string[] = [];
  /** Ids that answers named, which later requests use: the sequence has a state. */
  const ids: string[] = ["default", "task_0", "x"];
  const served = new Set<string>();
  let requests = 0;

  beforeAll(async () => {
    lab = await startLab({ runtime: "deno" });
    tenant = await lab.newTenant();
    bystander = await lab.newTenant();
    const [, , , kid = ""] = lab.cell.adminKey.split("_");
    spared = [bystander.id, kid];
  });
  afterAll(() => lab?.stop());

  it.for(operations.filter(({ operation }) => !NOT_ASKED.has(operation.operationId)))(
    "$method $path never fails by itself, and answers only what it documents",
    { timeout: 120_000 },
    async ({ path: template, method, operation }) => {
      await fc.assert(
        fc.asyncProperty(requestOf(template, operation), async (asked) => {
          const key = asked.operator ? lab.cell.adminKey : tenant.adminKey;
          const path = asked.path(ids);
          const response = await send(lab, method, path, asked, key);
          const said = await response.text();
          requests++;
          const context = `${method} ${path} ${String(asked.body).slice(0, 500)} → ${response.status} ${said.slice(0, 500)}`;
          if (response.status >= 500 && !MAY_FAIL.has(response.status)) expect.fail(context);
          expect(Object.keys(operation.responses), context).toContain(String(response.status));
          if (response.status >= 400) expect(typeof problemOf(template, said)?.code, context).toBe("string");
          else {
            served.add(operation.operationId);
            remember(said);
          }
        }),
        { numRuns: RUNS, seed: SEED, endOnFailure: true, interruptAfterTimeLimit: 60_000 },
      );
    },
  );

  it("is reached behind its own checks, so that more than refusals are tried", () => {
    console.log(`${requests} requests; ${served.size} of ${operations.length} operations served one`);
    expect(served.size).toBeGreaterThan(operations.length / 3);
  });

  it("leaves a cell that still answers a good call", async () => {
    const answer = await lab.openai(bystander.apiKey).chat.completions.create({
      model: "small",
      messages: [{ role: "user", content: "hi" }],
    });
    expect(answer.choices).toHaveLength(1);
  });

  function remember(text: string): void {
    for (const [, id] of text.matchAll(/"(?:id|kid|response_id|file_id|approval_id)":\s*"([^"]{1,128})"/g))
      if (id !== undefined && !ids.includes(id) && !spared.includes(id)) ids.push(id);
    if (ids.length > 200) ids.splice(3, 100);
  }
});

interface Asked {
  path(ids: readonly string[]): string;
  body: string | FormData | Uint8Array<ArrayBuffer> | null;
  media: string | null;
  operator: boolean;
}

function requestOf(path: string, operation: Documented): fc.Arbitrary<Asked> {
  const parameters = operation.parameters ?? [];
  const segment = fc.oneof(
    { weight: 3, arbitrary: fc.nat().map((n) => ({ known: n })) },
    { weight: 1, arbitrary: fc.string({ maxLength: 30, unit: "grapheme" }).map((free) => ({ free })) },
  );
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
  const inQuery = parameters.filter((parameter) => parameter.in === "query");
  const query = fc.record(
    Object.fromEntries(
      inQuery.map(({ name, schema }) => [
        name,
        fc.oneof({ weight: 3, arbitrary: allowed(schema, schemas) }, { weight: 1, arbitrary: fc.string() }),
      ]),
    ),
    { requiredKeys: [] },
  );
  return fc
    .tuple(
      fc.array(segment, { minLength: inPath.length, maxLength: inPath.length }),
      query,
      bodyOf(operation),
      fc.boolean(),
    )
    .map(([segments, queried, { body, media }, operator]) => ({
      body,
      media,
      operator,
      path(ids) {
        let at = 0;
        const filled = path.replace(/\{\w+\}/g, () => {
          const chosen = segments[at++];
          const value =
            chosen && "known" in chosen ? (ids[chosen.known % ids.length] ?? "x") : (chosen?.free ?? "x") || "x";
          // A dot segment is another path before it is sent.
          return encodeURIComponent(value.isWellFormed() ? value : "x").replace(/^\.{1,2}$/, "x");
        });
        const search = new URLSearchParams(Object.entries(queried).map(([name, value]) => [name, String(value)]));
        return `${filled}${search.size > 0 ? `?${search}` : ""}`;
      },
    }));
}

type Body = Pick<Asked, "body" | "media">;

function bodyOf(operation: Documented): fc.Arbitrary<Body> {
  const content = operation.requestBody?.content;
  if (!content) return fc.constant({ body: null, media: null });
  const json = content["application/json"];
  if (json === undefined) {
    const media = Object.keys(content)[0] ?? "application/octet-stream";
    return fc.uint8Array({ maxLength: 200 }).map((body) => ({ body: Uint8Array.from(body), media }));
  }
  const valid = allowed(json.schema ?? {}, schemas);
  const values = fc.oneof(
    { weight: 2, arbitrary: fc.constant(json.example) },
    { weight: 3, arbitrary: valid },
    { weight: 4, arbitrary: harmed(valid) },
    { weight: 3, arbitrary: harmed(fc.constant(json.example)) },
  );
  const broken = fc.tuple(values, fc.nat()).map(([value, at]) => {
    const text = JSON.stringify(value) ?? "";
    return text.slice(0, at % (text.length + 1));
  });
  return fc
    .oneof(
      { weight: 9, arbitrary: values.map((value) => JSON.stringify(value) ?? "") },
      { weight: 1, arbitrary: broken },
    )
    .map((body) => ({ body, media: "application/json" }));
}

function send(lab: Lab, method: string, path: string, { body, media }: Asked, key: string): Promise<Response> {
  return fetch(`${lab.cell.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(media === null ? {} : { "content-type": media }) },
    body,
    redirect: "manual",
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
}

/** Below `/v2` a refusal's `error` is a text, with the code beside it. */
function problemOf(path: string, text: string): { code?: unknown } | null {
  try {
    const { error, code } = JSON.parse(text);
    if (path.startsWith("/v2")) return typeof error === "string" ? { code } : null;
    return error ?? { code };
  } catch {
    return null;
  }
}
