import type { Socket, SocketEnd, SocketHandler } from "../context.ts";

/** What the WebSockets of Deno, workerd and ws have in common. */
export interface PlatformSocket {
  readonly readyState: number;
  readonly bufferedAmount?: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "close", listener: (event: { code?: number; reason?: string }) => void): void;
}

const [CONNECTING, OPEN] = [0, 1];
/** RFC 6455 §7.4.1: it broke off. */
const BROKEN = 1006;
/** Programs may send 3000 to 4999 only (WHATWG WebSockets, `close`). */
const NOT_TEXT = 4415;
/** A reason is at most 123 bytes (RFC 6455 §5.5). */
const REASON_CHARS_MAX = 123;

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
  const closed = (end: SocketEnd) => {
    if (ended) return;
    ended = true;
    handler.closed(end);
  };
  platform.addEventListener("message", ({ data }) => {
    if (ended) return;
    if (typeof data === "string") handler.message(data);
    else platform.close(NOT_TEXT, "frames are text");
  });
  platform.addEventListener("close", ({ code = BROKEN, reason = "" }) => closed({ code, reason }));
  // A close event follows where the runtime still can send one.
  platform.addEventListener("error", () => closed({ code: BROKEN, reason: "" }));
  if (platform.readyState === CONNECTING) platform.addEventListener("open", () => handler.opened?.());
  else handler.opened?.();
}
