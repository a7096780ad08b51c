import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { UnixMs } from "../shared/contracts/ids.ts";
import { LIMITS } from "../shared/contracts/limits.ts";
import { FromWorker, type ToWorker } from "../shared/contracts/worker-protocol.ts";
import { Connection } from "./connection.ts";

/** A socket without a network: what is sent is kept, and a test says what arrives. */
class FakeSocket extends EventTarget {
  readonly url: string;
  readonly protocols: string[];
  readonly sent: FromWorker[] = [];
  readyState: number = WebSocket.CONNECTING;
  constructor(url: string, protocols: string[]) {
    super();
    [this.url, this.protocols] = [url, protocols];
  }
  send(text: string) {
    this.sent.push(FromWorker.parse(JSON.parse(text)));
  }
  close() {
    this.readyState = WebSocket.CLOSED;
  }
  open() {
    this.readyState = WebSocket.OPEN;
    this.dispatchEvent(new Event("open"));
  }
  says(frame: ToWorker | string) {
    const data = typeof frame === "string" ? frame : JSON.stringify(frame);
    this.dispatchEvent(new MessageEvent("message", { data }));
  }
  breaks(code = 1006) {
    this.readyState = WebSocket.CLOSED;
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }
}

const WELCOME: ToWorker = { t: "welcome", load_every_ms: 1_000, token_until_ms: 0 };
const LIFE_MS = 600_000;

function world() {
  const sockets: FakeSocket[] = [];
  const events: string[] = [];
  let tokens = 0;
  let refused = false;
  const log = { info: () => undefined, warn: () => undefined, error: (event: string) => void events.push(event) };
  const connection = new Connection({
    cell: new URL("https://cell.example.com"),
    token: async () => {
      if (refused) throw new Error("no");
      return { token: `t.${++tokens}.s`, expires_ms: Date.now() + LIFE_MS };
    },
    hello: () => ({
      ...{ t: "hello", schema_version: 1, worker: "w" },
      engine: { kind: "synthetic", version: null, models: [], dialects: [], continuation: false },
      ...{ load: { ready: true, running: 0, waiting: 0, concurrency: 1 }, held: [] },
    }),
    up: () => void events.push("up"),
    down: () => void events.push("down"),
    frame: (frame) => void events.push(frame.t),
    clock: { now: () => Date.now() as UnixMs }, // safe because: it is what the clock says
    log,
    random: () => 1,
    connect: (url, protocols) => {
      const socket = new FakeSocket(url, protocols);
      sockets.push(socket);
      return socket as unknown as WebSocket; // safe because: the connection uses what the fake has
    },
  });
  const end = new AbortController();
  const running = connection.run(end.signal);
  onTestFinished(async () => {
    end.abort();
    await running;
  });
  const socket = async (n: number): Promise<FakeSocket> => {
    await vi.advanceTimersByTimeAsync(0);
    const found = sockets[n];
    if (!found) throw new Error(`there is no connection ${n}`);
    return found;
  };
  return {
    ...{ connection, events, sockets, socket },
    refuse: (value: boolean) => {
      refused = value;
    },
    async welcomed() {
      const first = await socket(0);
      first.open();
      first.says(WELCOME);
      return first;
    },
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a worker's connection", () => {
  it("carries its token as a subprotocol and never in the address, which is logged", async () => {
    const { welcomed, events } = world();
    const socket = await welcomed();
    expect(socket.url).toBe("wss://cell.example.com/v1/workers/connect");
    expect(socket.protocols).toEqual(["bailiwick.worker.v1", "bailiwick.token.t.1.s"]);
    expect(socket.sent.map(({ t }) => t)).toEqual(["hello"]);
    expect(events).toEqual(["up"]);
  });

  it("stays up for as long as the cell answers its pings", async () => {
    const { welcomed, sockets, events } = world();
    const socket = await welcomed();
    for (let i = 0; i < 20; i++) {
      await vi.advanceTimersByTimeAsync(LIMITS.workerPingMs);
      socket.says({ t: "pong" });
    }
    expect(socket.sent.filter(({ t }) => t === "ping")).toHaveLength(20);
    expect([sockets.length, events]).toEqual([1, ["up"]]);
  });

  it("notices a connection that is dead although nobody closed it", async () => {
    const { welcomed, socket, events } = world();
    await welcomed();
    await vi.advanceTimersByTimeAsync(LIMITS.workerSilenceMsMax + LIMITS.workerPingMs);
    expect(events).toEqual(["up", "down"]);
    await vi.advanceTimersByTimeAsync(LIMITS.workerReconnectMsMin);
    expect((await socket(1)).protocols[1]).toBe("bailiwick.token.t.1.s");
  });

  it("renews its token on the connection before it ends, so that no run is cut by an expiry", async () => {
    const { welcomed } = world();
    const socket = await welcomed();
    for (let ms = 0; ms < LIFE_MS; ms += LIMITS.workerPingMs) {
      await vi.advanceTimersByTimeAsync(LIMITS.workerPingMs);
      socket.says({ t: "pong" });
    }
    expect(socket.sent.filter((frame) => frame.t === "auth")).toEqual([{ t: "auth", token: "t.2.s" }]);
  });

  it("takes a new token after a connection that never got through, because the old one may be revoked", async () => {
    const { socket } = world();
    (await socket(0)).breaks();
    await vi.advanceTimersByTimeAsync(LIMITS.workerReconnectMsMin);
    expect((await socket(1)).protocols[1]).toBe("bailiwick.token.t.2.s");
  });

  it("waits longer after each failure, up to a bound, and tries for ever", async () => {
    const { refuse, sockets, socket, events } = world();
    (await socket(0)).breaks();
    refuse(true);
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    const failures = events.filter((event) => event === "worker.token").length;
    expect(failures).toBeGreaterThan(30);
    expect(failures).toBeLessThan((10 * 60_000) / LIMITS.workerReconnectMsMax + 10);
    refuse(false);
    await vi.advanceTimersByTimeAsync(LIMITS.workerReconnectMsMax);
    expect(sockets.length).toBeGreaterThanOrEqual(2);
  });

  it("gives up on a cell that takes the connection and says nothing", async () => {
    const { socket, events } = world();
    (await socket(0)).open();
    await vi.advanceTimersByTimeAsync(LIMITS.workerWelcomeMsMax + LIMITS.workerReconnectMsMin);
    await socket(1);
    expect(events).toEqual([]);
  });

  it.each([
    ["no JSON", "}"],
    ["of a later protocol", '{"t":"welcome2"}'],
    ["with members that are not known", '{"t":"pong","x":1}'],
  ])("breaks off at a frame that is %s, so that no lease is half understood", async (_, text) => {
    const { welcomed, events } = world();
    (await welcomed()).says(text);
    await vi.advanceTimersByTimeAsync(0);
    expect(events).toEqual(["up", "down"]);
  });

  it("hands on frames about tasks only after the welcome, and sends nothing before it", async () => {
    const { connection, socket, events } = world();
    const first = await socket(0);
    first.open();
    first.says({ t: "drain" });
    connection.send({ t: "leaving" });
    first.says(WELCOME);
    first.says({ t: "drain" });
    connection.send({ t: "leaving" });
    expect(events).toEqual(["up", "drain"]);
    expect(first.sent.map(({ t }) => t)).toEqual(["hello", "leaving"]);
  });
});
