import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { BadAnswer, Http1Answer } from "./http1-answer.ts";

const bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
const text = (part: Uint8Array) => String.fromCharCode(...part);

interface Read {
  status: number;
  headers: Record<string, string>;
  body: string;
  over: boolean;
}

/** The answer as it is read from pieces of a connection, which then ends. */
function read(whole: string, cuts: readonly number[] = [], ends = true): Read {
  const answer = new Http1Answer();
  let body = "";
  let from = 0;
  for (const cut of [...cuts, whole.length]) {
    body += text(answer.push(bytes(whole.slice(from, cut))));
    from = cut;
  }
  const { over } = answer;
  if (ends) answer.end();
  if (answer.head === null) throw new Error("no head");
  return { status: answer.head.status, headers: Object.fromEntries(answer.head.headers), body, over };
}

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;
const ANSWERS: [string, string, string][] = [
  ["chunked", `${CHUNKED}9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n`, "data: 1\n\ndata: 2\n\n"],
  [
    "chunked, with extensions and a trailer",
    `${CHUNKED}a;x="\n" \r\n0123456789\r\n0A \r\n0123456789\r\n000\r\nX-A: 1\r\nX-B: 2\r\n\r\n`,
    "01234567890123456789",
  ],
  ["of a stated length", `${HEAD}Content-Length: 5\r\n\r\nhello`, "hello"],
  ["of no length", `${HEAD}Content-Length: 0\r\n\r\n`, ""],
  [
    "behind interim answers",
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${HEAD}Content-Length: 2\r\n\r\nok`,
    "ok",
  ],
  [
    "without a body",
    `HTTP/1.1 204 No Content\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n`,
    "",
  ],
];

describe("an answer read from a connection", () => {
  it.each(ANSWERS)(
    "is the same wherever the connection cuts it, so that no frame is lost or told twice: %s",
    (_, whole, body) => {
      const expected = read(whole);
      expect(expected).toMatchObject({ body, over: true, headers: { "content-type": "text/event-stream" } });
      for (let at = 1; at < whole.length; at++) expect(read(whole, [at])).toEqual(expected);
      for (let a = 1; a < whole.length; a += 3)
        for (let b = a + 1; b < whole.length; b += 5) expect(read(whole, [a, b])).toEqual(expected);
      expect(
        read(
          whole,
          Array.from({ length: whole.length - 1 }, (_, n) => n + 1),
        ),
      ).toEqual(expected);
    },
  );

  it("gives what came together together, so that a read costs once however many frames it holds", () => {
    const answer = new Http1Answer();
    expect(text(answer.push(bytes(`${CHUNKED}1\r\na\r\n1\r\nb\r\n1\r\nc\r\n`)))).toBe("abc");
    expect(answer.over).toBe(false);
  });

  it("without a length lasts until its connection ends", () => {
    const answer = new Http1Answer();
    expect(text(answer.push(bytes(`${HEAD}\r\nda`)))).toBe("da");
    expect(text(answer.push(bytes("ta")))).toBe("ta");
    expect(answer.over).toBe(false);
    answer.end();
    expect(answer.over).toBe(true);
  });

  it("is not followed by what a server sends behind it, so that nothing is taken for a part of it", () => {
    expect(read(`${HEAD}Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n`).body).toBe("ok");
    expect(read(`${CHUNKED}2\r\nok\r\n0\r\n\r\n2\r\nno\r\n`).body).toBe("ok");
  });

  it.each([
    ["in its head", HEAD],
    ["before its length", `${HEAD}Content-Length: 5\r\n\r\nhell`],
    ["in a chunk", `${CHUNKED}5\r\nhell`],
    ["between chunks", `${CHUNKED}5\r\nhello\r\n`],
    ["before the end of its trailer", `${CHUNKED}5\r\nhello\r\n0\r\n`],
  ])("that ends %s is broken, so that half an answer is never taken for a whole one", (_, whole) => {
    expect(() => read(whole)).toThrow(BadAnswer);
  });

  it.each([
    ["another protocol", "SSH-2.0-x\r\n\r\n"],
    ["another version", "HTTP/2 200 OK\r\n\r\n"],
    ["no status", "HTTP/1.1 OK\r\n\r\n"],
    ["a change of protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["a folded header", `${HEAD} more\r\n\r\n`],
    ["a header without a name", `${HEAD}: x\r\n\r\n`],
    ["a blank before the colon", `${HEAD}Content-Length : 2\r\n\r\nok`],
    ["two different lengths", `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok`],
    ["a negative length", `${HEAD}Content-Length: -2\r\n\r\nok`],
    ["a length beside chunks", `${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
    ["a compressed transfer", `${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
    ["a chunk without a size", `${CHUNKED}\r\nok\r\n0\r\n\r\n`],
    ["a chunk of no number", `${CHUNKED}0x2\r\nok\r\n0\r\n\r\n`],
    ["a chunk of a negative number", `${CHUNKED}-2\r\nok\r\n0\r\n\r\n`],
    ["a chunk of too many digits", `${CHUNKED}000000002\r\nok\r\n0\r\n\r\n`],
    ["a chunk longer than it says", `${CHUNKED}2\r\noky\r\n0\r\n\r\n`],
    ["a line that ends with LF alone", `${CHUNKED}2\nok\r\n0\r\n\r\n`],
    ["an endless extension", `${CHUNKED}2;${"x".repeat(300)}\r\nok\r\n0\r\n\r\n`],
    ["an endless head", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(LIMITS.engineHeadBytesMax)}`],
    ["a head that is too large", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(LIMITS.engineHeadBytesMax)}\r\n\r\n`],
    ["an endless trailer", `${CHUNKED}0\r\nX: ${"x".repeat(LIMITS.engineHeadBytesMax)}`],
  ])("with %s is refused, so that its length is never guessed", (_, whole) => {
    expect(() => read(whole, [], false)).toThrow(BadAnswer);
    expect(() =>
      read(
        whole,
        Array.from({ length: Math.min(whole.length, 400) - 1 }, (_, n) => n + 1),
        false,
      ),
    ).toThrow(BadAnswer);
  });

  it("gives bytes of its own, so that the next read into the same buffer changes nothing", () => {
    for (const whole of [`${CHUNKED}2\r\nok\r\n`, `${HEAD}Content-Length: 5\r\n\r\nok`, `${HEAD}\r\nok`]) {
      const [answer, buffer] = [new Http1Answer(), bytes(whole)];
      const body = answer.push(buffer);
      buffer.fill(0);
      expect(text(body)).toBe("ok");
    }
  });
});
