import { describe, expect, it } from "vitest";
import { partReader } from "./part-reader.ts";

/** A byte stream, as `fetch` answers it, and one of made chunks, as others do. */
const streams = {
  bytes: (parts: readonly Uint8Array[]) => streamOf(parts, "bytes"),
  chunks: (parts: readonly Uint8Array[]) => streamOf(parts, undefined),
};
function streamOf(parts: readonly Uint8Array[], type: "bytes" | undefined): ReadableStream<Uint8Array> {
  let at = 0;
  const source = {
    pull(controller: { enqueue(part: Uint8Array): void; close(): void; byobRequest?: unknown }) {
      const part = parts[at++];
      if (part) return controller.enqueue(part.slice());
      controller.close();
      // A pending read into the reader's own buffer is answered only by this.
      const pending = controller.byobRequest as { respond(bytes: number): void } | null | undefined; // safe because: a byte stream's controller has it
      pending?.respond(0);
    },
  };
  return type === undefined
    ? new ReadableStream<Uint8Array>(source)
    : new ReadableStream({ ...source, type } as UnderlyingByteSource); // safe because: the source uses only what both controllers have
}
const filled = (bytes: number, value: number) => new Uint8Array(bytes).fill(value);

async function all(body: ReadableStream<Uint8Array>): Promise<Uint8Array[]> {
  const reader = partReader(body);
  const parts: Uint8Array[] = [];
  for (let part = await reader.read(); part !== null; part = await reader.read()) parts.push(part);
  return parts;
}

describe.each(["bytes", "chunks"] as const)("a stream of %s", (kind) => {
  it("gives parts that later reads leave alone, so that a frame held back is not overwritten by the next", async () => {
    const parts = await all(streams[kind]([filled(200, 1), filled(150, 2), filled(10, 3)]));
    expect(parts).toEqual([filled(200, 1), filled(150, 2), filled(10, 3)]);
  });

  it("gives every byte of parts larger than any buffer, so that long answers are whole", async () => {
    const sent = [filled(4096, 1), filled(300_000, 2), filled(65_536, 3), filled(1, 4)];
    const got = Buffer.concat(await all(streams[kind](sent)));
    expect(got.equals(Buffer.concat(sent))).toBe(true);
  });

  it("says the end again and again, so that reading on after it is no failure", async () => {
    const reader = partReader(streams[kind]([]));
    expect([await reader.read(), await reader.read()]).toEqual([null, null]);
  });

  it("rejects where the stream breaks, so that a cut answer is never taken for a whole one", async () => {
    const broken = new ReadableStream({
      ...(kind === "bytes" ? { type: "bytes" as const } : {}),
      pull(controller: { error(cause: unknown): void }) {
        controller.error(new Error("cut"));
      },
    } as UnderlyingByteSource); // safe because: the source uses only what both controllers have
    await expect(partReader(broken).read()).rejects.toThrow("cut");
  });
});
