import type { Call, Deps, Incoming } from "../context.ts";
import { attributionOf } from "../pipeline/attribution.ts";
import { readBody } from "../pipeline/body.ts";
import type { BodyLease } from "../pipeline/body-room.ts";
import { bodySent } from "../pipeline/body-sent.ts";
import { asProblem, problemResponse } from "../pipeline/problem-response.ts";
import { respondWith } from "../pipeline/respond-with.ts";
import { step } from "../pipeline/step.ts";
import { uploadOf } from "../pipeline/upload.ts";
import { ProblemError, StaleAccess, shapeOfPath } from "../problem.ts";
import { noteRefused } from "./ask-policy.ts";
import { governed, type Input, refuseState } from "./governed.ts";
import { type Identified, identify } from "./identify.ts";
import { inShape } from "./in-shape.ts";
import { parseInput, queryObject } from "./input.ts";
import type { Operation, Reply } from "./operation.ts";
import { isFramed, readJson } from "./read-json.ts";

/** An operation as it is called: what the transport says, the request, its path's parameters and the path itself. */
export type Served = (
  incoming: Incoming,
  request: Request,
  params: Readonly<Record<string, string>>,
  path: string,
) => Promise<Response>;

/**
 * The one way into an operation: authenticate, validate, decide, enforce, execute, answer. What a store calls stale is
 * looked up again and decided again, once.
 */
export const serve = (operation: Operation, deps: Deps): Served =>
  async function serveOperation(incoming, request, params, path) {
    incoming.span.rename(`${operation.method.toUpperCase()} ${operation.path}`);
    const stay: Stay = { lease: deps.bodies.lease(), leave: () => {} };
    deps.telemetry.metrics.gauge("bailiwick_requests_active", {}, 1);
    try {
      refuseDraining(operation, deps);
      const reply = await answer(operation, deps, incoming, request, params, stay);
      return respond(operation, deps, incoming, inShape(reply, operation.shape ?? shapeOfPath(path)));
    } catch (thrown) {
      const problem = asProblem(thrown);
      if (problem.slug === "data-residency-mismatch") await bodySent(request);
      return finish(
        operation,
        deps,
        incoming,
        problemResponse(problem, incoming, operation.shape ?? shapeOfPath(path)),
        problem,
      );
    } finally {
      deps.telemetry.metrics.gauge("bailiwick_requests_active", {}, -1);
      stay.lease.release();
      stay.leave();
    }
  };

/** What a call holds until it is answered: its body's room, and from when its body is there, its place in the drain. */
interface Stay {
  readonly lease: BodyLease;
  leave: () => void;
}

function refuseDraining(operation: Operation, deps: Deps): void {
  if (deps.lifecycle.draining && (operation.gate === "governed" || operation.gate === "worker"))
    throw new ProblemError("draining", { retryAfterMs: 1000 });
}

async function answer(
  operation: Operation,
  deps: Deps,
  incoming: Incoming,
  request: Request,
  path: Readonly<Record<string, string>>,
  stay: Stay,
): Promise<Reply> {
  const identified = await admissible(operation, deps, incoming, operation.credential === "fresh");
  const params = operation.params ? parseInput(operation.params, path, "path") : undefined;
  const query = operation.query ? parseInput(operation.query, queryObject(request.url), "query") : undefined;
  let rawBody = new Uint8Array() as Uint8Array;
  let body: unknown;
  const other = isFramed(operation, incoming.headers);
  if (operation.media !== null && operation.kind !== "upload") {
    const bounds = { bytesMax: operation.bodyBytesMax, lease: stay.lease };
    rawBody = await step(incoming.span, "read", () => readBody(request, bounds, incoming.headers));
    if (operation.body) {
      const read = readJson(operation, rawBody, { headers: incoming.headers, path, other });
      rawBody = read.rawBody;
      body = parseInput(operation.body, read.json, "body");
    }
  }
  // A body may take its time to arrive; a call whose body is not there yet holds up no drain, and begins none after it.
  refuseDraining(operation, deps);
  stay.leave = deps.lifecycle.enter();
  const upload = operation.kind === "upload" ? uploadOf(request, operation.bodyBytesMax) : undefined;
  const input = { params, query, body, rawBody, upload };
  if (identified === null) return operation.execute(deps, publicCall(deps, incoming, input));
  try {
    return await governed(operation, deps, incoming, identified, input);
  } catch (thrown) {
    if (!(thrown instanceof StaleAccess)) throw thrown;
    const again = await admissible(operation, deps, incoming, true);
    if (again === null) throw thrown;
    return governed(operation, deps, incoming, again, input);
  }
}

/**
 * Who calls, if their tenant may be called at all. Suspension and lock are compared again inside the stores' own
 * transactions; here they also cover operations that call none.
 */
async function admissible(
  operation: Operation,
  deps: Deps,
  incoming: Incoming,
  fresh: boolean,
): Promise<Identified | null> {
  const identified = await step(incoming.span, "authenticate", () => identify(operation, deps, incoming, { fresh }));
  if (identified === null) return null;
  const refused = refuseState(operation, identified);
  if (refused === null) return identified;
  // What is cached may be older than the resumption.
  if (!fresh) return admissible(operation, deps, incoming, true);
  const { actor, access, state } = identified;
  const by = attributionOf(actor, incoming, deps.cell, deps.config.current().digest, null);
  const reason = state.suspended ? "suspended" : "locked";
  const call = { by, task: incoming.task, access, actor };
  await noteRefused(deps, call, { action: operation.action, slug: refused.slug, reason });
  throw refused;
}

/** Public documents have no actor; reading one from such a call is a bug and throws. */
const publicCall = (deps: Deps, incoming: Incoming, input: Input): Call =>
  ({ ...incoming, ...input, snapshot: deps.config.current() }) as unknown as Call; // safe because: `gate: "public"` operations use incoming and snapshot only (test/operations.test.ts)

function respond(operation: Operation, deps: Deps, incoming: Incoming, reply: Reply): Response {
  if (reply.kind === "socket") {
    if (!incoming.runtime.upgrade) throw new Error("a socket for a request that asked for none");
    return finish(operation, deps, incoming, incoming.runtime.upgrade(reply.protocol, reply.accept), null);
  }
  if (reply.kind === "bytes") {
    const { body, status, contentType, headers = NO_HEADERS } = reply;
    // safe because: bytes, text and streams of bytes are bodies
    const response = respondWith(
      body as BodyInit | null,
      status,
      incoming.reply,
      { "content-type": contentType },
      headers,
    );
    return finish(operation, deps, incoming, response, null, reply.over);
  }
  const [status, schema] = operation.success;
  const body = schema ? JSON.stringify(schema.parse(reply.value)) : null;
  const own = body === null ? UNSTORED : UNSTORED_JSON;
  const response = respondWith(body, reply.status ?? status, incoming.reply, own, reply.headers ?? NO_HEADERS);
  return finish(operation, deps, incoming, response, null);
}

const NO_HEADERS = {};
const UNSTORED = { "cache-control": "no-store" };
const UNSTORED_JSON = { "content-type": "application/json", ...UNSTORED };

function finish(
  operation: Operation,
  deps: Deps,
  incoming: Incoming,
  response: Response,
  problem: ProblemError | null,
  over?: Promise<"ok" | "error">,
): Response {
  const close = (outcome: "ok" | "error"): void => {
    const labels = {
      http_route: operation.path,
      http_request_method: operation.method.toUpperCase(),
      http_response_status_code: response.status,
    };
    const seconds = (deps.clock.now() - incoming.receivedMs) / 1000;
    deps.telemetry.metrics.observe("http_server_request_duration_seconds", labels, seconds);
    incoming.span.set({ "http.route": operation.path, "http.response.status_code": response.status });
    if (problem) incoming.span.set({ "error.type": problem.slug });
    incoming.span.end(outcome);
  };
  if (over) incoming.runtime.defer(over.then(close));
  else close(response.status >= 500 ? "error" : "ok");
  if (operation.gate === "governed") {
    const degraded = deps.degraded();
    if (degraded.length > 0) response.headers.set("x-bailiwick-degraded", degraded.join(", "));
  }
  if (problem && response.status >= 500) {
    const members = { request: incoming.request, operation: operation.id, code: problem.slug };
    // Without a cause nothing broke: the cell is draining, or no engine takes the call.
    if (problem.cause === undefined) deps.telemetry.log.warn("request.failed", members);
    else deps.telemetry.log.error("request.failed", problem.cause, members);
  }
  return response;
}
