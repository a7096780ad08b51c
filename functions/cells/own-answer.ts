import type { DirectoryKeeper } from "./directory-keeper.ts";

/** `/metrics`, where somebody may read it. */
export interface MetricsPage {
  contentType: string;
  exposition(): string;
  /** Whoever may not is answered as if there were no such page. */
  mayRead(headers: Headers): boolean;
}

/** What the entry answers about itself; all but its metrics anybody may know. Null: the call is somebody else's. */
export function ownAnswer(
  request: Request,
  directory: Pick<DirectoryKeeper, "current">,
  metrics: MetricsPage | null,
): Response | null {
  if (request.method !== "GET" && request.method !== "HEAD") return null;
  const { pathname } = new URL(request.url);
  const headers = { "cache-control": "no-store" };
  const answer = (status: number, value: unknown) => Response.json(value, { status, headers });
  if (pathname === "/healthz" || pathname === "/health") return answer(200, { status: "ok" });
  if (pathname === "/metrics" && metrics?.mayRead(request.headers))
    return new Response(metrics.exposition(), { headers: { ...headers, "content-type": metrics.contentType } });
  if (pathname !== "/readyz") return null;
  const view = directory.current();
  return view === null
    ? answer(503, { status: "unready", directory: null })
    : answer(200, { status: "ready", directory: { version: view.version, expires: new Date(view.expiresMs) } });
}
