import { setImmediate } from "node:timers";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { sourceOf } from "../../shared/contracts/ports/byte-source.ts";
import type { Result } from "../../shared/contracts/result.ts";
import { faultOf } from "./faults.ts";
import { endFrame, FrameReader, framed, framedPiece, joined, unframed } from "./framed-stream.ts";
import {
  CALLS_PATH,
  JOINED_FROM,
  MEDIA_TYPE,
  PROTOCOL,
  type ProtocolRange,
  REFUSAL_STATUS,
  type SendRefusal,
  STREAM_PATH,
  VERSION_HEADER,
} from "./http-protocol.ts";
import type { CallOutcome, ObjectCall } from "./object-call.ts";
import { readBounded } from "./read-bounded.ts";
import { methodKind } from "./remote-ports.ts";
import { type CallServer, readCalls } from "./serve-calls.ts";
import { decodeValue, encodeValue } from "./wire-value.ts";

export interface ObjectsServerOptions {
  calls: CallServer;
  /** Whose word the bearer token is; nothing of a send is read before. */
  verify(
    token: string,
    nowMs: number,
  ): Promise<Result<{ edge: string; expires_ms: number }, { reason: "invalid" | "expired" }>>;
  nowMs(): number;
  /** Hears of each send whose word is not believed: there was none, it is not an edge's, or it has had its time. */
  onRefused(why: "absent" | "invalid" | "expired"): void;
  /** Hears of answers that cannot be sent. */
  onFailure(cause: unknown, call: Pick<ObjectCall, "of" | "method">): void;
  versions?: ProtocolRange;
}

export interface ObjectsServer {
  handle(request: Request): Promise<Response>;
  /** Takes no more sends, breaks off what streams or waits, and resolves once what was begun has been answered. */
  close(): Promise<void>;
}

const GOING: CallOutcome = {
  kind: "fault",
  fault: { name: "ObjectUnavailable", message: "the objects are going" },
  ran: false,
};

/**
 * The objects' side of HTTP. A send is authenticated, its version looked at and its size bounded before a call of it runs;
 * whoever is turned away is told that nothing ran. `GET /healthz` alone needs no word of an edge.
 */
export function objectsServer(options: ObjectsServerOptions): ObjectsServer {
  const { calls, verify, nowMs, onRefused, onFailure, versions = PROTOCOL } = options;
  const known = new Map<string, number>();
  const streams = new Set<() => void>();
  const waiting = new Set<() => void>();
  let bytesHeld = 0;
  let running = 0;
  let going = false;
  let idle: (() => void) | null = null;

  const headers = { "content-type": MEDIA_TYPE, [VERSION_HEADER]: String(versions.max) };
  const refuse = (reason: SendRefusal) =>
    Response.json(
      { reason, ...versions },
      { status: REFUSAL_STATUS[reason], headers: { [VERSION_HEADER]: String(versions.max) } },
    );

  async function authentic(request: Request): Promise<boolean> {
    const token = /^Bearer ([\w.-]+)$/.exec(request.headers.get("authorization") ?? "")?.[1];
    if (token === undefined) {
      onRefused("absent");
      return false;
    }
    const now = nowMs();
    const until = known.get(token);
    if (until !== undefined && now < until) return true;
    known.delete(token);
    const read = await verify(token, now);
    if (!read.ok) {
      onRefused(read.error.reason);
      return false;
    }
    if (known.size >= LIMITS.edgeTokensCachedMax) known.delete(known.keys().next().value ?? "");
    known.set(token, read.value.expires_ms);
    return true;
  }

  function begin(): () => void {
    running++;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      if (--running === 0) idle?.();
    };
  }

  /** Which call, and how it ended. */
  function framedAnswer(index: number, call: ObjectCall, outcome: CallOutcome): Uint8Array<ArrayBuffer> {
    try {
      return framed(encodeValue([index, outcome]));
    } catch (cause) {
      // A port that answers what is no data is a mistake in the port.
      onFailure(cause, call);
      return framed(encodeValue([index, { kind: "fault", fault: faultOf(cause), ran: true } satisfies CallOutcome]));
    }
  }

  /** What waits is turned away when this process goes, and asked again of the one behind it. */
  async function carriedOut(call: ObjectCall): Promise<CallOutcome> {
    if (methodKind(call.of, call.method) !== "waits") return calls.call(call);
    let turnAway: () => void = () => {};
    const away = new Promise<CallOutcome>((resolve) => {
      turnAway = () => resolve(GOING);
    });
    waiting.add(turnAway);
    try {
      return await Promise.race([calls.call(call), away]);
    } finally {
      waiting.delete(turnAway);
    }
  }

  /** One frame an answer. */
  async function answerCalls(request: Request, version: number): Promise<Response> {
    const body = await readBounded(request, LIMITS.remoteBodyBytesMax, (bytes) => {
      bytesHeld += bytes;
      return bytesHeld <= LIMITS.remoteBodiesBytesMax;
    });
    try {
      if (!body.ok) return refuse(body.error.reason);
      const asked = readCalls(decoded(body.value));
      if (asked === null || (version < JOINED_FROM && asked.length > 1)) return refuse("unreadable");
      if (going) return refuse("going");
      const ended = begin();
      const answers = asked.map(async (call, index) => framedAnswer(index, call, await carriedOut(call)));
      const all = Promise.all(answers).finally(ended);
      if (answers.length === 1) return new Response(joined([...(await all), endFrame()]), { headers });
      all.catch(() => {});
      return new Response(asTheyEnd(answers), { headers });
    } finally {
      bytesHeld -= body.read;
    }
  }

  async function answerStream(request: Request): Promise<Response> {
    if (request.body === null) return refuse("unreadable");
    const frames = new FrameReader(sourceOf(request.body), LIMITS.remoteBodyBytesMax);
    const [call] = readCalls(decoded((await frames.next()) ?? new Uint8Array())) ?? [];
    if (call === undefined) return refuse("unreadable");
    const ended = begin();
    const outcome = await calls.open(call, pieces(unframed(frames))).catch((cause: unknown) => {
      ended();
      throw cause;
    });
    const { body, ...head } = outcome.kind === "stream" ? outcome : { ...outcome, body: null };
    const first = framed(encodeValue(head));
    if (body === null) {
      ended();
      return new Response(joined([first, endFrame()]), { headers });
    }
    return new Response(breakable(first, body, ended), { headers });
  }

  /** The bytes behind an answer. They end with the end frame; when this process goes they break off, and callers ask again. */
  function breakable(
    first: Uint8Array<ArrayBuffer>,
    body: ReadableStream<Uint8Array>,
    ended: () => void,
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const source = body.getReader();
    let sent = false;
    let gone: Error | null = null;
    let broken: (cause: Error) => void = () => {};
    const breakOff = () => {
      gone = new Error("the objects are going");
      broken(gone);
      leave();
    };
    const leave = () => {
      streams.delete(breakOff);
      ended();
    };
    let next: ReturnType<typeof source.read> | null = null;
    /** The next piece, or null when there was nothing to say for a while. */
    const piece = (): Promise<ReadableStreamReadResult<Uint8Array> | null> =>
      new Promise((resolve, reject) => {
        if (gone !== null) return reject(gone);
        broken = reject;
        const timer = setTimeout(resolve, LIMITS.remoteSilenceMs, null);
        next ??= source.read();
        next.then(resolve, reject).finally(() => clearTimeout(timer));
      });
    streams.add(breakOff);
    return new ReadableStream({
      async pull(controller) {
        if (!sent) {
          sent = true;
          controller.enqueue(first);
          return;
        }
        try {
          const found = await piece();
          // An empty frame says that there is nothing to say: who hears nothing at all asks again.
          if (found === null) return controller.enqueue(framed(new Uint8Array()));
          next = null;
          if (!found.done) return controller.enqueue(framedPiece(found.value));
          leave();
          controller.enqueue(endFrame());
          controller.close();
        } catch (cause) {
          leave();
          void source.cancel(cause).catch(() => {});
          throw cause;
        }
      },
      async cancel(cause) {
        leave();
        await source.cancel(cause);
      },
    });
  }

  return {
    async handle(request) {
      const { pathname } = new URL(request.url);
      if (request.method === "GET" && pathname === "/healthz") return new Response("ok");
      const joins = pathname === CALLS_PATH;
      if (request.method !== "POST" || !(joins || pathname === STREAM_PATH)) return new Response(null, { status: 404 });
      if (!(await authentic(request))) return refuse("unauthenticated");
      const version = Number(request.headers.get(VERSION_HEADER));
      if (!Number.isInteger(version) || version < versions.min || version > versions.max)
        return refuse("unsupported_version");
      if (going) return refuse("going");
      return joins ? answerCalls(request, version) : answerStream(request);
    },
    async close() {
      going = true;
      for (const end of [...streams, ...waiting]) end();
      if (running > 0)
        await new Promise<void>((resolve) => {
          idle = resolve;
        });
    },
  };
}

/** Null for bytes that are no value. */
function decoded(bytes: Uint8Array): unknown {
  try {
    return decodeValue(bytes);
  } catch {
    return null;
  }
}

async function* pieces(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

/** Frames in the order in which they are made; those that are there already go out together. */
function asTheyEnd(frames: readonly Promise<Uint8Array<ArrayBuffer>>[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  let ready: Uint8Array<ArrayBuffer>[] = [];
  let left = frames.length;
  let wake: () => void = () => {};
  for (const frame of frames)
    void frame.then((bytes) => {
      ready.push(bytes);
      wake();
    });
  return new ReadableStream(
    {
      async pull(controller) {
        if (ready.length === 0)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        // What ends in this turn of the loop goes along: answers of one commit come one right after the other.
        await new Promise<void>((resolve) => setImmediate(resolve));
        const out = ready;
        ready = [];
        left -= out.length;
        controller.enqueue(joined(left === 0 ? [...out, endFrame()] : out));
        if (left === 0) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}
