import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SocketHandler } from "../../functions/context.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { TASK_SOCKET_CLOSE, TASK_SOCKET_PROTOCOL, ToSubscriber } from "../../shared/contracts/task-socket.ts";
import { type DetachedCell, detachedCell } from "../support/detached-cell.ts";
import { eventually } from "../support/lab.ts";

const WORD = "x".repeat(1_000);
/** Ten windows. */
const FRAMES = Math.ceil((10 * LIMITS.socketWindowBytes) / WORD.length);
const chunk = (model: unknown, more: object) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model, ...more })}\n\n`;
const word = (model: unknown) =>
  chunk(model, { choices: [{ index: 0, delta: { content: WORD }, finish_reason: null }] });

/** One socket, as the cell's host hands it over. */
interface Opened {
  status: number;
  handler: SocketHandler | null;
  sent: ToSubscriber[];
  closed: number[];
  say(message: object): void;
  /** Answers every ping from now on, and those that came. */
  read(): void;
}

let cell: DetachedCell;
let words: number;
beforeEach(async () => {
  words = FRAMES;
  cell = await detachedCell(async ({ model }) => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const text =
          sent++ < words
            ? word(model)
            : `${chunk(model, { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}${chunk(model, { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } })}data: [DONE]\n\n`;
        controller.enqueue(new TextEncoder().encode(text));
        if (sent > words) controller.close();
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });
});
afterEach(async () => {
  vi.useRealTimers();
  await cell.close();
  expect(cell.failures).toEqual([]);
});

async function open(): Promise<Opened> {
  const sent: ToSubscriber[] = [];
  const closed: number[] = [];
  let reading = false;
  const opened: Opened = {
    ...{ status: 0, handler: null, sent, closed },
    say: (message) => opened.handler?.message(JSON.stringify(message)),
    read() {
      reading = true;
      for (const message of [...sent]) if (message.type === "ping") opened.say({ type: "pong", id: message.id });
    },
  };
  const response = await cell.upgrade("/v1/ws", { "sec-websocket-protocol": TASK_SOCKET_PROTOCOL }, (accept) => {
    opened.handler = accept({
      send(text) {
        const message = ToSubscriber.parse(JSON.parse(text));
        sent.push(message);
        if (reading && message.type === "ping") queueMicrotask(() => opened.say({ type: "pong", id: message.id }));
      },
      buffered: 0,
      close: (code) => void closed.push(code),
    });
  });
  opened.status = response.status;
  return opened;
}
const come = (socket: Opened, seen: (message: ToSubscriber) => boolean) =>
  eventually(
    async () => socket.sent.find(seen),
    (found) => found !== undefined,
  );
async function task(): Promise<string> {
  const response = await cell.ask("/v1/tasks", { intent: "chat", model: "direct", input: "hi", stream: true });
  const { task_id: id } = (await response.json()) as JsonObject; // safe because: the operation's own schema
  return String(id);
}
const ended = (id: string) =>
  eventually(
    () => cell.task(id),
    ({ status }) => status !== null,
  );
const tokens = (socket: Opened) => socket.sent.filter(({ type }) => type === "token");

describe("a socket", () => {
  it("sends nothing more to a client that does not read, and all of it once the client does", async () => {
    const socket = await open();
    const id = await task();
    await ended(id);
    socket.say({ type: "subscribe", task: id });
    await come(socket, ({ type }) => type === "ping");
    const bytes = () => socket.sent.reduce((sum, message) => sum + JSON.stringify(message).length, 0);
    // What it holds stays as it is, however much the log has: a look at the log more than fills the window.
    await eventually(
      async () => bytes(),
      (sum) => sum >= LIMITS.socketWindowBytes,
    );
    const held = bytes();
    await cell.task(id);
    expect(bytes()).toBe(held);
    expect(held).toBeLessThan(LIMITS.socketWindowBytes + 2 * WORD.length);
    expect(tokens(socket).length).toBeLessThan(FRAMES / 5);
    socket.read();
    await come(socket, ({ type }) => type === "done");
    expect(tokens(socket)).toHaveLength(FRAMES);
    const seqs = socket.sent.flatMap((message) => ("seq" in message ? [message.seq] : []));
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    expect(new Set(seqs).size).toBe(seqs.length);
  });

  it("ends for a client that asks on and on without reading", async () => {
    const socket = await open();
    const id = "x".repeat(64);
    const needed = Math.ceil((2 * LIMITS.socketWindowBytes) / 60) + 10;
    for (let n = 0; n < needed && socket.closed.length === 0; n++) {
      socket.say({ type: "ping", id });
      if (n % 32 === 31) await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(
      async () => socket.closed,
      (codes) => codes.length > 0,
    );
    expect(socket.closed).toEqual([TASK_SOCKET_CLOSE.unread]);
  });

  it("ends for a client that sends faster than it is served", async () => {
    const socket = await open();
    for (let n = 0; n <= LIMITS.socketPendingMax; n++) socket.say({ type: "ping" });
    expect(socket.closed).toEqual([TASK_SOCKET_CLOSE.flooded]);
  });

  it("follows so many tasks at once and no more", async () => {
    words = 1;
    const socket = await open();
    const held = await Promise.all(Array.from({ length: LIMITS.socketSubscriptionsMax + 1 }, () => cell.waitingTask()));
    for (const id of held) {
      socket.say({ type: "subscribe", task: id });
      await come(socket, (message) => "task" in message && message.task === id);
    }
    const refused = socket.sent.filter(({ type }) => type === "refused");
    expect(refused).toMatchObject([{ task: held.at(-1), status: 429, error: { code: "overloaded" } }]);
    socket.say({ type: "unsubscribe", task: held[0] });
    socket.say({ type: "subscribe", task: held.at(-1) });
    await come(socket, (message) => message.type === "subscribed" && message.task === held.at(-1));
  });

  it("watches nothing any more once it is closed, so that clients that come and go leave nothing behind", async () => {
    const id = await cell.waitingTask();
    let watching = 0;
    const watchLog = cell.store.watchLog.bind(cell.store);
    cell.faults.tasks.watchLog = async (...args) => {
      const watched = await watchLog(...args);
      if (!watched.ok) return watched;
      watching++;
      const reader = watched.value.getReader();
      return {
        ok: true,
        value: new ReadableStream({
          async pull(controller) {
            const { done, value } = await reader.read();
            if (done) controller.close();
            else controller.enqueue(value);
          },
          cancel(cause) {
            watching--;
            return reader.cancel(cause);
          },
        }),
      };
    };
    for (const leave of ["unsubscribe", "close"] as const) {
      const socket = await open();
      socket.say({ type: "subscribe", task: id });
      await come(socket, ({ type }) => type === "subscribed");
      expect(watching).toBe(1);
      if (leave === "close") socket.handler?.closed({ code: 1000, reason: "" });
      else socket.say({ type: "unsubscribe", task: id });
      expect(
        await eventually(
          async () => watching,
          (count) => count === 0,
        ),
      ).toBe(0);
    }
  });
});

describe("while time passes, a socket", () => {
  const timers = () => vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });

  it("ends within the stated time once its credential is revoked, without a word from its client", async () => {
    timers();
    const socket = await open();
    await cell.revoke();
    for (let s = 0; s * 1_000 < LIMITS.socketCheckMs; s++) {
      await vi.advanceTimersByTimeAsync(1_000);
      socket.say({ type: "ping" });
    }
    expect(
      await eventually(
        async () => socket.closed,
        (codes) => codes.length > 0,
      ),
    ).toEqual([TASK_SOCKET_CLOSE.unauthenticated]);
  });

  it("ends once its tenant is suspended", async () => {
    timers();
    const socket = await open();
    await cell.asOperator(`/v1/tenants/${cell.tenant}`, "PATCH", { suspended: true });
    await vi.advanceTimersByTimeAsync(LIMITS.socketCheckMs);
    expect(
      await eventually(
        async () => socket.closed,
        (codes) => codes.length > 0,
      ),
    ).toEqual([TASK_SOCKET_CLOSE.forbidden]);
  });

  it("asks a silent client whether it is there, and ends when nothing comes back", async () => {
    timers();
    const socket = await open();
    await vi.advanceTimersByTimeAsync(LIMITS.socketPingMs);
    expect(socket.sent).toMatchObject([{ type: "ping" }]);
    await vi.advanceTimersByTimeAsync(LIMITS.socketSilenceMsMax);
    expect(socket.closed).toEqual([TASK_SOCKET_CLOSE.unread]);
  });

  it("stays for a client that answers its pings", async () => {
    timers();
    const socket = await open();
    socket.read();
    for (let s = 0; s * 1_000 < 2 * LIMITS.socketSilenceMsMax; s++) await vi.advanceTimersByTimeAsync(1_000);
    expect(socket.closed).toEqual([]);
  });

  it("ends when nobody can say for minutes whether its credential is good", async () => {
    timers();
    const socket = await open();
    socket.read();
    cell.faults.tenants.lookup = () => Promise.reject(new Error("the store is away"));
    for (let s = 0; s * 1_000 <= LIMITS.socketUnconfirmedMsMax + 2_000; s++) await vi.advanceTimersByTimeAsync(1_000);
    expect(socket.closed).toEqual([TASK_SOCKET_CLOSE.going]);
  });

  it("ends with the cell, so that its client goes elsewhere", async () => {
    timers();
    const socket = await open();
    const drained = cell.lifecycle.drain(1, 1);
    await vi.advanceTimersByTimeAsync(LIMITS.socketWatchMs);
    expect(socket.closed).toEqual([TASK_SOCKET_CLOSE.going]);
    await drained;
  });
});
