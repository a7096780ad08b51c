import { systemClock } from "../adapters/clock/system.ts";
import { randomIds } from "../adapters/ids/random.ts";
import type { SocketParts } from "../cells/forward-socket.ts";
import { globalHandler } from "../cells/global-handler.ts";
import { directoryOf } from "./cells-env.ts";
import { keysById, readGlobalEnv } from "./global-env.ts";
import type { Execution } from "./workerd-upkeep.ts";

type Bindings = Readonly<Record<string, unknown>>;
type Handle = ReturnType<typeof globalHandler>;

const say = (level: string, event: string, members: Record<string, string>): void =>
  console.error(JSON.stringify({ level, event, service: "bailiwick-entry", ...members }));

async function composed(bindings: Bindings): Promise<{ handle: Handle; addressed: boolean }> {
  const env = readGlobalEnv(bindings);
  const reach = { readFile: null, fetch: (url: string, init: RequestInit) => fetch(url, init) };
  const directory = await directoryOf(
    env,
    reach,
    {
      clock: systemClock,
      onFault: (fault) => fault !== null && say("error", "directory.refused", { fault }),
    },
    // What one request began would hang the others, should that one be cut off.
    { alone: true },
  );
  if (directory === null) throw new Error("BAILIWICK_DIRECTORY is missing");
  const handle = globalHandler({
    directory,
    keys: keysById(env.BAILIWICK_FORWARDING_KEYS),
    clock: systemClock,
    ids: randomIds(systemClock),
    fetch: reach.fetch,
    sockets: platformSockets,
    unreachable: (cell, kind) => say("warn", "cell.unreachable", { cell, kind }),
  });
  return { handle, addressed: bindings.BAILIWICK_PLATFORM === "cloudflare" };
}

/** The platform joins both connections by itself: nothing of them passes through here, and nothing is told of their end. */
const platformSockets: SocketParts = {
  async ask(url, { headers, protocols, signal }) {
    headers.set("upgrade", "websocket");
    if (protocols.length > 0) headers.set("sec-websocket-protocol", protocols.join(", "));
    const response: Response & { webSocket?: unknown } = await fetch(url, { headers, signal, redirect: "manual" });
    const { webSocket } = response;
    if (!webSocket) return { kind: "refused", response };
    const protocol = response.headers.get("sec-websocket-protocol") ?? "";
    return {
      kind: "open",
      join(_runtime, over) {
        over();
        const init = { status: 101, webSocket, headers: { "sec-websocket-protocol": protocol } };
        return new Response(null, init);
      },
    };
  },
};

const isolates = new WeakMap<Bindings, ReturnType<typeof composed>>();

/** The global entry on Workers: no object, no store and no secret but the keys of its header. */
export default {
  async fetch(request: Request, bindings: Bindings, context: Execution): Promise<Response> {
    let entry = isolates.get(bindings);
    if (entry === undefined) {
      entry = composed(bindings);
      isolates.set(bindings, entry);
      entry.catch((cause: unknown) =>
        say("error", "entry.unusable", { fault: cause instanceof Error ? cause.message : "unknown" }),
      );
    }
    let ready: Awaited<typeof entry>;
    try {
      ready = await entry;
    } catch {
      return new Response(null, { status: 503 });
    }
    const { handle, addressed } = ready;
    return handle(request, {
      source: addressed ? request.headers.get("cf-connecting-ip") : null,
      get disconnected() {
        return request.signal;
      },
      defer: (work) => context.waitUntil(work),
    });
  },
};
