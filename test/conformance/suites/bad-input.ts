import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type Lab, marker, user } from "../../support/lab.ts";

const PATH = "/v1/chat/completions";
const good = (mark: string) => ({ model: "echo", messages: [user(mark)] });
const deep = (levels: number) => `${"[".repeat(levels)}1${"]".repeat(levels)}`;

interface Bad {
  title: string;
  body: (mark: string) => string | Uint8Array;
  headers?: Record<string, string>;
  status: number;
  code: string;
}

const BAD: readonly Bad[] = [
  { title: "no JSON", body: () => "{", status: 400, code: "malformed_json" },
  { title: "an empty body", body: () => "", status: 400, code: "malformed_json" },
  {
    title: "a member named twice",
    body: (mark) => `{"model":"echo","model":"dear","messages":[{"role":"user","content":"${mark}"}]}`,
    status: 400,
    code: "malformed_json",
  },
  {
    title: "nesting beyond the bound",
    body: (mark) => `{"model":"echo","messages":[{"role":"user","content":"${mark}"}],"x":${deep(100)}}`,
    status: 400,
    code: "malformed_json",
  },
  {
    title: "nesting that would overflow a stack",
    body: () => deep(200_000),
    status: 400,
    code: "malformed_json",
  },
  {
    title: "a __proto__ member",
    body: (mark) => `{"model":"echo","messages":[{"role":"user","content":"${mark}","__proto__":{"a":1}}]}`,
    status: 400,
    code: "malformed_json",
  },
  {
    title: "bytes that are not UTF-8",
    body: (mark) =>
      Buffer.concat([Buffer.from(`{"model":"echo","x":"${mark}`), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    status: 400,
    code: "malformed_json",
  },
  {
    title: "another content type",
    body: (mark) => JSON.stringify(good(mark)),
    headers: { "content-type": "text/plain" },
    status: 415,
    code: "unsupported_media_type",
  },
  {
    title: "another charset",
    body: (mark) => JSON.stringify(good(mark)),
    headers: { "content-type": "application/json; charset=utf-16" },
    status: 415,
    code: "unsupported_media_type",
  },
  {
    title: "a gzip bomb, which is not even opened",
    body: () => gzipSync(Buffer.alloc(16 * 1024 * 1024, " ")),
    headers: { "content-encoding": "gzip" },
    status: 415,
    code: "unsupported_media_type",
  },
  {
    title: "a member of the wrong type",
    body: () => JSON.stringify({ model: "echo", messages: "hi" }),
    status: 400,
    code: "invalid_request",
  },
  { title: "no messages", body: () => JSON.stringify({ model: "echo" }), status: 400, code: "invalid_request" },
  {
    title: "an unknown model",
    body: (mark) => JSON.stringify({ ...good(mark), model: "nothing-like-it" }),
    status: 404,
    code: "model_not_found",
  },
  {
    title: "an attempt to loosen privacy",
    body: (mark) => JSON.stringify(good(mark)),
    headers: { "x-bailiwick-privacy": "allow-api" },
    status: 400,
    code: "privacy_loosened",
  },
  {
    title: "a classification that nobody knows",
    body: (mark) => JSON.stringify(good(mark)),
    headers: { "x-bailiwick-classification": "secret" },
    status: 400,
    code: "invalid_request",
  },
  {
    title: "a purpose that nobody configured",
    body: (mark) => JSON.stringify(good(mark)),
    headers: { "x-bailiwick-purpose": "anything" },
    status: 400,
    code: "invalid_request",
  },
];

interface Told {
  title: string;
  path: string;
  body: object;
  headers?: Record<string, string>;
  status: number;
  param: string;
  says: RegExp;
}

const tensor = { name: "x", datatype: "FP32", shape: [1], data: [1] };
const TOLD: readonly Told[] = [
  {
    title: "a model that does something else",
    path: PATH,
    body: { ...good("x"), model: "embed" },
    status: 400,
    param: "model",
    says: /does not answer calls of this kind/,
  },
  {
    title: "a member within a list",
    path: "/v1/predict",
    body: { model: "tensors", inputs: [tensor, { ...tensor, datatype: "FLOAT" }] },
    status: 400,
    param: "inputs[1].datatype",
    says: /^body inputs\[1\]\.datatype: /,
  },
  {
    title: "a batch of a file that is not there",
    path: "/v1/batches",
    body: { input_file_id: "file-none", endpoint: PATH, completion_window: "24h" },
    status: 404,
    param: "input_file_id",
    says: /no such resource/,
  },
  {
    title: "tensors whose header tells more JSON than there is",
    path: "/v2/models/tensors/infer",
    body: { inputs: [tensor] },
    headers: { "inference-header-content-length": "4096" },
    status: 400,
    param: "inference-header-content-length",
    says: /where the JSON of the body ends/,
  },
];

export function badInputSuite(lab: Lab): void {
  describe("bad input", () => {
    it.each(BAD)("refuses $title with $status $code, and asks no engine", async ({ body, headers, status, code }) => {
      const { apiKey } = await lab.newTenant({ privacy: "local-only" });
      const mark = marker();
      const response = await lab.ask(PATH, { key: apiKey, body: body(mark), ...(headers ? { headers } : {}) });
      const document = JSON.parse(await response.text());
      expect([response.status, document.error?.code]).toEqual([status, code]);
      expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
      expect(response.headers.get("x-request-id")).toMatch(/^req_/);
      expect(document).toMatchObject({
        type: expect.stringMatching(/^urn:bailiwick:problem:/),
        title: expect.any(String),
        status,
        error: { message: expect.any(String), type: expect.any(String) },
      });
      expect(lab.upstream.about(mark)).toHaveLength(0);
    });

    it("refuses a body over the limit before reading it to its end, with flat memory", async () => {
      const { apiKey } = await lab.newTenant();
      const response = await oversized(lab, apiKey, 64 * 1024 * 1024);
      expect(response).toMatch(/^HTTP\/1\.1 413/);
      expect(response).toContain("body_too_large");
    });

    it("refuses control characters in a header instead of passing them on", async () => {
      const { apiKey } = await lab.newTenant();
      const answer = await rawRequest(lab, [
        "GET /v1/models HTTP/1.1",
        `authorization: Bearer ${apiKey}`,
        "x-bailiwick-privacy: local\u0000only",
        "connection: close",
      ]);
      // The runtime's own parser refuses some of them (an empty answer or 400), ours the rest.
      expect(answer === "" || /^HTTP\/1\.1 4\d\d/.test(answer)).toBe(true);
    });

    it("survives 200 bad bodies at once and still answers a good one", async () => {
      const { apiKey } = await lab.newTenant();
      const bad = await Promise.all(
        Array.from({ length: 200 }, async (_, n) => {
          const response = await lab.ask(PATH, { key: apiKey, body: BAD[n % 6]?.body("x") ?? "{" });
          await response.arrayBuffer();
          return response.status;
        }),
      );
      expect(new Set(bad)).toEqual(new Set([400]));
      const fine = await lab.json(PATH, { key: apiKey, body: good("fine") });
      expect(fine.choices[0].message.content).toBe("echo: fine");
    });
  });

  describe("a refusal", () => {
    it.each(TOLD)("of $title names the member at fault and says why, so that nobody has to guess", async (row) => {
      const { apiKey } = await lab.newTenant();
      const { path, body, status, param, says } = row;
      const response = await lab.ask(path, { key: apiKey, body, ...(row.headers ? { headers: row.headers } : {}) });
      const { error, detail, param: named } = await response.json();
      expect([response.status, typeof error === "string" ? named : error.param]).toEqual([status, param]);
      expect(detail).toMatch(says);
    });
  });

  describe("what does not exist", () => {
    it("answers 404 for an unknown path and 405 with allow for a wrong method", async () => {
      const { apiKey } = await lab.newTenant();
      expect((await lab.ask("/v1/nothing", { key: apiKey })).status).toBe(404);
      const wrong = await lab.ask(PATH, { key: apiKey });
      expect(wrong.status).toBe(405);
      expect(wrong.headers.get("allow")).toContain("POST");
    });
  });
}

function oversized(lab: Lab, key: string, bytes: number): Promise<string> {
  const chunk = Buffer.alloc(1024 * 1024, " ");
  return rawRequest(
    lab,
    [
      `POST ${PATH} HTTP/1.1`,
      `authorization: Bearer ${key}`,
      "content-type: application/json",
      "transfer-encoding: chunked",
      "connection: close",
    ],
    function* () {
      for (let sent = 0; sent < bytes; sent += chunk.length) {
        yield Buffer.from(`${chunk.length.toString(16)}\r\n`);
        yield chunk;
        yield Buffer.from("\r\n");
      }
      yield Buffer.from("0\r\n\r\n");
    },
  );
}

/** One request over a bare socket; stops sending once the cell answers or closes. */
function rawRequest(lab: Lab, lines: string[], body?: () => Iterable<Buffer>): Promise<string> {
  const url = new URL(lab.cell.url);
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname, port: Number(url.port) });
    let received = "";
    socket.setEncoding("utf8");
    socket.on("data", (text) => {
      received += text;
      if (received.includes("\r\n\r\n")) setTimeout(() => socket.destroy(), 200);
    });
    socket.on("error", () => resolve(received));
    socket.on("close", () => resolve(received));
    socket.write(Buffer.from(`${[lines[0], `host: ${url.host}`, ...lines.slice(1)].join("\r\n")}\r\n\r\n`, "latin1"));
    const parts = body?.()[Symbol.iterator]();
    const more = (): void => {
      for (;;) {
        const next = parts?.next();
        if (!next || next.done || received !== "" || socket.destroyed) return;
        if (!socket.write(next.value)) return void socket.once("drain", more);
      }
    };
    more();
  });
}
