import type { Socket, SocketHandler } from "../context.ts";

/** What the WebSockets of Deno, workerd and ws have in common. */
export interface PlatformSocket {
  readonly readyState: number;
  readonly bufferedAmount?: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close" | "error", listener: () => void): void;
}

const OPEN = 1;
/** Programs may send 3000 to 4999 only (WHATWG WebSockets, `close`). */
const NOT_TEXT = 4415;
/** A reason is at most 123 bytes (RFC 6455 §5.5). */
const REASON_CHARS_MAX = 123;

/** Whether a request asks to become a WebSocket. */
export const asksForSocket = (headers: Headers): boolean => headers.get("upgrade")?.toLowerCase() === "websocket";

/** Gives an open socket to its handler, which is told of its end once. */
export function bindSocket(platform: PlatformSocket, accept: (socket: Socket) => SocketHandler): void {
  let ended = false;
  const handler = accept({
    send(text) {
      if (platform.readyState === OPEN) platform.send(text);
    },
    get buffered() {
      return platform.bufferedAmount ?? 0;
    },
    close(code, reason) {
      if (platform.readyState <= OPEN) platform.close(code, reason.slice(0, REASON_CHARS_MAX));
    },
  });
  const closed = () => {
    if (ended) return;
    ended = true;
    handler.closed();
  };
  platform.addEventListener("message", ({ data }) => {
    if (ended) return;
    if (typeof data === "string") handler.message(data);
    else platform.close(NOT_TEXT, "frames are text");
  });
  platform.addEventListener("close", closed);
  // A close event follows where the runtime still can send one.
  platform.addEventListener("error", closed);
}
