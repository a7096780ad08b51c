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
import { type ForwardParts, forward } from "./forward.ts";
import { forwardSocket, type SocketParts, socketRoom } from "./forward-socket.ts";
import type { Destination } from "./passing-call.ts";

export interface GlobalParts extends ForwardParts {
  directory: Pick<DirectoryKeeper, "current" | "due" | "refresh">;
  ids: Pick<Ids, "mint" | "base62">;
  /** By key id: of each cell that calls may be forwarded to. */
  keys: ReadonlyMap<string, ForwardingKey>;
  sockets: SocketParts;
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
    const own = ownAnswer(request, directory);
    if (own !== null) return own;
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
      if (way.kind === "elsewhere") {
        await bodySent(request);
        throw elsewhere(way.cell);
      }
      if (way.kind === "socket") return await forwardSocket({ ...parts, room }, { request, runtime }, way);
      return await forward(parts, { request, runtime }, way);
    } catch (thrown) {
      if (!(thrown instanceof ProblemError)) throw thrown;
      return refusal(thrown, request, parts.ids.mint("req"));
    }
  };
};

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

/** What the entry answers about itself; anybody may know it. */
function ownAnswer(request: Request, directory: GlobalParts["directory"]): Response | null {
  if (request.method !== "GET" && request.method !== "HEAD") return null;
  const { pathname } = new URL(request.url);
  const answer = (status: number, value: unknown) =>
    Response.json(value, { status, headers: { "cache-control": "no-store" } });
  if (pathname === "/healthz" || pathname === "/health") return answer(200, { status: "ok" });
  if (pathname !== "/readyz") return null;
  const view = directory.current();
  return view === null
    ? answer(503, { status: "unready", directory: null })
    : answer(200, { status: "ready", directory: { version: view.version, expires: new Date(view.expiresMs) } });
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
