import { Hono } from "hono";
import { getPath } from "hono/utils/url";
import type { Deps, Incoming, Runtime } from "./context.ts";
import { pinRegion } from "./pipeline/pin-region.ts";
import { asProblem, problemResponse } from "./pipeline/problem-response.ts";
import { refuseOversized, trace } from "./pipeline/trace.ts";
import { ProblemError, shapeOfPath } from "./problem.ts";
import type { Operation } from "./v1/operation.ts";
import { type Served, serve } from "./v1/seam.ts";

export type Handler = (request: Request, runtime: Runtime) => Response | Promise<Response>;

/** OpenAPI's `/v1/keys/{kid}` as Hono writes it; a tail takes the rest of the path, slashes and all. */
const honoPath = (path: string, tail?: true): string =>
  path.replace(/\{(\w+)\}/g, ":$1").replace(/$/, tail ? "{.+}" : "");

const NO_PARAMS: Readonly<Record<string, string>> = {};

/** The cell's HTTP face: every route is an operation, through the one seam. */
export function createApp(deps: Deps, operations: readonly Operation[]): Handler {
  const begin = trace(deps);
  const pin = pinRegion(deps);
  const app = new Hono<{ Bindings: Incoming }>();
  /** Paths without parameters, by method: they need no matching, and nearly all calls are for one of them. */
  const exact = new Map<string, Map<string, Served>>();
  const methods = new Map<string, string[]>();
  for (const operation of operations) {
    const handler = serve(operation, deps);
    const method = operation.method.toUpperCase();
    for (const path of [operation.path, ...(operation.aliases ?? [])]) {
      const route = honoPath(path, operation.tail);
      app.on(method, route, (c) => handler(c.env, c.req.raw, c.req.param() as Record<string, string>, c.req.path)); // safe because: a route's parameters are text
      methods.set(route, [...(methods.get(route) ?? []), method]);
      if (route === path) exact.set(path, (exact.get(path) ?? new Map<string, Served>()).set(method, handler));
    }
  }
  for (const [route, allowed] of methods)
    app.all(route, () => {
      throw new ProblemError("method-not-allowed", { headers: { allow: allowed.join(", ") } });
    });
  /** For what no operation answers; the call's span ends here, because no seam will. */
  const refused = (thrown: unknown, incoming: Incoming, path: string): Response => {
    const problem = asProblem(thrown);
    if (problem.slug === "internal") deps.telemetry.log.error("request.crashed", thrown, { request: incoming.request });
    const response = problemResponse(problem, incoming, shapeOfPath(path));
    incoming.span.set({ "http.response.status_code": response.status, "error.type": problem.slug });
    incoming.span.end(response.status >= 500 ? "error" : "ok");
    return response;
  };
  app.notFound((c) => refused(new ProblemError("not-found"), c.env, c.req.path));
  app.onError((thrown, c) => refused(thrown, c.env, c.req.path));
  return (request, runtime) => {
    const path = getPath(request);
    const begun = begin(request, runtime);
    let incoming: Incoming;
    try {
      refuseOversized(request, begun.headers);
      incoming = pin(begun, request);
    } catch (thrown) {
      return refused(thrown, begun, path);
    }
    const handler = exact.get(path)?.get(request.method);
    return handler ? handler(incoming, request, NO_PARAMS, path) : app.fetch(request, incoming);
  };
}
