import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";
import { TASK_SOCKET_CLOSE } from "../../shared/contracts/task-socket.ts";
import type { Runtime, Socket, SocketEnd, SocketHandler } from "../context.ts";

/** The cell's end of a socket, open and held: it takes nothing from its connection before it is let go. */
export interface CellSocket extends Socket {
  /** The subprotocol that the cell chose. */
  readonly protocol: string;
  listen(handler: SocketHandler): void;
  /** Reads no more, so that the cell finds its connection full. */
  hold(): void;
  letGo(): void;
}

const NORMAL = 1000;
const NONE_GIVEN = 1005;

/** A code that every runtime lets a program send; what breaks off is to be connected again. */
function passable({ code, reason }: SocketEnd): SocketEnd {
  if (code === NORMAL || (code >= 3000 && code <= 4999)) return { code, reason };
  if (code === NONE_GIVEN) return { code: NORMAL, reason: "" };
  return { code: TASK_SOCKET_CLOSE.going, reason: "the connection broke off" };
}

/**
 * Makes a caller's connection the other end of its cell's socket: text goes both ways in order, and each side is told how
 * the other one ended. Holds no more than `socketWindowBytes` and one message for a caller that does not read; a caller
 * that says more than a cell takes is ended. `over` is called once.
 */
export function joinSockets(
  cell: CellSocket,
  runtime: Pick<Runtime, "upgrade">,
  { clock, over }: { clock: Clock; over: () => void },
): Response {
  if (!runtime.upgrade) throw new Error("a socket for a request that asked for none");
  return runtime.upgrade(cell.protocol, (caller) => {
    let ended = false;
    let held = true;
    let heardMs = clock.now();
    const watching = setInterval(watch, LIMITS.socketPingMs);
    let looking: ReturnType<typeof setInterval> | undefined;

    function end(of: Socket, how: SocketEnd): void {
      if (ended) return;
      ended = true;
      clearInterval(watching);
      clearInterval(looking);
      const { code, reason } = passable(how);
      of.close(code, reason);
      over();
    }
    function endBoth(how: SocketEnd): void {
      if (ended) return;
      end(cell, how);
      caller.close(how.code, how.reason);
    }
    /** A cell pings its sockets: one that says nothing for so long is gone. */
    function watch(): void {
      if (clock.now() - heardMs > LIMITS.socketSilenceMsMax)
        endBoth({ code: TASK_SOCKET_CLOSE.going, reason: "the cell is silent" });
    }
    function letGo(): void {
      if (ended || !held || caller.buffered > LIMITS.socketWindowBytes) return;
      held = false;
      clearInterval(looking);
      cell.letGo();
    }
    function hold(): void {
      if (ended || held || caller.buffered <= LIMITS.socketWindowBytes) return;
      held = true;
      cell.hold();
      // No runtime tells when a connection has room again.
      looking = setInterval(letGo, LIMITS.socketHeldMs);
    }

    cell.listen({
      message(text) {
        heardMs = clock.now();
        if (ended) return;
        caller.send(text);
        hold();
      },
      closed: (how) => end(caller, how),
    });
    return {
      opened: letGo,
      message(text) {
        if (ended) return;
        if (text.length > LIMITS.socketMessageBytesMax)
          return endBoth({ code: TASK_SOCKET_CLOSE.protocol, reason: "a message is too large" });
        if (cell.buffered > LIMITS.socketPendingMax * LIMITS.socketMessageBytesMax)
          return endBoth({ code: TASK_SOCKET_CLOSE.flooded, reason: "too many messages at once" });
        cell.send(text);
      },
      closed: (how) => end(cell, how),
    };
  });
}
