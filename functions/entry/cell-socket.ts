import { Readable } from "node:stream";
import { WebSocket } from "ws";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";
import type { SocketParts } from "../cells/forward-socket.ts";
import { type CellSocket, joinSockets } from "../cells/join-sockets.ts";
import type { SocketHandler } from "../context.ts";
import { bindSocket, type PlatformSocket } from "./web-socket.ts";

const OPEN = 1;

/** Sockets of a host process to cells. Certificates are verified as in every call. */
export const hostSockets = ({ clock }: { clock: Clock }): SocketParts => ({
  ask: (url, { headers, protocols, signal }) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url.replace(/^http/, "ws"), protocols, {
        headers: Object.fromEntries(headers),
        followRedirects: false,
        perMessageDeflate: false,
        maxPayload: LIMITS.workerMessageBytesMax,
      });
      const stop = (): void => socket.terminate();
      signal.addEventListener("abort", stop, { once: true });
      const over = (): void => signal.removeEventListener("abort", stop);
      socket.once("open", () => {
        over();
        // Nothing is read before the caller's end is there.
        socket.pause();
        const cell = cellSocket(socket);
        resolve({ kind: "open", join: (runtime, ended) => joinSockets(cell, runtime, { clock, over: ended }) });
      });
      socket.once("unexpected-response", (_request, answer) => {
        const response = new Response(Readable.toWeb(answer) as ReadableStream<Uint8Array>, {
          status: answer.statusCode ?? 502,
          headers: Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
            values.map((value): [string, string] => [name, value]),
          ),
        }); // safe because: the stream of an answer carries bytes
        resolve({ kind: "refused", response });
      });
      // Stays: what ends an open socket has an event of its own.
      socket.on("error", (cause) => {
        over();
        reject(cause);
      });
    }),
});

function cellSocket(socket: WebSocket): CellSocket {
  return {
    protocol: socket.protocol,
    get buffered() {
      return socket.bufferedAmount;
    },
    send(text) {
      if (socket.readyState === OPEN) socket.send(text);
    },
    close(code, reason) {
      // One that reads nothing would never see that the cell has closed too.
      socket.resume();
      socket.close(code, reason);
    },
    listen(handler: SocketHandler) {
      if (socket.readyState > OPEN) return handler.closed({ code: 1006, reason: "" });
      // safe because: ws gives the listeners and members of the platform's WebSocket
      bindSocket(socket as unknown as PlatformSocket, () => handler);
    },
    hold: () => socket.pause(),
    letGo: () => socket.resume(),
  };
}
