import { readFileSync } from "node:fs";
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import { WORKER_CLOSE } from "../../shared/contracts/worker-protocol.ts";
import type { Handler } from "../app.ts";
import type { Runtime } from "../context.ts";
import { asksForSocket } from "../pipeline/authenticate/offered-credential.ts";
import { bindSocket, type PlatformSocket } from "./web-socket.ts";

/** What this process can do that differs between Deno and Node. */
export interface Host {
  name: "deno" | "node";
  variables(): Record<string, string | undefined>;
  /** Resolves when it listens. Rejects with a `PortInUse` when somebody else does. */
  serve(options: ServeOptions): Promise<Server>;
  onSignal(handler: () => void): void;
  exit(code: number): never;
}
interface Server {
  port: number;
  /** Takes no more connections; resolves when the answers in flight are out, or after `withinMs` without them. */
  stop(withinMs: number): Promise<void>;
}
interface ServeOptions {
  host: string;
  port: number;
  /** Further processes listen there too, and the system spreads connections over them. */
  shared?: boolean;
  tls: { cert: string; key: string } | null;
  handle: Handler;
  onError(cause: unknown): void;
}

export class PortInUse extends Error {
  override readonly name = "PortInUse";
}

interface DenoRequest {
  remoteAddr: { hostname?: string };
  readonly completed: Promise<void>;
}
interface DenoServer {
  addr: { port: number };
  shutdown(): Promise<void>;
}
/** The members of Deno's global that are used here; its types stay out of the project. */
interface DenoGlobal {
  env: { toObject(): Record<string, string>; get(name: string): string | undefined };
  serve(
    options: {
      hostname: string;
      port: number;
      reusePort?: boolean;
      cert?: string;
      key?: string;
      onListen(): void;
      onError(cause: unknown): Response;
    },
    handler: (request: Request, info: DenoRequest) => Response | Promise<Response>,
  ): DenoServer;
  upgradeWebSocket(request: Request): {
    socket: PlatformSocket & { onopen: (() => void) | null };
    response: Response;
  };
  addSignalListener(signal: string, handler: () => void): void;
  exit(code: number): never;
}
const deno = (globalThis as { Deno?: DenoGlobal }).Deno; // safe because: looked at member by member, absent elsewhere

const runtimeOf = (
  request: Request,
  { source, sent, onError }: { source: string | null; sent(): Promise<unknown>; onError(cause: unknown): void },
): Runtime => ({
  source,
  sent,
  // Read on first use: most calls never ask. It also aborts after an answer is complete; whoever listens stops by then.
  get disconnected() {
    return request.signal;
  },
  defer(work) {
    work.catch(onError);
  },
});

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

function denoHost(global: DenoGlobal): Host {
  return {
    name: "deno",
    variables: () => global.env.toObject(),
    async serve({ host, port, shared = false, tls, handle, onError }) {
      const sockets = new Set<PlatformSocket>();
      const upgradeOf = (request: Request): Pick<Runtime, "upgrade"> => ({
        upgrade(protocol, accept) {
          const { socket, response } = global.upgradeWebSocket(request);
          // Deno's own choice of a protocol fails for a client that lists them without spaces, as RFC 6455 lets it.
          response.headers.set("sec-websocket-protocol", protocol);
          sockets.add(socket);
          socket.addEventListener("close", () => sockets.delete(socket));
          bindSocket(socket, accept);
          return response;
        },
      });
      try {
        const server = global.serve(
          {
            hostname: host,
            port,
            reusePort: shared,
            ...(tls ?? {}),
            onListen: () => {},
            onError(cause) {
              onError(cause);
              return new Response(null, { status: 500 });
            },
          },
          (request, info) => {
            const runtime = runtimeOf(request, {
              source: info.remoteAddr.hostname ?? null,
              sent: () => info.completed,
              onError,
            });
            runtime.asksLate = true;
            return handle(
              request,
              asksForSocket(request.headers) ? Object.assign(runtime, upgradeOf(request)) : runtime,
            );
          },
        );
        return {
          port: server.addr.port,
          async stop(withinMs) {
            for (const socket of sockets) socket.close(WORKER_CLOSE.going, "the cell ends");
            await within(withinMs, server.shutdown());
          },
        };
      } catch (cause) {
        if (cause instanceof Error && cause.name === "AddrInUse")
          throw new PortInUse(`${host}:${port} is in use`, { cause });
        throw cause;
      }
    },
    onSignal(handler) {
      for (const signal of ["SIGINT", "SIGTERM"]) global.addSignalListener(signal, handler);
    },
    exit: (code) => global.exit(code),
  };
}

function nodeHost(): Host {
  return {
    name: "node",
    variables: () => process.env,
    async serve({ host, port, shared = false, tls, handle, onError }) {
      const { createAdaptorServer } = await import("@hono/node-server");
      const fetch = (
        request: Request,
        { incoming, outgoing }: { incoming: IncomingMessage; outgoing: ServerResponse },
      ) =>
        handle(
          request,
          runtimeOf(request, {
            source: incoming.socket.remoteAddress ?? null,
            sent: () => new Promise((resolve) => outgoing.once("close", resolve)),
            onError,
          }),
        );
      // Other upgrades than this one are answered as the plain requests that they also are.
      const sockets = { shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade === "websocket" };
      const { serveSockets } = await import("./node-socket.ts");
      const server = tls
        ? createAdaptorServer({
            fetch: fetch as never, // safe because: the adapter passes exactly these bindings
            createServer: (await import("node:https")).createServer,
            serverOptions: { ...tls, minVersion: "TLSv1.3", ...sockets },
          })
        : createAdaptorServer({ fetch: fetch as never, serverOptions: { ...sockets } }); // safe because: as above
      const endSockets = serveSockets(server as HttpServer, { handle, scheme: tls ? "https" : "http", onError }); // safe because: it is HTTP/1.1
      await new Promise<void>((resolve, reject) => {
        server.once("error", (cause: NodeJS.ErrnoException) =>
          reject(cause.code === "EADDRINUSE" ? new PortInUse(`${host}:${port} is in use`, { cause }) : cause),
        );
        server.listen({ port, host, reusePort: shared }, () => resolve());
      });
      const address = server.address();
      return {
        port: typeof address === "object" && address ? address.port : port,
        async stop(withinMs) {
          endSockets();
          const closed = new Promise<void>((resolve) => server.close(() => resolve()));
          if ("closeIdleConnections" in server) server.closeIdleConnections();
          await within(withinMs, closed);
          if ("closeAllConnections" in server) server.closeAllConnections();
        },
      };
    },
    onSignal(handler) {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, handler);
    },
    exit: (code) => process.exit(code),
  };
}

export const host: Host = deno ? denoHost(deno) : nodeHost();

/** The value behind `env:` or `file:`; null when it is not there or cannot be read. */
export function hostSecret(
  variables: Readonly<Record<string, string | undefined>>,
  ref: { source: "env" | "file"; name: string },
): string | null {
  if (ref.source === "env") return variables[ref.name] || null;
  try {
    return readFileSync(ref.name, "utf8").trim() || null;
  } catch {
    // Missing and unreadable are the same to the configuration: it says `secret_missing` and names the reference.
    return null;
  }
}
