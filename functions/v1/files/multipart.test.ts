import { describe, expect, it } from "vitest";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { ProblemError } from "../../problem.ts";
import { boundaryOf, formParts } from "./multipart.ts";

async function* cut(text: string, bytes: number) {
  const all = utf8(text);
  for (let at = 0; at < all.length; at += bytes) yield all.subarray(at, at + bytes);
}

async function read(text: string, bytes: number) {
  const parts: { name: string; filename: string | null; text: string }[] = [];
  for await (const { name, filename, body } of formParts(cut(text, bytes), "xYz")) {
    let content = "";
    const decoder = new TextDecoder();
    for await (const piece of body) content += decoder.decode(piece, { stream: true });
    parts.push({ name, filename, text: content });
  }
  return parts;
}

const part = (disposition: string, body: string) =>
  `--xYz\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${body}\r\n`;
const FORM = `${part('name="purpose"', "batch")}${part('name="file"; filename="a\u00e9%22.jsonl"', '{"a":1}\r\n\r\n--xY\r\n-- xYz\n')}${part('name="empty"', "")}--xYz--\r\n`;

describe("a form that is read as it arrives", () => {
  it("has the same parts however its bytes are cut, so that no network changes a file", async () => {
    for (const bytes of [1, 2, 3, 5, 7, 64, 10_000])
      expect(await read(FORM, bytes)).toEqual([
        { name: "purpose", filename: null, text: "batch" },
        { name: "file", filename: 'a\u00e9".jsonl', text: '{"a":1}\r\n\r\n--xY\r\n-- xYz\n' },
        { name: "empty", filename: null, text: "" },
      ]);
  });

  it("skips what its reader leaves of a part", async () => {
    const names: string[] = [];
    for await (const { name } of formParts(cut(FORM, 11), "xYz")) names.push(name);
    expect(names).toEqual(["purpose", "file", "empty"]);
  });

  it.each([
    ["ends early", FORM.slice(0, -12)],
    ["is empty", ""],
    ["has a part without a name", `${part("", "x")}--xYz--`],
    ["has a header that is none", "--xYz\r\nno header\r\n\r\nx\r\n--xYz--"],
    ["has a header without an end", `--xYz\r\na: ${"b".repeat(20_000)}`],
    ["has more parts than a form of ours", `${part('name="a"', "").repeat(17)}--xYz--`],
  ])("is refused where it %s, so that half a file is never kept", async (_, text) => {
    await expect(read(text, 100)).rejects.toBeInstanceOf(ProblemError);
  });

  it("ends with the last boundary, whether or not its line ends", async () => {
    expect(await read(`${part('name="a"', "1")}--xYz--`, 3)).toEqual([{ name: "a", filename: null, text: "1" }]);
  });
});

describe("what a form arrives from", () => {
  /** A source that says how it ended, one piece at a time. */
  function watched(text: string, bytes: number) {
    const seen = { whole: false, closed: false };
    async function* source() {
      try {
        yield* cut(text, bytes);
        seen.whole = true;
      } finally {
        seen.closed = true;
      }
    }
    return { seen, source: source() };
  }
  const all = async (source: AsyncIterable<Uint8Array>) => {
    for await (const _ of formParts(source, "xYz"));
  };

  it("is read to its end behind the last boundary, so that its connection is free and its timers are gone", async () => {
    const { seen, source } = watched(`${FORM}an epilogue, which nobody needs (RFC 2046 §5.1.1)`, 7);
    await all(source);
    expect(seen).toEqual({ whole: true, closed: true });
  });

  it.each([
    ["the form is refused", (source: AsyncIterable<Uint8Array>) => expect(all(source)).rejects.toThrow()],
    [
      "its reader leaves",
      async (source: AsyncIterable<Uint8Array>) => {
        for await (const _ of formParts(source, "xYz")) break;
      },
    ],
  ])("is closed where %s", async (_, leave) => {
    const { seen, source } = watched(`${part('name="a"', "1")}${part("", "nameless")}`, 7);
    await leave(source);
    expect(seen).toEqual({ whole: false, closed: true });
  });
});

describe("the boundary of a form", () => {
  it("is read with and without quotes, and from no other media type", () => {
    expect(boundaryOf("multipart/form-data; boundary=xYz")).toBe("xYz");
    expect(boundaryOf('Multipart/Form-Data; charset=utf-8; boundary="x Yz"')).toBe("x Yz");
    expect(boundaryOf("multipart/form-data")).toBeNull();
    expect(boundaryOf("multipart/mixed; boundary=xYz")).toBeNull();
    expect(boundaryOf(null)).toBeNull();
  });
});
