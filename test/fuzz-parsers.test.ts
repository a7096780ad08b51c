import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tokenParts } from "../functions/pipeline/authenticate/token-parts.ts";
import { ProblemError } from "../functions/problem.ts";
import { linesOf } from "../functions/v1/batches/lines.ts";
import { parseLine } from "../functions/v1/batches/parse-line.ts";
import { decodeCursor, encodeCursor } from "../functions/v1/cursor.ts";
import { rangeOf } from "../functions/v1/files/download.ts";
import { boundaryOf, formParts } from "../functions/v1/files/multipart.ts";
import { pack } from "../policies/bundle/archive.fixture.ts";
import { openBundle } from "../policies/bundle/open-bundle.ts";
import { encodeBase64url } from "../shared/crypto/base64url.ts";
import { formatCheckpoint, parseCheckpoint } from "../shared/crypto/log/checkpoint.ts";
import { formatDsse, parseDsse } from "../shared/crypto/log/dsse.ts";
import { decodeBundle, encodeBundle } from "../shared/crypto/log/entry-bundle.ts";
import { openNote } from "../shared/crypto/log/note.ts";
import { entriesPath, parseTilePath, tilePath } from "../shared/crypto/log/tiles.ts";
import { parseStrictJson } from "../shared/crypto/strict-json.ts";
import { utf8 } from "../shared/crypto/utf8.ts";
import { formatTraceparent, parseTraceparent } from "../shared/telemetry/trace-context.ts";
import { parseTracestate } from "../shared/telemetry/tracestate.ts";
import { fuzzing } from "./fuzz/settings.ts";
import { cutAnywhere, inPieces, respelled } from "./fuzz/texts.ts";

const check = <T>(of: fc.Arbitrary<T>, property: (value: T) => void | Promise<void>, runs = 100) =>
  fc.assert(
    fc.asyncProperty(of, async (value) => property(value)),
    fuzzing(runs),
  );

const json = fc.jsonValue({ maxDepth: 3 });
const claims = fc.dictionary(fc.string({ maxLength: 8 }), json, { maxKeys: 5 });
const compact = fc
  .tuple(claims, claims, fc.uint8Array({ minLength: 1, maxLength: 80 }))
  .map(([header, payload, signature]) =>
    [utf8(JSON.stringify(header)), utf8(JSON.stringify(payload)), signature]
      .map((part) => encodeBase64url(part))
      .join("."),
  );

describe("whatever somebody sends", () => {
  it("as a token is refused or has one spelling alone, so that no two readers see two tokens", () =>
    check(fc.oneof(respelled(compact), fc.string(), fc.string({ unit: "binary" })), (text) => {
      const parts = tokenParts(text);
      if (parts === null) return;
      const [, payload, signature = ""] = text.split(".");
      expect(encodeBase64url(parts.payload)).toBe(payload);
      expect(encodeBase64url(Uint8Array.from(Buffer.from(signature, "base64url")))).toBe(signature);
    }));

  it("as JSON is refused or read as every other reader reads it", () =>
    check(
      respelled(
        fc.oneof(
          json.map((value) => JSON.stringify(value)),
          fc.string(),
        ),
      ),
      (text) => {
        const parsed = parseStrictJson(utf8(text));
        if (parsed.ok) expect(parsed.value).toEqual(JSON.parse(text));
      },
    ));

  it("as a cursor is null or a position in that very list", () =>
    check(
      respelled(
        fc.oneof(
          fc.tuple(fc.constantFrom("keys", "files"), fc.string()).map(([list, at]) => encodeCursor(list, at)),
          fc.string(),
        ),
      ),
      (text) => {
        let position: string | null;
        try {
          position = decodeCursor("keys", text);
        } catch (thrown) {
          if (thrown instanceof ProblemError) return;
          throw thrown;
        }
        if (position !== null) expect(encodeCursor("keys", position)).toBe(text);
      },
    ));

  it("as trace context is dropped or passed on as it was meant", () =>
    check(
      fc.tuple(
        respelled(fc.constant("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
        respelled(fc.constantFrom("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", "a@b=1", "x=1, y=2\t,z=3")),
      ),
      ([parent, state]) => {
        const context = parseTraceparent(parent);
        if (context !== null && parent.startsWith("00-"))
          expect(formatTraceparent(context).slice(0, 52)).toBe(parent.slice(0, 52));
        const told = parseTracestate({ get: (name) => (name === "tracestate" ? state : parent) });
        if (told !== null) {
          expect(context).not.toBeNull();
          expect(told).toMatch(/^[\x20-\x7e]+$/);
          expect(parseTracestate({ get: (name) => (name === "tracestate" ? told : parent) })).toBe(told);
        }
      },
    ));

  it("as a range is ignored, unsatisfiable or inside the file", () =>
    check(
      fc.tuple(
        respelled(fc.tuple(fc.nat(), fc.nat()).map(([from, to]) => `bytes=${from}-${to}`)),
        fc.nat({ max: 2_000 }),
      ),
      ([header, size]) => {
        const range = rangeOf(header, size);
        if (range === null || range === "unsatisfiable") return;
        expect(range.length).toBeGreaterThan(0);
        expect(range.offset).toBeGreaterThanOrEqual(0);
        expect(range.offset + range.length).toBeLessThanOrEqual(size);
      },
    ));

  it("as the address of a tile is refused or the one that we write", () =>
    check(
      respelled(
        fc.constantFrom("tile/0/x001/x234/067", "tile/entries/x001/000.p/7", "tile/1/017.p/255", "tile/63/000"),
      ),
      (path) => {
        const tile = parseTilePath(path);
        if (tile !== null) expect(tile.kind === "tile" ? tilePath(tile) : entriesPath(tile)).toBe(path);
      },
    ));

  it("as a checkpoint is refused or written again as it was", () =>
    check(
      respelled(
        fc
          .nat()
          .map((size) =>
            formatCheckpoint({ origin: "log.example.com", size, root: new Uint8Array(32).fill(size % 256) }),
          ),
      ),
      (text) => {
        const checkpoint = parseCheckpoint(text);
        // Others may name their logs as we never would.
        if (checkpoint !== null && /^[^+\s]+$/.test(checkpoint.origin)) expect(formatCheckpoint(checkpoint)).toBe(text);
        openNote(text, []);
      },
    ));

  it("as a signed envelope is refused or written again as it was", () =>
    check(
      respelled(
        fc.uint8Array({ maxLength: 60 }).map((payload) =>
          JSON.stringify({
            payloadType: "t",
            payload: Buffer.from(payload).toString("base64"),
            signatures: [{ keyid: "k", sig: "AAAA" }],
          }),
        ),
      ),
      (text) => {
        const envelope = parseDsse(text);
        if (envelope !== null) expect(JSON.parse(formatDsse(envelope))).toEqual(JSON.parse(text));
      },
    ));

  it("as a bundle of entries is refused or the very bytes that we write", () =>
    check(
      fc.oneof(
        fc.uint8Array({ maxLength: 400 }),
        fc
          .array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 5 })
          .map((entries) => encodeBundle(entries)),
      ),
      (bytes) => {
        const entries = decodeBundle(bytes);
        if (entries.ok && entries.value.length > 0) expect(encodeBundle(entries.value)).toEqual(Uint8Array.from(bytes));
      },
    ));
});

const BOUNDARY = "fuzz";
const field = fc.record({
  name: fc.stringMatching(/^[a-z]{1,8}$/),
  filename: fc.option(fc.stringMatching(/^[a-z.]{1,8}$/)),
  body: fc.oneof(fc.uint8Array({ maxLength: 120 }), cutAnywhere(`\r\n--${BOUNDARY}`).map(utf8)),
});
const formOf = (parts: readonly { name: string; filename: string | null; body: Uint8Array }[]): Buffer =>
  Buffer.concat([
    ...parts.flatMap(({ name, filename, body }) => [
      Buffer.from(
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${filename === null ? "" : `; filename="${filename}"`}\r\n\r\n`,
      ),
      body,
      Buffer.from("\r\n"),
    ]),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ]);
async function read(pieces: readonly Uint8Array[]) {
  const made: { name: string; filename: string | null; body: Buffer }[] = [];
  for await (const { name, filename, body } of formParts(inPieces(pieces), BOUNDARY)) {
    const parts: Uint8Array[] = [];
    for await (const piece of body) parts.push(piece);
    made.push({ name, filename, body: Buffer.concat(parts) });
  }
  return made;
}

describe("a form", () => {
  it("is read as it was written wherever its bytes were cut, boundaries that are none included", () =>
    check(
      fc.tuple(fc.array(field, { maxLength: 4 }), fc.array(fc.nat({ max: 900 }), { maxLength: 6 })),
      async ([parts, cuts]) => {
        // What holds the delimiter would end there.
        fc.pre(parts.every(({ body }) => !Buffer.from(body).includes(`\r\n--${BOUNDARY}`)));
        const whole = formOf(parts);
        const seen = await read(cutAt(whole, cuts));
        expect(seen).toEqual(parts.map(({ name, filename, body }) => ({ name, filename, body: Buffer.from(body) })));
      },
    ));

  it("that is none is refused as such and as nothing else", () =>
    check(
      fc.tuple(fc.array(field, { maxLength: 3 }), fc.nat(), fc.uint8Array({ maxLength: 20 })),
      async ([parts, at, noise]) => {
        const whole = formOf(parts);
        const cut = at % (whole.length + 1);
        const harmed = Buffer.concat([whole.subarray(0, cut), noise, whole.subarray(cut + noise.length)]);
        await read([harmed]).catch((thrown: unknown) => {
          if (!(thrown instanceof ProblemError && thrown.slug === "invalid-request")) throw thrown;
        });
      },
    ));

  it("has a boundary of 70 characters at most, or none", () =>
    check(
      respelled(
        fc.constantFrom('multipart/form-data; boundary="a b"', "multipart/form-data;boundary=x; charset=utf-8"),
      ),
      (type) => {
        const boundary = boundaryOf(type);
        if (boundary !== null) expect(boundary).toMatch(/^[\x20-\x7e]{1,70}$/);
      },
    ));
});

const cutAt = (bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length));
};

describe("the lines of a batch", () => {
  const text = fc
    .array(fc.oneof(fc.string(), fc.constantFrom("\n", "\r\n", "\r", "\ufeff", "", " ", '{"custom_id":"1"}')), {
      maxLength: 12,
    })
    .map((parts) => parts.join(""));
  const lines = async (pieces: readonly Uint8Array[]) => {
    const all = [];
    for await (const line of linesOf(inPieces(pieces), { offset: 0, line: 0 }, 64)) all.push(line);
    return all;
  };

  it("do not depend on where a file was cut, and point at their own bytes", () =>
    check(fc.tuple(text, fc.array(fc.nat({ max: 400 }), { maxLength: 6 })), async ([made, cuts]) => {
      const bytes = utf8(made);
      const [whole, cut] = [await lines([bytes]), await lines(cutAt(bytes, cuts))];
      expect(cut).toEqual(whole);
      for (const line of whole)
        if (line.bytes !== null)
          expect(Buffer.from(line.bytes)).toEqual(Buffer.from(bytes.subarray(line.offset, line.offset + line.length)));
    }));

  it("are a request or a typed error, whatever they say", () =>
    check(
      respelled(
        fc.tuple(json, json).map(([id, body]) => JSON.stringify({ custom_id: id, method: "POST", url: "/v1/x", body })),
      ),
      (line) => {
        const parsed = parseLine({ line: 1, bytes: utf8(line) }, "/v1/x");
        if (!parsed.ok) expect(parsed.error).toMatchObject({ code: expect.any(String), line: 1 });
      },
    ));
});

describe("a policy bundle", () => {
  it("that is none is refused with a reason, however its archive is harmed", async () => {
    const archive = await pack(
      new Map([
        [".manifest", '{"revision":"1","roots":["a"]}'],
        ["data.json", "{}"],
        ["plan.json", "{}"],
      ]),
    );
    await check(
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 8 }),
      async (changes) => {
        const harmed = Uint8Array.from(archive);
        for (const [at, byte] of changes) harmed[at % harmed.length] = byte;
        const opened = await openBundle(harmed, { layer: "tenant", tenant: "t", keys: [], now_s: 0 } as never); // safe because: without keys no claim is read
        expect(opened.ok).toBe(false);
      },
      40,
    );
  });
});
