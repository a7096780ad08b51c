declare module "cloudflare:sockets" {
  import type { PlainSocket } from "../adapters/egress/socket-exchange.ts";

  /** A TCP connection to any address that the worker's way out permits; failures are told by the socket. */
  export function connect(address: { hostname: string; port: number }): PlainSocket;
}
