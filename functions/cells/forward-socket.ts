import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Runtime } from "../context.ts";
import { Room } from "../pipeline/room.ts";
import { ProblemError } from "../problem.ts";
import { answered, type ForwardParts, passedOn } from "./forward.ts";
import { type Arrival, type Destination, passing } from "./passing-call.ts";

/** What a cell says to a request that asks for a WebSocket. */
export type SocketAnswer =
  | { kind: "refused"; response: Response }
  /** It agreed; `join` makes the caller's connection the other end, and `over` is called once when either has ended. */
  | { kind: "open"; join(runtime: Runtime, over: () => void): Response };

/** What a host can do about sockets. */
export interface SocketParts {
  /** Asks a cell for one under the given subprotocols. Rejects as `fetch` does. */
  ask(url: string, init: { headers: Headers; protocols: string[]; signal: AbortSignal }): Promise<SocketAnswer>;
}

/** RFC 9110 §5.6.2: what a subprotocol may consist of. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const offered = (headers: Headers): string[] => {
  const names = (headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
  return [...new Set(names)].filter((name) => TOKEN.test(name));
};

/** Sockets of one process: neither all callers nor one of them can open more than it bears. */
export const socketRoom = (): Room => new Room(LIMITS.socketsMax, LIMITS.socketsPerTenantMax);

/**
 * A socket of the caller that is one of its cell: asked for under the same proof as any call, opened only once the cell
 * has opened its own, and refused with the cell's own answer. `owner`: who shares a bound with it. Throws
 * `cell-unavailable` (503), `overloaded` (429).
 */
export async function forwardSocket(
  parts: ForwardParts & { sockets: SocketParts; room: Room },
  arrival: Arrival,
  to: Destination & { owner: string },
): Promise<Response> {
  const leave = parts.room.enter(to.owner);
  if (leave === null)
    throw new ProblemError("overloaded", { detail: "Too many sockets are open.", retryAfterMs: 1_000 });
  let joined = false;
  try {
    const { url, headers } = passing(parts, arrival, to);
    return await answered(parts, arrival, to, LIMITS.forwardedSocketMsMax, async (signal) => {
      const answer = await parts.sockets.ask(url, { headers, protocols: offered(arrival.request.headers), signal });
      if (answer.kind === "refused") return passedOn(answer.response);
      joined = true;
      const closed = arrival.call.socketOpened();
      return answer.join(arrival.runtime, () => {
        closed();
        leave();
      });
    });
  } finally {
    if (!joined) leave();
  }
}
