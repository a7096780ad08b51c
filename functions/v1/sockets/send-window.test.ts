import { describe, expect, it } from "vitest";
import { SendWindow } from "./send-window.ts";

function open(bytes = 100) {
  const sent: string[] = [];
  const window = new SendWindow(
    bytes,
    (text) => sent.push(text),
    (id) => `ping ${id}`,
  );
  return { sent, window };
}
/** Whether a promise is settled once everything that can go on has. */
async function settled(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  return done;
}

describe("a window of what may be on its way", () => {
  it("is full for a reader that says nothing, so that no memory is filled for it", async () => {
    const { sent, window } = open();
    window.send("x".repeat(60));
    expect(sent.at(-1)).toBe("ping 1");
    expect(await settled(window.room())).toBe(true);
    window.send("x".repeat(60));
    const waiting = window.room();
    expect(await settled(waiting)).toBe(false);
    expect(window.answered("1")).toBe(true);
    expect(await settled(waiting)).toBe(true);
    expect(window.unread).toBe(60);
  });

  it("takes a pong for all that went before its ping, and none for a ping that was never sent", () => {
    const { window } = open();
    for (let n = 0; n < 4; n++) window.send("x".repeat(60));
    expect(window.answered("nothing")).toBe(false);
    expect(window.answered("3")).toBe(true);
    expect(window.unread).toBe(60);
    expect(window.answered("2")).toBe(false);
  });

  it("asks once for what was sent, however often it is told to", () => {
    const { sent, window } = open();
    window.mark();
    window.mark();
    window.send("x");
    window.mark();
    expect(sent).toEqual(["ping 1", "x", "ping 2"]);
    window.answered("2");
    window.mark();
    expect(sent.at(-1)).toBe("ping 3");
  });

  it("lets whoever waits go when its reader is gone", async () => {
    const { window } = open(1);
    window.send("xx");
    const waiting = window.room();
    window.close();
    expect(await settled(waiting)).toBe(true);
  });
});
