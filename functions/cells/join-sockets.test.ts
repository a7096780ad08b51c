import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { TASK_SOCKET_CLOSE } from "../../shared/contracts/task-socket.ts";
import type { Socket, SocketHandler } from "../context.ts";
import { joinSockets } from "./join-sockets.ts";

/** One end: what was sent to it, how it was closed, and how full its connection is. */
class End implements Socket {
  readonly sent: string[] = [];
  readonly closes: [number, string][] = [];
  buffered = 0;
  handler: SocketHandler | undefined;
  send(text: string) {
    this.sent.push(text);
  }
  close(code: number, reason: string) {
    this.closes.push([code, reason]);
  }
}
class CellEnd extends End {
  readonly protocol = "bailiwick.tasks.v1";
  readonly reads: boolean[] = [];
  listen(handler: SocketHandler) {
    this.handler = handler;
  }
  hold() {
    this.reads.push(false);
  }
  letGo() {
    this.reads.push(true);
  }
}

let cell: CellEnd;
let caller: End;
let over: number;
beforeEach(() => {
  vi.useFakeTimers();
  [cell, caller, over] = [new CellEnd(), new End(), 0];
  joinSockets(
    cell,
    {
      upgrade(protocol, accept) {
        expect(protocol).toBe("bailiwick.tasks.v1");
        caller.handler = accept(caller);
        return new Response(null);
      },
    },
    { clock: { now: () => Date.now() as UnixMs }, over: () => over++ }, // safe because: a time in ms
  );
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a caller's socket and its cell's", () => {
  it("carry text both ways once the caller is there, so that no word is lost to an end that is not open", () => {
    expect(cell.reads).toEqual([]);
    caller.handler?.opened?.();
    expect(cell.reads).toEqual([true]);
    cell.handler?.message("from the cell");
    caller.handler?.message("from the caller");
    expect([caller.sent, cell.sent]).toEqual([["from the cell"], ["from the caller"]]);
  });

  it.each([
    ["what the cell says of a credential", 4401, 4401],
    ["a normal end", 1000, 1000],
    ["an end without a code", 1005, 1000],
    ["a connection that broke off: connect again", 1006, TASK_SOCKET_CLOSE.going],
    ["a code that no program may send", 1009, TASK_SOCKET_CLOSE.going],
  ])("end with the code of the other one: %s", (_what, code, told) => {
    cell.handler?.closed({ code, reason: "why" });
    expect(caller.closes.map(([given]) => given)).toEqual([told]);
    caller.handler?.closed({ code: 4000, reason: "" });
    expect([cell.closes, over]).toEqual([[], 1]);
  });

  it("end at the cell when the caller ends, once, and pass nothing on afterwards", () => {
    caller.handler?.opened?.();
    caller.handler?.closed({ code: 4001, reason: "enough" });
    cell.handler?.message("late");
    caller.handler?.message("later");
    cell.handler?.closed({ code: 4001, reason: "" });
    expect([cell.closes, caller.closes, caller.sent, cell.sent, over]).toEqual([[[4001, "enough"]], [], [], [], 1]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("read no more from the cell while the caller does not read, so that no memory is filled for it", () => {
    caller.handler?.opened?.();
    caller.buffered = LIMITS.socketWindowBytes + 1;
    cell.handler?.message("more than it takes");
    cell.handler?.message("what was on its way");
    expect([cell.reads, caller.sent.length]).toEqual([[true, false], 2]);
    vi.advanceTimersByTime(LIMITS.socketHeldMs * 3);
    expect(cell.reads).toEqual([true, false]);
    caller.buffered = 0;
    vi.advanceTimersByTime(LIMITS.socketHeldMs);
    expect(cell.reads).toEqual([true, false, true]);
  });

  it("end for a caller that says more than its cell takes, or too much at once", () => {
    caller.handler?.opened?.();
    cell.buffered = LIMITS.socketPendingMax * LIMITS.socketMessageBytesMax + 1;
    caller.handler?.message("one more");
    expect([caller.closes[0]?.[0], cell.closes[0]?.[0], cell.sent]).toEqual([4429, 4429, []]);
  });

  it("end for a message that no cell would take, before it travels", () => {
    caller.handler?.message("x".repeat(LIMITS.socketMessageBytesMax + 1));
    expect([caller.closes[0]?.[0], cell.sent, over]).toEqual([TASK_SOCKET_CLOSE.protocol, [], 1]);
  });

  it("end when the cell says nothing for longer than its pings are apart, so that no caller waits for a dead one", () => {
    caller.handler?.opened?.();
    vi.advanceTimersByTime(LIMITS.socketSilenceMsMax);
    cell.handler?.message("ping");
    vi.advanceTimersByTime(LIMITS.socketSilenceMsMax);
    expect(caller.closes).toEqual([]);
    vi.advanceTimersByTime(LIMITS.socketPingMs);
    expect([caller.closes[0]?.[0], cell.closes.length, over]).toEqual([TASK_SOCKET_CLOSE.going, 1, 1]);
  });
});
