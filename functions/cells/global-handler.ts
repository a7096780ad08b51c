import type { CellEntry } from "../../shared/contracts/cell-directory.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Ids } from "../../shared/contracts/ports/clock.ts";
import { PROBLEMS } from "../../shared/contracts/problems.ts";
import { TASK_SOCKET_PATH } from "../../shared/contracts/task-socket.ts";
import type { ForwardingKey } from "../../shared/crypto/forwarding.ts";
import type { Runtime } from "../context.ts";
import { asksForSocket, credentialHeaders } from "../pipeline/authenticate/offered-credential.ts";
import { readCredential } from "../pipeline/authenticate/read-credential.ts";
import { bodySent } from "../pipeline/body-sent.ts";
import type { DirectoryView } from "../pipeline/locate/directory-view.ts";
import { elsewhere } from "../pipeline/locate/elsewhere.ts";
import { homeOf, selectedMayPass } from "../pipeline/locate/home-of.ts";
import { ProblemError, problemDocument, problemHeaders } from "../problem.ts";
import type { DirectoryKeeper } from "./directory-keeper.ts";
import { type Outcome, WatchedCall, type WatchParts } from "./entry-watch.ts";
import { type ForwardParts, forward } from "./forward.ts";
import { forwardSocket, type SocketParts, socketRoom } from "./forward-socket.ts";
import { type MetricsPage, ownAnswer } from "./own-answer.ts";
import type { Destination } from "./passing-call.ts";

export interface GlobalParts extends ForwardParts {
  directory: Pick<DirectoryKeeper, "current" | "due" | "refresh">;
  ids: Pick<Ids, "mint" | "base62">;
  /** By key id: of each cell that calls may be forwarded to. */
  keys: ReadonlyMap<string, ForwardingKey>;
  sockets: SocketParts;
  watch: WatchParts;
  /** Null where there is nobody who may read it. */
  metrics: MetricsPage | null;
}

/** Where a call goes from here. */
type Way =
  | { kind: "elsewhere"; cell: CellEntry | null }
  | ({ kind: "forward" | "socket"; owner: string } & Destination);

/**
 * The global entry: says where a call belongs, and sends on those of tenants that allow it. Keeps no state but the
 * directory, reads no body, and decides from the directory alone, so that tenants that are unknown, suspended or there
 * are told the same thing in the same way.
 */
export const globalHandler = (parts: GlobalParts) => {
  const { directory } = parts;
  const room = socketRoom();
  return async (request: Request, runtime: Runtime): Promise<Response> => {
    const own = ownAnswer(request, directory, parts.metrics);
    if (own !== null) return own;
    const call = new WatchedCall(parts.watch, request);
    const answer = (outcome: Outcome, response: Response, slug: string | null = null): Response => {
      call.ended(outcome, response, runtime, slug);
      return response;
    };
    try {
      const current = directory.current();
      if (directory.due) {
        const reading = directory.refresh();
        if (current === null) await reading;
        else runtime.defer(reading);
      }
      checkBounds(request);
      const view = directory.current();
      if (view === null)
        throw new ProblemError("misconfigured", { detail: "No directory of cells is in force.", retryAfterMs: 1_000 });
      const way = wayOf(view, request, parts.keys);
      call.belongsTo(way.cell);
      if (way.kind === "elsewhere") {
        await bodySent(request);
        throw elsewhere(way.cell);
      }
      const arrival = { request, runtime, call };
      const response =
        way.kind === "socket"
          ? await forwardSocket({ ...parts, room }, arrival, way)
          : await forward(parts, arrival, way);
      if (response.status === GONE && runtime.disconnected.aborted) return answer("gone", response);
      return answer(way.kind === "socket" ? "socket" : "forwarded", response);
    } catch (thrown) {
      if (!(thrown instanceof ProblemError)) {
        answer("failed", new Response(null, { status: 500 }), "internal");
        throw thrown;
      }
      const response = refusal(thrown, request, parts.ids.mint("req"));
      return answer(OUTCOMES.get(thrown.slug) ?? "refused", response, thrown.slug);
    }
  };
};

/** Nobody is there to read the answer. */
const GONE = 499;
const OUTCOMES: ReadonlyMap<string, Outcome> = new Map([
  ["data-residency-mismatch", "elsewhere"],
  ["cell-unavailable", "unavailable"],
]);

/** The host that was asked comes first; a credential of another cell is told its own. */
function wayOf(view: DirectoryView, request: Request, keys: ReadonlyMap<string, ForwardingKey>): Way {
  const { headers } = request;
  const kind = kindOf(request);
  const asked = view.byHost.get(headers.get("host")?.toLowerCase() ?? "") ?? null;
  const credential = readCredential(credentialHeaders(headers));
  const home = credential.ok ? homeOf(view, credential.value) : null;
  const cell = home?.cell ?? asked;
  const key = cell?.forwarding_keys.map((kid) => keys.get(kid)).find((known) => known !== undefined);
  const passes =
    home?.transit === true &&
    (asked === null || asked.id === home.cell.id) &&
    selectedMayPass(view, home.cell, headers.get("x-tenant"));
  if (!passes || kind === null || key === undefined || !credential.ok) return { kind: "elsewhere", cell };
  return { kind, cell: home.cell, key, credential: credential.value.text, owner: home.owner };
}

/** Workers belong to their cell and connect to it alone; of other connections that are no HTTP, only tasks are followed. */
function kindOf({ method, url, headers }: Request): "forward" | "socket" | null {
  const { pathname } = new URL(url);
  if (pathname.startsWith("/v1/workers/")) return null;
  if (!headers.has("upgrade")) return "forward";
  return method === "GET" && pathname === TASK_SOCKET_PATH && asksForSocket(headers) ? "socket" : null;
}

function checkBounds({ url, headers }: Request): void {
  if (url.length > LIMITS.urlBytesMax) throw new ProblemError("uri-too-long");
  let bytes = 0;
  for (const [name, value] of headers) bytes += name.length + value.length;
  if (bytes > LIMITS.headerBytesMax) throw new ProblemError("headers-too-large");
}

/** In the shape that clients of the path read (WIRE "Errors"). */
function refusal(problem: ProblemError, request: Request, id: string): Response {
  const shape = new URL(request.url).pathname === "/v1/messages" ? "anthropic" : "openai";
  return new Response(JSON.stringify(problemDocument(problem, id, shape)), {
    status: PROBLEMS[problem.slug].status,
    headers: { "x-request-id": id, ...problemHeaders(problem, shape) },
  });
}
