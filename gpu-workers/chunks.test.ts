import { describe, expect, it } from "vitest";
import { Chunks, HeldBytes } from "./chunks.ts";

const part = (size: number, value: number) => new Uint8Array(size).fill(value);

describe("chunks of a generation", () => {
  it("are there from the first on until they are forgotten, and their bytes are free again then", () => {
    const room = new HeldBytes(100);
    const chunks = new Chunks(room);
    chunks.add(part(40, 1));
    chunks.add(part(40, 2));
    chunks.sent(2);
    expect([chunks.at(1)[0], chunks.at(2)[0], chunks.unsentBytes, room.held]).toEqual([1, 2, 0, 80]);
    chunks.rewind();
    expect(chunks.unsentBytes).toBe(80);
    chunks.forget();
    expect([room.held, chunks.count]).toEqual([0, 0]);
  });

  it("let go of what was sent once there is no room, and of no byte that was not", () => {
    const room = new HeldBytes(100);
    const chunks = new Chunks(room);
    chunks.add(part(60, 1));
    chunks.sent(1);
    chunks.add(part(60, 2));
    expect([chunks.whole, room.held, chunks.at(2)[0]]).toEqual([false, 0, 2]);
    expect(() => chunks.at(1)).toThrow(RangeError);
    chunks.sent(2);
    expect(() => chunks.at(2)).toThrow(RangeError);
    expect(() => chunks.rewind()).toThrow(RangeError);
    chunks.forget();
    expect(room.held).toBe(0);
  });

  it("share their room, so that one worker's memory is bounded whatever runs", () => {
    const room = new HeldBytes(100);
    const [first, second] = [new Chunks(room), new Chunks(room)];
    first.add(part(80, 1));
    second.add(part(30, 2));
    expect([first.whole, second.whole, room.held]).toEqual([true, false, 80]);
    first.forget();
    expect(room.held).toBe(0);
  });
});
