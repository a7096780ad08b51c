import WebSocket from "ws";

/** One function at one place of the call tree (V8's `Profiler.ProfileNode`). */
export interface ProfileNode {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number };
  children?: number[];
}

/** What V8's sampling profiler writes (`Profiler.Profile`, the content of a `.cpuprofile`): times in microseconds. */
export interface Profile {
  nodes: ProfileNode[];
  samples: number[];
  timeDeltas: number[];
}

interface Reply {
  id?: number;
  result?: { profile?: Profile };
  error?: { message: string };
}

const SAMPLE_US = 500;
const LOOKS = 50;
const LOOK_MS = 100;

/** What the inspector lists: isolates of workerd, threads of Node and Deno. */
async function targets(port: number): Promise<string[]> {
  for (let look = 0; ; look++) {
    try {
      const listed: { webSocketDebuggerUrl: string }[] = await (
        await fetch(`http://127.0.0.1:${port}/json/list`)
      ).json();
      return listed.map(({ webSocketDebuggerUrl }) => webSocketDebuggerUrl);
    } catch (cause) {
      if (look === LOOKS) throw new Error("the inspector does not answer", { cause });
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}

/** A connection to one target of an inspector (Chrome DevTools Protocol, domain `Profiler`). */
export class Profiler implements Disposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<Reply>>();
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => {
      const reply: Reply = JSON.parse(String(data));
      if (reply.id !== undefined) this.#waiting.get(reply.id)?.resolve(reply);
    });
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the inspector closed its connection"));
    });
  }

  /** The target whose address `wanted` accepts; the first one unless it is told. */
  static async open(port: number, wanted: (url: string) => boolean = () => true): Promise<Profiler> {
    const url = (await targets(port)).find(wanted);
    if (url === undefined) throw new Error("the inspector has no such target");
    const socket = new WebSocket(url, { maxPayload: 1024 ** 3 });
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    const profiler = new Profiler(socket);
    await profiler.#ask("Profiler.enable");
    await profiler.#ask("Profiler.setSamplingInterval", { interval: SAMPLE_US });
    return profiler;
  }

  async start(): Promise<void> {
    await this.#ask("Profiler.start");
  }

  async stop(): Promise<Profile> {
    const { profile } = await this.#ask("Profiler.stop");
    if (profile === undefined) throw new Error("the inspector gave no profile");
    return profile;
  }

  async #ask(method: string, params: object = {}): Promise<NonNullable<Reply["result"]>> {
    const id = ++this.#last;
    const waiting = Promise.withResolvers<Reply>();
    this.#waiting.set(id, waiting);
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await waiting.promise;
    this.#waiting.delete(id);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }
}
