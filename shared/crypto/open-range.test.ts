import { describe, expect, it } from "vitest";
import { NotAuthentic, openRange, plainSize, type SealedSource } from "./open-range.ts";
import { seal } from "./seal.ts";

const dataKey = new Uint8Array(32).fill(3);
const context = { tenant: "t", object: "file/x/content" };
const CHUNK = 65_536;
const sourceOf = (bytes: Uint8Array<ArrayBuffer>): SealedSource => ({
  size: bytes.length,
  read: async (offset, length) => bytes.slice(offset, offset + length),
});
const plainOf = (size: number) => Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8)) % 256);

async function read(source: SealedSource, offset: number, length: number): Promise<Uint8Array> {
  const parts: number[] = [];
  for await (const piece of openRange(dataKey, context, source, { offset, length, chunksAtOnce: 2 }))
    for (const byte of piece) parts.push(byte);
  return Uint8Array.from(parts);
}

describe("a range of sealed bytes", () => {
  it("is exactly the bytes that were asked for, wherever it begins and ends", async () => {
    for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5]) {
      const plain = plainOf(size);
      const source = sourceOf(await seal(dataKey, context, plain));
      expect(plainSize(source.size)).toBe(size);
      for (const [offset, length] of [
        [0, size],
        [0, 1],
        [CHUNK - 1, 2],
        [CHUNK, CHUNK],
        [Math.max(0, size - 3), 100],
        [size, 5],
      ] as const)
        expect(await read(source, offset, length)).toEqual(plain.slice(offset, offset + length));
    }
  });

  it("is refused when any byte of it was altered, so that damage is never read as content", async () => {
    const sealed = await seal(dataKey, context, plainOf(CHUNK + 9));
    const altered = sealed.slice();
    altered[sealed.length - 20] = (altered[sealed.length - 20] ?? 0) ^ 1;
    await expect(read(sourceOf(altered), CHUNK, 4)).rejects.toBeInstanceOf(NotAuthentic);
    await expect(read(sourceOf(sealed.slice(0, 36 + CHUNK + 16)), 0, 4)).rejects.toBeInstanceOf(NotAuthentic);
  });
});
