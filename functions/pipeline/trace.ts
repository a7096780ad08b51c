import { createMiddleware } from "hono/factory";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Deps, Incoming, Runtime } from "../context.ts";
import { ProblemError } from "../problem.ts";
import { ReadHeaders } from "./call-headers.ts";

export type AppEnv = { Bindings: Runtime; Variables: { incoming: Incoming } };

/** OpenTelemetry's HTTP conventions: a method that nobody knows is not part of a name. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Gives every call its ids, receive time and root span, and refuses what no operation should see. */
export const trace = (deps: Pick<Deps, "clock" | "ids" | "telemetry">) =>
  createMiddleware<AppEnv>(async function trace(c, next) {
    const { method, url } = c.req.raw;
    const headers = new ReadHeaders(c.req.raw.headers);
    const request = deps.ids.mint("req");
    const task = deps.ids.mint("task");
    c.set("incoming", {
      request,
      task,
      receivedMs: deps.clock.now(),
      runtime: c.env,
      // The path is the caller's own text: the seam names the span by its route.
      span: deps.telemetry.start(METHODS.has(method) ? method : "HTTP", headers.get("traceparent"), {
        "bailiwick.request": request,
      }),
      headers,
      reply: { "x-request-id": request },
    });
    if (url.length > LIMITS.urlBytesMax) throw new ProblemError("uri-too-long");
    let bytes = 0;
    for (const [name, value] of headers) bytes += name.length + value.length;
    if (bytes > LIMITS.headerBytesMax) throw new ProblemError("headers-too-large");
    await next();
  });
