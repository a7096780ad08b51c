import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { EXPOSITION_CONTENT_TYPE } from "../shared/telemetry/exposition.ts";

export interface HealthOptions {
  port: number;
  /** Null, or why no job would be taken now. */
  unready: () => string | null;
  exposition: () => string;
}

export interface HealthServer {
  port: number;
  close(): Promise<void>;
}

/**
 * Answers on the loopback address only: `/healthz` while the process runs, `/readyz` while its engine and its connection
 * are up, `/metrics` for a collector beside it.
 */
export async function startHealth({ port, unready, exposition }: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: string, type = "text/plain; charset=utf-8") => {
      response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
      response.end(body);
    };
    if (request.method !== "GET") answer(405, "GET only\n");
    else if (request.url === "/healthz") answer(200, "ok\n");
    else if (request.url === "/readyz") {
      const reason = unready();
      answer(reason === null ? 200 : 503, `${reason ?? "ready"}\n`);
    } else if (request.url === "/metrics") answer(200, exposition(), EXPOSITION_CONTENT_TYPE);
    else answer(404, "not found\n");
  });
  server.maxConnections = 16;
  server.requestTimeout = 5_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port }, resolve);
  });
  // safe because: a server that listens on TCP has an address and a port
  const address = server.address() as AddressInfo;
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
