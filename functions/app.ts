import { Hono } from "hono";
import type { Deps, Incoming, Runtime } from "./context.ts";
import { pinRegion } from "./pipeline/pin-region.ts";
import { asProblem, problemResponse } from "./pipeline/problem-response.ts";
import { type AppEnv, trace } from "./pipeline/trace.ts";
import { ProblemError, shapeOfPath } from "./problem.ts";
import type { Operation } from "./v1/operation.ts";
import { serve } from "./v1/seam.ts";

export type Handler = (request: Request, runtime: Runtime) => Response | Promise<Response>;

/** OpenAPI's `/v1/keys/{kid}` as Hono writes it; a tail takes the rest of the path, slashes and all. */
const honoPath = (path: string, tail?: true): string =>
  path.replace(/\{(\w+)\}/g, ":$1").replace(/$/, tail ? "{.+}" : "");

/** The cell's HTTP face: every route is an operation, through the one seam. */
export function createApp(deps: Deps, operations: readonly Operation[]): Handler {
  const app = new Hono<AppEnv>();
  app.use(trace(deps), pinRegion(deps));
  const methods = new Map<string, string[]>();
  for (const operation of operations) {
    const handler = serve(operation, deps);
    for (const path of [operation.path, ...(operation.aliases ?? [])]) {
      const route = honoPath(path, operation.tail);
      app.on(operation.method.toUpperCase(), route, handler);
      methods.set(route, [...(methods.get(route) ?? []), operation.method.toUpperCase()]);
    }
  }
  for (const [route, allowed] of methods)
    app.all(route, () => {
      throw new ProblemError("method-not-allowed", { headers: { allow: allowed.join(", ") } });
    });
  /** For what no operation answers; the call's span ends here, because no seam will. */
  const refused = (problem: ProblemError, incoming: Incoming, path: string): Response => {
    const response = problemResponse(problem, incoming, shapeOfPath(path));
    incoming.span.set({ "http.response.status_code": response.status, "error.type": problem.slug });
    incoming.span.end(response.status >= 500 ? "error" : "ok");
    return response;
  };
  app.notFound((c) => refused(new ProblemError("not-found"), c.var.incoming, c.req.path));
  app.onError((thrown, c) => {
    const problem = asProblem(thrown);
    if (problem.slug === "internal")
      deps.telemetry.log.error("request.crashed", thrown, { request: c.var.incoming.request });
    return refused(problem, c.var.incoming, c.req.path);
  });
  return (request, runtime) => app.fetch(request, runtime);
}
