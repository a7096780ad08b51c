import { bridged, hopMs, Unreachable } from "../world/network.ts";
import type { World } from "../world/world.ts";
import type { Edge } from "./edge.ts";

export interface Asked {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | Uint8Array | null;
  /** Goes away after so many pieces of the answer; null: stays. */
  leavesAfter: number | null;
  /** Whether what comes back is no text. */
  binary?: boolean;
}

export interface Answered {
  status: number;
  headers: Record<string, string>;
  text: string;
  /** Of an answer that is no text: as much of it as arrived. */
  bytes?: Uint8Array[];
  /** The connection ended before the answer did. */
  broken: boolean;
}

/** Share of requests and answers that the network loses. */
const LOST = 0.015;

/** One HTTP call from outside to an edge. Rejects with `Unreachable` when nothing came back. */
export async function ask(world: World, edge: Edge | null, asked: Asked): Promise<Answered> {
  const from = world.current;
  const { random } = world;
  const head = Promise.withResolvers<{
    status: number;
    headers: Record<string, string>;
    body: ReadableStream<Uint8Array> | null;
  }>();
  const fail = (why: string) => world.after(random.between(1, 4_000), from, () => head.reject(new Unreachable(why)));
  const lost = () => world.faults && random.chance(LOST);
  const gone = new AbortController();
  let closeBody = (): void => {};
  if (edge === null || !edge.process.alive || lost()) fail("the request did not arrive");
  else {
    const { process } = edge;
    world.after(hopMs(world, 0.01), world.wire, () => {
      if (!process.alive) return fail("the edge died");
      const forget = process.onEnd(() => fail("the edge died"));
      world.after(0, process, () => {
        const serve = async (): Promise<void> => {
          const response = await edge.handle(
            new Request(`http://cell.example.com${asked.path}`, {
              method: asked.method,
              headers: asked.headers,
              // safe because: a body of text or bytes is one
              ...(asked.body === null ? {} : { body: asked.body as BodyInit }),
            }),
            {
              source: null,
              disconnected: gone.signal,
              defer: (work) =>
                void work.catch((cause: unknown) =>
                  world.note(`${process.name}: deferred work failed: ${String(cause)}`),
                ),
            },
          );
          forget();
          if (lost()) {
            // The caller's connection breaks, which the edge hears too.
            world.note(`${process.name}: an answer is lost`);
            leave();
            if (response.body !== null) void response.body.cancel().catch(() => "it is over");
            return fail("the answer was lost");
          }
          const body = response.body === null ? null : bridged(world, response.body, process, from);
          const headers = Object.fromEntries(response.headers);
          world.after(hopMs(world, 0.02), from, () => head.resolve({ status: response.status, headers, body }));
        };
        const leave = () => gone.abort();
        closeBody = () => world.after(hopMs(world, 0.1), process, leave);
        serve().catch((cause: unknown) => world.violated("the application never throws", String(cause)));
      });
    });
  }
  const { status, headers, body } = await head.promise;
  if (body === null) return { status, headers, text: "", broken: false };
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let pieces = 0;
  const bytes: Uint8Array[] = [];
  const binary = asked.binary === true ? { bytes } : {};
  // A network that breaks connections breaks them for both sides.
  const breaksAfter = world.faults && random.chance(LOST) ? random.below(8) : null;
  try {
    for (;;) {
      if (pieces === asked.leavesAfter || pieces === breaksAfter) {
        closeBody();
        await reader.cancel();
        return { status, headers, text, ...binary, broken: true };
      }
      const { done, value } = await reader.read();
      if (done) return { status, headers, text: text + decoder.decode(), ...binary, broken: false };
      if (asked.binary === true && status === 200) bytes.push(value);
      else text += decoder.decode(value, { stream: true });
      pieces++;
    }
  } catch {
    return { status, headers, text, ...binary, broken: true };
  }
}
