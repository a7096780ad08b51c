import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { RedisConnection, RedisError, type RedisReply } from "./redis-wire.ts";

/** Speaks Upstash's REST protocol in front of a real Redis: single commands, pipelines, base64 answers, bearer token. */
export interface UpstashProxy {
  readonly url: string;
  readonly token: string;
  /** How it answers: as it should, with 500, or never. */
  mode: "up" | "broken" | "silent";
  readonly requests: number;
  /** A command of the test's own. */
  redis(...words: string[]): Promise<RedisReply>;
  stop(): Promise<void>;
}

const base64 = (reply: RedisReply): unknown => {
  if (typeof reply === "string") return reply === "OK" ? reply : Buffer.from(reply).toString("base64");
  return Array.isArray(reply) ? reply.map(base64) : reply;
};

/**
 * Upstash's own script flag, which Redis does not know, is taken out; such scripts are then known to Redis under another
 * digest than to the client, so the proxy keeps the client's.
 */
function scriptTranslator() {
  const byDigest = new Map<string, string>();
  return (words: unknown[]): unknown[] => {
    const [name, script, ...rest] = words;
    const command = String(name).toUpperCase();
    if (command === "EVAL" && typeof script === "string") {
      const plain = script.replace(/^\s*#!lua flags=allow-key-locking\s*\n/, "");
      byDigest.set(createHash("sha1").update(script).digest("hex"), plain);
      return ["EVAL", plain, ...rest];
    }
    const known = command === "EVALSHA" ? byDigest.get(String(script)) : undefined;
    return known === undefined ? words : ["EVAL", known, ...rest];
  };
}

export async function startUpstashProxy(socket: string): Promise<UpstashProxy> {
  const redis = new RedisConnection(socket);
  const translate = scriptTranslator();
  const token = "token-for-tests-only";
  const state: { mode: UpstashProxy["mode"]; requests: number } = { mode: "up", requests: 0 };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    state.requests++;
    const send = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (state.mode === "silent") return;
    if (state.mode === "broken") return void send(500, { error: "broken" });
    if (request.headers.authorization !== `Bearer ${token}`) return void send(401, { error: "Unauthorized" });
    const encode = request.headers["upstash-encoding"] === "base64" ? base64 : (reply: RedisReply) => reply;
    const run = async (words: unknown[]) => {
      const reply = await redis.command(translate(words));
      return reply instanceof RedisError ? { error: reply.message } : { result: encode(reply) };
    };
    const body = await json(request);
    if (!Array.isArray(body)) return void send(400, { error: "ERR failed to parse command" });
    if (request.url === "/pipeline") return void send(200, await Promise.all(body.map(run)));
    const result = await run(body);
    send("error" in result ? 400 : 200, result);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: Error) =>
      response.writeHead(502).end(JSON.stringify({ error: error.message })),
    );
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo; // safe because: it listens on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    get mode() {
      return state.mode;
    },
    set mode(mode) {
      state.mode = mode;
    },
    get requests() {
      return state.requests;
    },
    redis: (...words) => redis.command(words),
    stop: () =>
      new Promise((done) => {
        redis.close();
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
