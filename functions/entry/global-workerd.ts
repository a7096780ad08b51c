import { requestTimer } from "../../shared/telemetry/export-timer.ts";
import { systemClock } from "../adapters/clock/system.ts";
import { randomIds } from "../adapters/ids/random.ts";
import type { SocketParts } from "../cells/forward-socket.ts";
import { globalHandler } from "../cells/global-handler.ts";
import { directoryOf } from "./cells-env.ts";
import { keysById, readGlobalEnv } from "./global-env.ts";
import { globalTelemetry, showDirectory } from "./global-telemetry.ts";
import { afterwards, type Execution } from "./workerd-upkeep.ts";

type Bindings = Readonly<Record<string, unknown>>;
type Handle = ReturnType<typeof globalHandler>;

/** A word about a failure before there is a log. */
const say = (event: string, fault: string): void =>
  console.error(JSON.stringify({ level: "error", event, service: "bailiwick-entry", fault }));
/** What calls of a second made is sent together; a collector has as long as a call's end gives it. */
const [FLUSH_DELAY_MS, FLUSH_MS_MAX] = [1_000, 10_000];

interface Composed {
  handle: Handle;
  addressed: boolean;
  /** Sends what was counted and traced, after the answer that it is given to. */
  flush(context: Execution): void;
}

async function composed(bindings: Bindings): Promise<Composed> {
  const env = readGlobalEnv(bindings);
  const [clock, ids] = [systemClock, randomIds(systemClock)];
  const reach = { readFile: null, fetch: (url: string, init: RequestInit) => fetch(url, init) };
  const { telemetry, watch, onFault, unreachable } = globalTelemetry(env, {
    ...{ release: env.BAILIWICK_RELEASE, clock, ids, timer: requestTimer, fetch: reach.fetch },
    write: (line) => console.error(line),
  });
  // What one request began would hang the others, should that one be cut off.
  const directory = await directoryOf(env, reach, { clock, onFault }, { alone: true });
  if (directory === null) throw new Error("BAILIWICK_DIRECTORY is missing");
  showDirectory(telemetry, directory, clock);
  const handle = globalHandler({
    ...{ directory, clock, ids, unreachable, watch, fetch: reach.fetch, sockets: platformSockets },
    keys: keysById(env.BAILIWICK_FORWARDING_KEYS),
    // An isolate's own numbers, one of many, would look like restarts: they go to a collector, which adds them up.
    metrics: null,
  });
  const flush = watch.traced
    ? afterwards(clock.now, FLUSH_DELAY_MS, () => telemetry.flush(FLUSH_MS_MAX))
    : (): void => {};
  return { handle, addressed: bindings.BAILIWICK_PLATFORM === "cloudflare", flush };
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
      entry.catch((cause: unknown) => say("entry.unusable", cause instanceof Error ? cause.message : "unknown"));
    }
    let ready: Awaited<typeof entry>;
    try {
      ready = await entry;
    } catch {
      return new Response(null, { status: 503 });
    }
    const { handle, addressed, flush } = ready;
    const response = await handle(request, {
      source: addressed ? request.headers.get("cf-connecting-ip") : null,
      get disconnected() {
        return request.signal;
      },
      defer: (work) => context.waitUntil(work),
    });
    flush(context);
    return response;
  },
};
