import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesOf } from "./bytes.ts";
import { SseFrameTooLarge, SseSplitter } from "./sse.ts";
import { encodeData, encodeEvent, type SseFrame } from "./sse-frame.ts";

const decoder = new TextDecoder();

/** Frames of a stream that arrives in the given cuts; the unfinished rest last. */
function split(bytes: Uint8Array, cuts: readonly number[] = []): SseFrame[] {
  const splitter = new SseSplitter();
  const frames: SseFrame[] = [];
  let start = 0;
  for (const cut of [...cuts, bytes.length]) {
    frames.push(...splitter.push(bytes.subarray(start, cut)));
    start = cut;
  }
  const rest = splitter.end();
  return rest === null ? frames : [...frames, rest];
}
const rawTexts = (frames: SseFrame[]): string[] => frames.map((frame) => decoder.decode(frame.raw));
const datas = (text: string): string[] =>
  split(bytesOf(text))
    .filter((frame) => frame.hasData())
    .map((frame) => frame.data());

describe("SseSplitter", () => {
  const line = fc.constantFrom(
    "data: x",
    "data:{}",
    "data: [DONE]",
    "event: e",
    ": ping",
    "id: 1",
    "data: größe\u2028",
    "data",
  );
  const end = fc.constantFrom("\n", "\r\n", "\r");
  const stream = fc
    .array(fc.oneof(fc.tuple(line, end), fc.tuple(fc.constant(""), end)), { maxLength: 24 })
    .map((lines) => lines.flat().join(""));

  it("gives the same frames wherever the bytes were cut, so that no network can change what a client receives", () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(400), { maxLength: 12 }), (text, at) => {
        const bytes = bytesOf(text);
        const cuts = at.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b);
        const whole = rawTexts(split(bytes));
        expect(rawTexts(split(bytes, cuts))).toEqual(whole);
        expect(rawTexts(split(bytes, Array.from(bytes.keys())))).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  it("loses and adds no byte, so that a relayed stream is the upstream's", () => {
    fc.assert(
      fc.property(stream, (text) => {
        expect(rawTexts(split(bytesOf(text))).join("")).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["LF", "data: a\n\ndata: b\n\n"],
    ["CRLF", "data: a\r\n\r\ndata: b\r\n\r\n"],
    ["CR", "data: a\r\rdata: b\r\r"],
    ["no space", "data:a\n\ndata:b\n\n"],
    ["comments between", ": ping\n\ndata: a\n\n: ping\n\ndata: b\n\n"],
    ["other fields", "event: e\nid: 1\nretry: 5\ndata: a\n\nevent: e\ndata: b\n\n"],
    ["a missing last blank line", "data: a\n\ndata: b"],
    ["a byte order mark", "\uFEFFdata: a\n\ndata: b\n\n"],
  ])("reads data with %s, because upstreams differ", (_, text) => {
    expect(datas(text)).toEqual(["a", "b"]);
  });

  it("delivers a frame as soon as its blank line is there, so that no token waits for the next", () => {
    for (const end of ["\n\n", "\r\n\r\n", "\r\r"])
      expect(new SseSplitter().push(bytesOf(`data: a${end}`))).toHaveLength(1);
  });

  it("joins several data lines with LF and keeps the event's name", () => {
    const [frame] = split(bytesOf("event: many\ndata: a\ndata:\ndata:  b\n\n"));
    expect([frame?.data(), frame?.event()]).toEqual(["a\n\n b", "many"]);
  });

  it("gives views of the chunk where it can, so that a pass-through copies nothing", () => {
    const chunk = bytesOf("data: a\n\ndata: b\n\n");
    for (const frame of split(chunk)) {
      expect(frame.raw.buffer).toBe(chunk.buffer);
      expect(frame.payload().buffer).toBe(chunk.buffer);
    }
  });

  it("refuses a frame without an end at its bound, so that an upstream cannot fill the memory", () => {
    const splitter = new SseSplitter(64);
    expect(() => {
      for (let i = 0; i < 100; i++) splitter.push(bytesOf("data: x"));
    }).toThrow(SseFrameTooLarge);
    expect(() => new SseSplitter(8).push(bytesOf("data: 0123456789\n\n"))).toThrow(SseFrameTooLarge);
  });

  it("writes frames that it reads back, newlines and markers in the text included", () => {
    const data = JSON.stringify({ text: 'data: [DONE]\n\nevent: x\r "usage": {' });
    const [plain, named] = split(bytesOf(decoder.decode(encodeData(data)) + decoder.decode(encodeEvent("e", data))));
    expect([plain?.data(), plain?.event(), named?.data(), named?.event()]).toEqual([data, null, data, "e"]);
  });
});
