import { describe, expect, it } from "vitest";
import { ProblemError } from "../problem.ts";
import { readBody } from "./body.ts";
import { BodyRoom } from "./body-room.ts";

const KiB = 1024;
const URL_ = "http://cell.example.com/v1/x";
const outcome = async (reading: Promise<Uint8Array>) =>
  reading.then(
    (body) => body.byteLength,
    (thrown: unknown) => (thrown instanceof ProblemError ? thrown.slug : thrown),
  );

/** A request whose body comes in parts, without a length. */
function chunked(parts: number, partBytes: number, seen: { cancelled: boolean } = { cancelled: false }): Request {
  let left = parts;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left-- > 0) controller.enqueue(new Uint8Array(partBytes));
      else controller.close();
    },
    cancel() {
      seen.cancelled = true;
    },
  });
  return new Request(URL_, { method: "POST", body, duplex: "half" } as RequestInit); // safe because: every runtime takes `duplex`
}
const whole = (bytes: number) =>
  new Request(URL_, { method: "POST", body: new Uint8Array(bytes), headers: { "content-length": String(bytes) } });

describe("readBody", () => {
  it.each([0, 1, 64 * KiB, 64 * KiB + 1, 300 * KiB])("reads %i bytes, in one piece and in parts", async (bytes) => {
    const lease = new BodyRoom(1_000 * KiB).lease();
    expect(await outcome(readBody(whole(bytes), { bytesMax: 400 * KiB, lease }))).toBe(bytes);
    expect(await outcome(readBody(chunked(bytes, 1), { bytesMax: 400 * KiB, lease }))).toBe(bytes);
  });

  it("refuses a body over its bound as soon as that is known, and reads no further", async () => {
    const lease = new BodyRoom(1_000 * KiB).lease();
    const seen = { cancelled: false };
    expect(await outcome(readBody(whole(101), { bytesMax: 100, lease }))).toBe("body-too-large");
    expect(await outcome(readBody(chunked(1_000, KiB, seen), { bytesMax: 10 * KiB, lease }))).toBe("body-too-large");
    expect(seen.cancelled).toBe(true);
  });

  it("refuses what does not fit beside the bodies of other calls, and takes it once they are answered", async () => {
    const room = new BodyRoom(100 * KiB);
    const first = room.lease();
    expect(await outcome(readBody(whole(60 * KiB), { bytesMax: 100 * KiB, lease: first }))).toBe(60 * KiB);
    const second = room.lease();
    const seen = { cancelled: false };
    expect(await outcome(readBody(chunked(60, KiB, seen), { bytesMax: 100 * KiB, lease: second }))).toBe("overloaded");
    expect(seen.cancelled).toBe(true);
    second.release();
    expect(room.takenBytes).toBe(60 * KiB);
    first.release();
    expect(room.takenBytes).toBe(0);
    expect(await outcome(readBody(chunked(60, KiB), { bytesMax: 100 * KiB, lease: room.lease() }))).toBe(60 * KiB);
  });

  it("takes a connection that breaks in the middle for a caller that left, not for a fault of the cell", async () => {
    const broken = () =>
      new ReadableStream<Uint8Array>({
        pull(controller) {
          controller.error(new TypeError("connection reset"));
        },
      });
    for (const length of [100, 100 * KiB]) {
      const headers = { "content-length": String(length) };
      const request = new Request(URL_, { method: "POST", body: broken(), headers, duplex: "half" } as RequestInit); // safe because: as above
      expect(await outcome(readBody(request, { bytesMax: 200 * KiB, lease: new BodyRoom(KiB).lease() }))).toBe(
        "canceled",
      );
    }
  });

  it("counts what arrived, not what was announced, so that an announcement takes no room from others", async () => {
    const room = new BodyRoom(100 * KiB);
    const never = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) });
    const headers = { "content-length": String(90 * KiB) };
    const stalled = new Request(URL_, { method: "POST", body: never, headers, duplex: "half" } as RequestInit); // safe because: as above
    void readBody(stalled, { bytesMax: 100 * KiB, lease: room.lease() }).catch(() => undefined);
    await Promise.resolve();
    expect(room.takenBytes).toBe(0);
  });
});
