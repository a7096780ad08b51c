import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Deps, Incoming, Runtime } from "../context.ts";
import { ProblemError } from "../problem.ts";
import { ReadHeaders } from "./call-headers.ts";

/** OpenTelemetry's HTTP conventions: a method that nobody knows is not part of a name. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Gives a call its ids, receive time and root span. */
export const trace =
  (deps: Pick<Deps, "clock" | "ids" | "telemetry">) =>
  ({ method, headers: given }: Request, runtime: Runtime): Incoming & { headers: ReadHeaders } => {
    const headers = new ReadHeaders(given);
    const request = deps.ids.mint("req");
    return {
      request,
      task: deps.ids.mint("task"),
      receivedMs: deps.clock.now(),
      runtime,
      // The path is the caller's own text: the seam names the span by its route.
      span: deps.telemetry.start(METHODS.has(method) ? method : "HTTP", headers.get("traceparent"), {
        "bailiwick.request": request,
      }),
      headers,
      reply: { "x-request-id": request },
    };
  };

/** What no operation should see. Throws `uri-too-long` and `headers-too-large`. */
export function refuseOversized({ url }: Pick<Request, "url">, { chars }: ReadHeaders): void {
  if (url.length > LIMITS.urlBytesMax) throw new ProblemError("uri-too-long");
  if (chars > LIMITS.headerBytesMax) throw new ProblemError("headers-too-large");
}
