import { expect, it } from "vitest";
import { type Answer, HttpReader } from "./http-reader.ts";

const two =
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata: \r\n8\r\n[DONE]\n\n\r\n0\r\n\r\n" +
  "HTTP/1.1 429 Too Many\r\ncontent-length: 5\r\n\r\nhello" +
  "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";

it.each([1, 2, 3, 7, 1000])("reads answers cut every %i bytes, so that a slow line never miscounts", (size) => {
  const answers: Answer[] = [];
  let heads = 0;
  const reader = new HttpReader(
    () => heads++,
    (answer) => answers.push({ ...answer }),
  );
  const bytes = Buffer.from(two);
  for (let at = 0; at < bytes.length; at += size) reader.feed(bytes.subarray(at, at + size));
  expect(heads).toBe(3);
  expect(answers).toEqual([
    { status: 200, bodyBytes: 14, tail: "data: [DONE]\n\n" },
    { status: 429, bodyBytes: 5, tail: "hello" },
    { status: 204, bodyBytes: 0, tail: "" },
  ]);
});

it("refuses an answer that it cannot delimit, so that no run waits for ever", () => {
  const reader = new HttpReader(
    () => {},
    () => {},
  );
  expect(() => reader.feed(Buffer.from("HTTP/1.1 200 OK\r\n\r\n"))).toThrow("without length");
});
