import { expect, it } from "vitest";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { linesOf } from "./lines.ts";

async function* cut(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}
const decoder = new TextDecoder();

it("finds the same lines however the file is cut, with BOM, CRLF, blank lines and no last break, so that no line is lost", async () => {
  const file = utf8('\ufeff{"a":1}\r\n\r\n  \n{"b":"\u00e9"}\n{"c":3}');
  for (const size of [1, 2, 3, 7, 100]) {
    const found: [number, string][] = [];
    for await (const { line, offset, length, bytes } of linesOf(cut(file, size), { offset: 0, line: 0 }, 100)) {
      found.push([line, decoder.decode(bytes ?? undefined)]);
      // What is named by offset and length is the line itself: it is read again by them.
      expect(decoder.decode(file.subarray(offset, offset + length))).toBe(found.at(-1)?.[1]);
    }
    expect(found).toEqual([
      [1, '{"a":1}'],
      [4, '{"b":"\u00e9"}'],
      [5, '{"c":3}'],
    ]);
  }
});

it("goes on behind any line, so that a batch that was broken off reads nothing twice", async () => {
  const file = utf8("one\ntwo\n\nthree\nfour");
  const all: number[] = [];
  for await (const { line, next } of linesOf(cut(file, 4), { offset: 0, line: 0 }, 100)) {
    all.push(line);
    const rest: number[] = [];
    for await (const later of linesOf(cut(file.slice(next.offset), 3), next, 100)) rest.push(later.line);
    expect([...all, ...rest]).toEqual([1, 2, 4, 5]);
  }
});

it("names a line that is too long without holding it, and goes on", async () => {
  const found: [number, number | null][] = [];
  for await (const { line, bytes } of linesOf(cut(utf8(`${"x".repeat(50)}\nok\n`), 8), { offset: 0, line: 0 }, 10))
    found.push([line, bytes?.byteLength ?? null]);
  expect(found).toEqual([
    [1, null],
    [2, 2],
  ]);
});
