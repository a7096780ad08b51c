import { expect, it } from "vitest";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { tarHeader, tarOf } from "./tar.ts";

async function whole(files: { name: string; bytes: Uint8Array }[]): Promise<Uint8Array> {
  const source = (async function* () {
    yield* files;
  })();
  const pieces: Uint8Array[] = [];
  for await (const piece of tarOf(source, 1_795_000_000)) pieces.push(piece);
  return Buffer.concat(pieces);
}

it("writes headers whose checksum and fields are those of ustar, so that every tar reads them", () => {
  const header = tarHeader("entries/0000000000000000.jsonl", 1_234, 1_795_000_000);
  const text = new TextDecoder().decode(header);
  expect(header).toHaveLength(512);
  expect(text.slice(257, 265)).toBe("ustar\u000000");
  expect(text.slice(124, 136)).toBe("00000002322\0");
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  expect(Number.parseInt(text.slice(148, 154), 8)).toBe(sum);
});

it("pads each file to whole blocks and ends with two of zeros, so that a cut archive is not a whole one", async () => {
  const archive = await whole([
    { name: "a", bytes: utf8("x") },
    { name: "b", bytes: new Uint8Array(512) },
    { name: "c", bytes: new Uint8Array() },
  ]);
  expect(archive).toHaveLength(512 * (2 + 2 + 1 + 2));
  expect(archive.subarray(-1024).every((byte) => byte === 0)).toBe(true);
  const none = await whole([]);
  expect(none).toHaveLength(1024);
});

it("refuses names and sizes that the format cannot hold, so that no file is cut short", () => {
  for (const name of ["", "a b", "ä", "x".repeat(101)]) expect(() => tarHeader(name, 0, 0), name).toThrow(RangeError);
  for (const size of [-1, 0.5, 8 ** 11]) expect(() => tarHeader("a", size, 0), String(size)).toThrow(RangeError);
});
