import type { Attack } from "../attack.ts";
import { CHAT, type Range } from "../range.ts";
import { exchange } from "../raw-http.ts";

const GHOST = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
/** Two requests, the second of which must not be one of its own: what comes back is told as statuses. */
export const smuggled = (
  id: string,
  attack: string,
  head: readonly string[],
  body: string,
  expected: string,
  on: NonNullable<Attack["on"]> = {},
): Attack => ({
  id,
  attack,
  expected,
  on,
  owasp: ["API8", "API2"],
  async observe({ lab, mallory }: Range) {
    const { host } = new URL(lab.cell.url);
    const [first = "", ...rest] = head;
    const lines = [first, `host: ${host}`, `authorization: Bearer ${mallory.apiKey}`, ...rest];
    const { statuses, end } = await exchange(lab.cell.url, `${lines.join("\r\n")}\r\n\r\n${body}`);
    return statuses.length === 0 ? "no answer, closed".slice(0, end === "closed" ? undefined : 9) : statuses.join(", ");
  },
});
export const onWorkerd = (expected: string, because: string) => ({ workerd: { expected, because } });
const CHUNKS_WIN =
  "it takes the chunks and not the length, as RFC 9112 §6.1 allows, and ends the connection behind the answer";
const CHUNK_BROKEN = "it tells a broken chunk as a connection that was lost, and ends it";
export const METHOD_UNKNOWN = "its parser knows the methods, and refuses by itself";
const POST = `POST ${CHAT} HTTP/1.1`;
const TYPE = "content-type: application/json";
const BODY = '{"model":"echo","messages":[{"role":"user","content":"x"}]}';
export const wire: readonly Attack[] = [
  smuggled("wire-control", "none: a good request", [POST, TYPE, `content-length: ${BODY.length}`], BODY, "200"),
  smuggled(
    "cl-te",
    "`content-length` and `transfer-encoding`, with a request behind the last chunk",
    [POST, TYPE, "content-length: 6", "transfer-encoding: chunked"],
    `0\r\n\r\n${GHOST}`,
    "400",
  ),
  smuggled(
    "te-cl",
    "the same the other way round",
    [POST, TYPE, "transfer-encoding: chunked", "content-length: 4"],
    `${GHOST.length.toString(16)}\r\n${GHOST}\r\n0\r\n\r\n`,
    "400",
  ),
  smuggled(
    "cl-te-whole",
    "a good body in chunks beside a length that ends within it, with a request behind the last chunk",
    [POST, TYPE, "content-length: 6", "transfer-encoding: chunked"],
    `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n${GHOST}`,
    "400",
    onWorkerd("200", CHUNKS_WIN),
  ),
  smuggled(
    "te-te",
    "`transfer-encoding` twice, once disguised",
    [POST, TYPE, "transfer-encoding: chunked", "transfer-encoding: x"],
    `0\r\n\r\n${GHOST}`,
    "400",
  ),
  smuggled(
    "te-space",
    "`transfer-encoding : chunked`",
    [POST, TYPE, "transfer-encoding : chunked", "content-length: 4"],
    `0\r\n\r\n${GHOST}`,
    "400",
  ),
  smuggled(
    "te-tab",
    "`transfer-encoding:\\tchunked` beside a length",
    [POST, TYPE, "transfer-encoding:\tchunked", "content-length: 4"],
    `0\r\n\r\n${GHOST}`,
    "400",
  ),
  smuggled(
    "te-last",
    "`chunked` that is not the last coding",
    [POST, TYPE, "transfer-encoding: chunked, identity"],
    `0\r\n\r\n${GHOST}`,
    "400",
  ),
  smuggled("two-cl", "two lengths", [POST, TYPE, "content-length: 2", `content-length: ${BODY.length}`], BODY, "400"),
  smuggled("cl-list", "a list of lengths", [POST, TYPE, `content-length: 2, ${BODY.length}`], BODY, "400"),
  smuggled("cl-plus", "`content-length: +5`", [POST, TYPE, `content-length: +${BODY.length}`], BODY, "400"),
  smuggled("cl-hex", "`content-length: 0x5`", [POST, TYPE, "content-length: 0x5"], BODY, "400"),
  smuggled("cl-huge", "a length past 2^64", [POST, TYPE, "content-length: 18446744073709551617"], BODY, "400"),
  smuggled(
    "chunk-huge",
    "a chunk of 2^64 bytes",
    [POST, TYPE, "transfer-encoding: chunked"],
    `10000000000000000\r\n${BODY}\r\n0\r\n\r\n`,
    "no answer, closed",
    onWorkerd("499", CHUNK_BROKEN),
  ),
  smuggled(
    "chunk-negative",
    "a chunk of -1 bytes",
    [POST, TYPE, "transfer-encoding: chunked"],
    `-1\r\n${BODY}\r\n0\r\n\r\n`,
    "no answer, closed",
    onWorkerd("499", CHUNK_BROKEN),
  ),
  smuggled("fold", "a folded header", [POST, TYPE, "x-a: b\r\n c: d", `content-length: ${BODY.length}`], BODY, "400"),
  smuggled(
    "header-nul",
    "a NUL in a header",
    [POST, TYPE, "x-a: b\u0000c", `content-length: ${BODY.length}`],
    BODY,
    "400",
  ),
  smuggled(
    "header-cr",
    "a bare CR in a header",
    [POST, TYPE, "x-a: b\rx-b: c", `content-length: ${BODY.length}`],
    BODY,
    "400",
  ),
  smuggled("http-0-9", "HTTP/0.9", ["GET /v1/models"], "", "400"),
  smuggled(
    "connect",
    "`CONNECT` to somebody else",
    ["CONNECT attacker.example.com:443 HTTP/1.1"],
    "",
    "404",
    onWorkerd("500", "it asks for a handler of tunnels, and there is none"),
  ),
  smuggled("trace", "`TRACE`, which would echo the credential", ["TRACE /v1/models HTTP/1.1"], "", "405"),
];
