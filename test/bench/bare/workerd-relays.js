/// Ways to pass a streamed answer on, on workerd, each as plain as it can be: what the platform itself takes for them.
import { connect } from "cloudflare:sockets";

const asked = ({ method, url, headers, body }, { UPSTREAM }) =>
  fetch(`${UPSTREAM}${new URL(url).pathname}`, { method, headers, body });
const pulled = (next) =>
  new ReadableStream(
    {
      async pull(controller) {
        const part = await next();
        if (part === null) controller.close();
        else controller.enqueue(part);
      },
    },
    { highWaterMark: 0 },
  );
/** Reads into one buffer again and again; what it gives is copied out of it. */
function partsOf(readable) {
  const reader = readable.getReader({ mode: "byob" });
  let buffer = new Uint8Array(32 * 1024);
  return async () => {
    const { done, value } = await reader.read(buffer);
    if (done) return null;
    buffer = new Uint8Array(value.buffer);
    return value.slice();
  };
}
const PIECES = 24;
const STREAMED = { headers: { "content-type": "text/event-stream" } };

const WAYS = {
  untouched: asked,
  async whole(request, env) {
    return new Response(await (await asked(request, env)).arrayBuffer(), STREAMED);
  },
  async reads(request, env) {
    const next = partsOf((await asked(request, env)).body);
    const parts = [];
    for (let part = await next(); part !== null; part = await next()) parts.push(part);
    return new Response(await new Blob(parts).arrayBuffer(), STREAMED);
  },
  async writes(request, env) {
    const all = new Uint8Array(await (await asked(request, env)).arrayBuffer());
    const step = Math.ceil(all.length / PIECES);
    let at = 0;
    return new Response(
      pulled(async () => {
        if (at >= all.length) return null;
        at += step;
        return all.subarray(at - step, at);
      }),
      STREAMED,
    );
  },
  async both(request, env) {
    return new Response(pulled(partsOf((await asked(request, env)).body)), STREAMED);
  },
  /** The answer of the mock comes in one read, chunks and all: they are cut off its end, and nothing else is looked at. */
  async socket(request, { UPSTREAM }) {
    const { hostname, port, host } = new URL(UPSTREAM);
    const body = new Uint8Array(await request.arrayBuffer());
    const socket = connect({ hostname, port: Number(port) });
    const writer = socket.writable.getWriter();
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`;
    writer.write(await new Blob([head, body]).arrayBuffer());
    const next = partsOf(socket.readable);
    const text = new TextDecoder();
    let answer = "";
    while (!answer.endsWith("\r\n0\r\n\r\n")) answer += text.decode(await next());
    const frames = answer.split("\r\n").filter((line) => line.startsWith("data: "));
    let given = false;
    return new Response(
      pulled(async () => {
        if (given) {
          await socket.close();
          return null;
        }
        given = true;
        return new TextEncoder().encode(frames.join(""));
      }),
      STREAMED,
    );
  },
};

export default {
  fetch: (request, env) => (request.method === "POST" ? WAYS[env.WAY](request, env) : asked(request, env)),
};
