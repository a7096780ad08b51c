import { gzipSync } from "node:zlib";
import { marker } from "../../support/lab.ts";
import { type Attack, type Family, said, spelled } from "../attack.ts";
import { CHAT } from "../range.ts";
import { METHOD_UNKNOWN, onWorkerd, smuggled, wire } from "./wire.ts";

const MALFORMED = "400 malformed_json";

/** A body for the chat operation, and what came of it. */
const sends = (
  id: string,
  attack: string,
  body: (mark: string) => string | Uint8Array,
  expected: string,
  headers: Record<string, string> = {},
): Attack => ({
  id,
  attack,
  expected,
  owasp: ["API4", "API8"],
  async observe({ lab, mallory }) {
    const mark = marker();
    const response = await lab.ask(CHAT, { key: mallory.apiKey, body: body(mark), headers });
    const outcome = await said(response);
    return lab.upstream.about(mark).length === 0 ? outcome : `${outcome}, engine asked`;
  },
});
const good = (mark: string) => `{"model":"echo","messages":[{"role":"user","content":"${mark}"}]}`;
const beside = (member: string) => (mark: string) => good(mark).replace("{", `{${member},`);
const deep = (levels: number, open = "[", close = "]") => `${open.repeat(levels)}1${close.repeat(levels)}`;

const json: readonly Attack[] = [
  sends("control", "none: a good body", good, "200, engine asked"),
  sends("duplicate", "`model` twice", beside('"model":"dear"'), MALFORMED),
  sends("duplicate-escaped", "`model` twice, once as `mod\\u0065l`", beside('"mod\\u0065l":"dear"'), MALFORMED),
  sends(
    "duplicate-nested",
    "`content` twice inside a message",
    (mark) => good(mark).replace('"content"', '"content":"x","content"'),
    MALFORMED,
  ),
  sends("proto", "a member `__proto__`", beside('"__proto__":{"admin":true}'), MALFORMED),
  sends("proto-escaped", "a member `__pr\\u006fto__`", beside('"__pr\\u006fto__":{"admin":true}'), MALFORMED),
  sends("constructor", "`constructor.prototype`", beside('"constructor":{"prototype":{"admin":true}}'), MALFORMED),
  sends("deep-array", "100,000 levels of arrays", () => deep(100_000), MALFORMED),
  sends("deep-object", "100,000 levels of objects", () => deep(100_000, '{"a":', "}"), MALFORMED),
  sends("nodes", "2 million numbers", beside(`"x":[${"0,".repeat(2_000_000)}0]`), MALFORMED),
  sends("huge-number", "`max_tokens: 1e400`", beside('"max_tokens":1e400'), MALFORMED),
  sends("long-number", "a number of a million digits", beside(`"max_tokens":${"9".repeat(1_000_000)}`), MALFORMED),
  sends("unsafe-integer", "`max_tokens` past 2^53", beside('"max_tokens":9007199254740993'), "400 invalid_request"),
  sends("negative", "`max_tokens: -1`, to be paid for asking", beside('"max_tokens":-1'), "400 invalid_request"),
  sends("fraction", "`max_tokens: 0.5`", beside('"max_tokens":0.5'), "400 invalid_request"),
  sends("nan", "`NaN`", beside('"max_tokens":NaN'), MALFORMED),
  sends("hex", "`0x10`", beside('"max_tokens":0x10'), MALFORMED),
  sends("bom", "a byte order mark", (mark) => `\ufeff${good(mark)}`, MALFORMED),
  sends("utf-16", "UTF-16 without saying so", (mark) => Buffer.from(good(mark), "utf16le"), MALFORMED),
  sends(
    "overlong",
    "an overlong UTF-8 quote",
    () => Buffer.concat([Buffer.from('{"model":'), Buffer.from([0xc0, 0xa2]), Buffer.from('echo"}')]),
    MALFORMED,
  ),
  sends(
    "raw-surrogate",
    "a surrogate as UTF-8",
    () => Buffer.concat([Buffer.from('{"model":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
    MALFORMED,
  ),
  sends("trailing", "a second document behind the first", (mark) => `${good(mark)}{"model":"dear"}`, MALFORMED),
  sends("comment", "a comment", (mark) => `/* x */${good(mark)}`, MALFORMED),
  sends("single-quotes", "single quotes", () => "{'model':'echo'}", MALFORMED),
  sends("trailing-comma", "a comma too much", (mark) => good(mark).replace(/}$/, ",}"), MALFORMED),
  sends("nul", "a NUL behind the document", (mark) => `${good(mark)}\u0000`, MALFORMED),
  sends("top-array", "a list instead of an object", (mark) => `[${good(mark)}]`, "400 invalid_request"),
  sends("top-null", "`null`", () => "null", "400 invalid_request"),
  sends("case", "`Model` instead of `model`", (mark) => good(mark).replace("model", "Model"), "400 invalid_request"),
];

const types: readonly Attack[] = [
  sends("charset", "`charset=utf-7`", good, "415 unsupported_media_type", {
    "content-type": "application/json; charset=utf-7",
  }),
  sends("form", "a form's content type, which a browser sends for anybody's page", good, "415 unsupported_media_type", {
    "content-type": "application/x-www-form-urlencoded",
  }),
  sends("plain", "`text/plain`, which needs no preflight", good, "415 unsupported_media_type", {
    "content-type": "text/plain",
  }),
  sends("two-types", "two content types", good, "415 unsupported_media_type", {
    "content-type": "application/json, text/plain",
  }),
  sends("suffix", "`application/x+json`", good, "415 unsupported_media_type", { "content-type": "application/x+json" }),
  sends(
    "gzip",
    "a gzip bomb of 64 MiB",
    () => gzipSync(Buffer.alloc(64 * 1024 * 1024, " ")),
    "415 unsupported_media_type",
    { "content-encoding": "gzip" },
  ),
  sends(
    "identity-gzip",
    "`content-encoding: identity, gzip`",
    (mark) => gzipSync(good(mark)),
    "415 unsupported_media_type",
    { "content-encoding": "identity, gzip" },
  ),
];

const BOUNDARY = "x-attack";
const part = (disposition: string, body: string) =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${body}\r\n`;
const PURPOSE = part('name="purpose"', "user_data");
const upload = (
  id: string,
  attack: string,
  body: string | Uint8Array,
  expected: string,
  type = `multipart/form-data; boundary=${BOUNDARY}`,
): Attack => ({
  id,
  attack,
  expected,
  owasp: ["API4", "API3"],
  async observe({ lab, mallory }) {
    const response = await lab.ask("/v1/files", { key: mallory.apiKey, body, headers: { "content-type": type } });
    const text = await response.clone().text();
    if (!response.ok) return said(response);
    const name: string = JSON.parse(text).filename;
    return `${response.status}, named ${name.length > 100 ? `by ${name.length} characters` : JSON.stringify(name)}`;
  },
});
const END = `--${BOUNDARY}--\r\n`;
const named = (filename: string) => `${PURPOSE}${part(`name="file"; filename="${filename}"`, "x")}${END}`;
const forms: readonly Attack[] = [
  upload("form-control", "none: a good form", named("a.txt"), '200, named "a.txt"'),
  upload("no-boundary", "no boundary", named("a.txt"), "400 invalid_request", "multipart/form-data"),
  upload(
    "long-boundary",
    "a boundary of 71 characters",
    named("a.txt"),
    "400 invalid_request",
    `multipart/form-data; boundary=${"b".repeat(71)}`,
  ),
  upload(
    "mixed",
    "`multipart/mixed`",
    named("a.txt"),
    "415 unsupported_media_type",
    `multipart/mixed; boundary=${BOUNDARY}`,
  ),
  upload("unended", "no last boundary", named("a.txt").replace(END, ""), "400 invalid_request"),
  upload("bare-lf", "lines that end with LF alone", named("a.txt").replaceAll("\r\n", "\n"), "400 invalid_request"),
  upload(
    "two-files",
    "two files",
    `${PURPOSE}${part('name="file"; filename="a"', "x")}${part('name="file"; filename="b"', "y")}${END}`,
    "400 invalid_request",
  ),
  upload(
    "two-purposes",
    "two purposes",
    `${PURPOSE}${part('name="purpose"', "batch")}${part('name="file"; filename="a"', "x")}${END}`,
    "400 invalid_request",
  ),
  upload(
    "unknown-field",
    "a field that nobody knows",
    `${PURPOSE}${part('name="tenant"', "x")}${part('name="file"; filename="a"', "x")}${END}`,
    "400 invalid_request",
  ),
  upload("many-parts", "1,000 parts", `${PURPOSE.repeat(1_000)}${END}`, "400 invalid_request"),
  upload(
    "long-header",
    "a part's header of 1 MB",
    `--${BOUNDARY}\r\nx: ${"x".repeat(1_000_000)}\r\n\r\n\r\n${END}`,
    "400 invalid_request",
  ),
  upload("nameless", "a part without a name", `${PURPOSE}${part('filename="a"', "x")}${END}`, "400 invalid_request"),
  upload(
    "path-name",
    "a file name that climbs folders: a name alone, no path is made of it",
    named("../../etc/passwd"),
    '200, named "../../etc/passwd"',
  ),
  upload("nul-name", "a NUL in a file name", named("a\u0000.txt"), "400 invalid_request"),
  upload("break-name", "a line break in a file name (`%0D%0A`)", named("a%0D%0Aset-cookie: x"), "400 invalid_request"),
  upload("long-name", "a file name of 10,000 characters", named("a".repeat(10_000)), "200, named by 255 characters"),
  {
    id: "file-is-a-page",
    attack: "a file that is a page with a script, read back",
    expected: "200, application/octet-stream, nosniff",
    owasp: ["API8", "LLM5"],
    async observe({ lab, mallory }) {
      const headers = { "content-type": `multipart/form-data; boundary=${BOUNDARY}` };
      const body = `${PURPOSE}${part('name="file"; filename="a.html"\r\nContent-Type: text/html', "<script>alert(1)</script>")}${END}`;
      const file = await lab.json("/v1/files", { key: mallory.apiKey, body, headers });
      const response = await lab.ask(`/v1/files/${file.id}/content`, { key: mallory.apiKey });
      await response.text();
      return `${response.status}, ${response.headers.get("content-type")}, ${response.headers.get("x-content-type-options")}`;
    },
  },
];

const PATHS: Readonly<Record<string, readonly [attack: string, line: string, expected: string, on?: Attack["on"]]>> = {
  "dot-segments": ["`/v1/../metrics` as it is", "GET /v1/models/../../v1/keys HTTP/1.1", "404"],
  "encoded-dots": ["`%2e%2e` segments", "GET /v1/models/%2e%2e/%2e%2e/v1/keys HTTP/1.1", "404"],
  "double-slash": ["`//v1/keys`", "GET //v1/keys HTTP/1.1", "404"],
  "encoded-slash": ["`/v1%2fkeys`", "GET /v1%2fkeys HTTP/1.1", "404"],
  "path-nul": ["`/v1/models%00`", "GET /v1/models%00 HTTP/1.1", "404"],
  semicolon: ["`/v1/keys;/models`", "GET /v1/keys;/models HTTP/1.1", "404"],
  upper: ["`/V1/KEYS`", "GET /V1/KEYS HTTP/1.1", "404"],
  "trailing-slash": ["`/v1/keys/`", "GET /v1/keys/ HTTP/1.1", "404"],
  backslash: ["`/v1\\keys`", "GET /v1\\keys HTTP/1.1", "404"],
  "absolute-form": ["an absolute URL of another host", "GET http://attacker.example.com/v1/keys HTTP/1.1", "403"],
  "method-case": ["`get`", "get /v1/keys HTTP/1.1", "405", onWorkerd("501", METHOD_UNKNOWN)],
  "method-odd": ["a method that nobody knows", "BREW /v1/keys HTTP/1.1", "405", onWorkerd("501", METHOD_UNKNOWN)],
  head: ["`HEAD` of what only `GET` may read", "HEAD /v1/keys HTTP/1.1", "403"],
};
const paths: readonly Attack[] = [
  ...spelled(PATHS, (id, [attack, line, expected, on]) => ({
    ...smuggled(id, `${attack}, as a developer who may not list keys`, [line], "", expected, on),
    owasp: ["API5", "API9"] as const,
  })),
  ...spelled(
    {
      "method-override": { "x-http-method-override": "DELETE", "x-method-override": "DELETE" },
      "url-override": { "x-original-url": "/v1/keys", "x-rewrite-url": "/v1/keys" },
      "role-headers": { "x-role": "admin", "x-roles": "admin", "x-user": "root", "x-scopes": "*" },
    },
    (id, headers): Attack => ({
      id,
      attack: `headers that claim another operation or role: ${Object.keys(headers)
        .map((name) => `\`${name}\``)
        .join(", ")}`,
      expected: "the list of models; 403 forbidden for keys",
      owasp: ["API5", "API9"],
      async observe({ lab, mallory }) {
        const sent = Object.fromEntries(Object.entries(headers));
        const models = await (await lab.ask("/v1/models", { key: mallory.apiKey, headers: sent })).json();
        const keys = await said(await lab.ask("/v1/keys", { key: mallory.apiKey, headers: sent }));
        return `${models.object === "list" ? "the list of models" : "something else"}; ${keys} for keys`;
      },
    }),
  ),
  {
    id: "cors",
    attack: "a preflight from a stranger's page",
    expected: "405, no origin allowed",
    owasp: ["API8"],
    async observe({ lab }) {
      const headers = { origin: "https://attacker.example.com", "access-control-request-method": "POST" };
      const response = await lab.ask(CHAT, { method: "OPTIONS", headers });
      await response.text();
      return `${response.status}, ${response.headers.get("access-control-allow-origin") ?? "no origin"} allowed`;
    },
  },
  {
    id: "error-tells",
    attack: "bodies that fail everywhere, to read stack traces, paths and versions in the errors",
    expected: "nothing of the kind",
    owasp: ["API8"],
    async observe({ lab, mallory }) {
      const bodies = [
        "{",
        "null",
        '{"model":{}}',
        '{"model":"echo","messages":{}}',
        '{"model":"echo","messages":[{}]}',
      ];
      const texts = await Promise.all(
        bodies.map(async (body) => (await lab.ask(CHAT, { key: mallory.apiKey, body })).text()),
      );
      const found = texts.flatMap(
        (text) => text.match(/\.ts\b|node_modules|\bat \w+ \(|deno|zod|\/work|\/home|\/tmp/gi) ?? [],
      );
      return found.length === 0 ? "nothing of the kind" : [...new Set(found)].join(", ");
    },
  },
];

export const PARSING: Family = {
  id: "parsing",
  title: "Parsing",
  about:
    "Bodies that two readers understand differently, requests inside requests, forms and paths in disguise. On a raw socket, what came back is told as statuses: a second one would be a smuggled request that was answered.",
  attacks: [...json, ...types, ...wire, ...forms, ...paths],
};
