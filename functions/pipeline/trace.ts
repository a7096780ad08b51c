import { createMiddleware } from "hono/factory";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Deps, Incoming, Runtime } from "../context.ts";
import { ProblemError } from "../problem.ts";

export type AppEnv = { Bindings: Runtime; Variables: { incoming: Incoming } };

/** Gives every call its ids, receive time and root span, and refuses what no operation should see. */
export const trace = (deps: Pick<Deps, "clock" | "ids" | "telemetry">) =>
  createMiddleware<AppEnv>(async function trace(c, next) {
    const { headers, method, url } = c.req.raw;
    const request = deps.ids.mint("req");
    const task = deps.ids.mint("task");
    c.set("incoming", {
      request,
      task,
      receivedMs: deps.clock.now(),
      runtime: c.env,
      span: deps.telemetry.start(`${method} ${c.req.path}`, headers.get("traceparent")),
      headers,
      reply: { "x-request-id": request },
    });
    if (url.length > LIMITS.urlBytesMax) throw new ProblemError("uri-too-long");
    let bytes = 0;
    for (const [name, value] of headers) bytes += name.length + value.length;
    if (bytes > LIMITS.headerBytesMax) throw new ProblemError("headers-too-large");
    await next();
  });
