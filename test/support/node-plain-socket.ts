import { once } from "node:events";
import { connect } from "node:net";
import type { OpenSocket } from "../../functions/adapters/egress/socket-exchange.ts";

/** A connection of Node's as `cloudflare:sockets` shows one: what is not asked for stays with the system. */
export const openNodeSocket: OpenSocket = ({ hostname, port }) => {
  const socket = connect({ host: hostname, port, noDelay: true });
  socket.pause();
  const [opened, closed] = [once(socket, "connect"), new Promise<void>((done) => socket.once("close", () => done()))];
  return {
    opened,
    closed,
    readable: new ReadableStream({
      type: "bytes",
      start(controller) {
        let ended = false;
        const end = (how: () => void) => {
          if (ended) return;
          ended = true;
          how();
          controller.byobRequest?.respond(0);
        };
        socket.on("data", (part: Uint8Array) => {
          socket.pause();
          if (!ended) controller.enqueue(new Uint8Array(part));
        });
        socket.on("end", () => end(() => controller.close()));
        socket.on("error", (error) => {
          if (!ended) controller.error(error);
          ended = true;
        });
        socket.on("close", () => end(() => controller.close()));
      },
      pull: () => void socket.resume(),
    }),
    writable: new WritableStream({
      write: (part) =>
        new Promise((resolve, reject) => socket.write(part, (error) => (error ? reject(error) : resolve()))),
    }),
    async close() {
      socket.destroy();
      await closed;
    },
  };
};
