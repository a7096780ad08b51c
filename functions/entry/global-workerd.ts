import { systemClock } from "../adapters/clock/system.ts";
import { randomIds } from "../adapters/ids/random.ts";
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
    unreachable: (cell, kind) => say("warn", "cell.unreachable", { cell, kind }),
  });
  return { handle, addressed: bindings.BAILIWICK_PLATFORM === "cloudflare" };
}

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
