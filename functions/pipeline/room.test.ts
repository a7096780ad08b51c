import { expect, it } from "vitest";
import { Room } from "./room.ts";

it("never lets one owner take the room of all, and gives each place back once", () => {
  const room = new Room(3, 2);
  const leave = room.enter("a");
  expect(room.enter("a")).not.toBeNull();
  expect(room.enter("a")).toBeNull();
  expect(room.enter("b")).not.toBeNull();
  expect(room.enter("c")).toBeNull();
  leave?.();
  leave?.();
  expect(room.enter("c")).not.toBeNull();
  expect(room.enter("b")).toBeNull();
});
