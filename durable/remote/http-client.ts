import { LIMITS } from "../../shared/contracts/limits.ts";
import { readUpTo } from "../../shared/contracts/ports/byte-source.ts";
import type { Egress, Exchange, ExchangeRequest } from "../../shared/contracts/ports/egress.ts";
import { endFrame, FrameReader, framed, framedPiece, joined, unframed } from "./framed-stream.ts";
import {
  CALLS_PATH,
  commonVersion,
  JOINED_FROM,
  MEDIA_TYPE,
  PROTOCOL,
  type ProtocolRange,
  STREAM_PATH,
  VERSION_HEADER,
  VersionRefused,
} from "./http-protocol.ts";
import type { CallOutcome, ObjectCall, ObjectTransport, StreamOutcome } from "./object-call.ts";
import { writtenCall } from "./serve-calls.ts";
import { decodeValue, encodeValue } from "./wire-value.ts";

export interface HttpTransportOptions {
  /** Where the objects listen, without a path. */
  url: string;
  exchange: Egress["exchange"];
  /** A token that is good now. `fresh`: the last one was refused. */
  token(fresh: boolean): Promise<string>;
  /** Whether a rejected exchange proves that no byte arrived. */
  neverSent(cause: unknown): boolean;
  versions?: ProtocolRange;
}

/** The objects' process turned a send away; `reason` is its own word. */
export class SendRefused extends Error {
  override readonly name = "SendRefused";
  readonly reason: string;
  constructor(reason: string) {
    super(`refused: ${reason}`);
    this.reason = reason;
  }
}

const decoder = new TextDecoder();

type Lost = Extract<CallOutcome, { kind: "lost" }>;
type Refused = Extract<CallOutcome, { kind: "fault" }>;
const answers = (sent: Exchange | Lost | Refused): sent is Exchange => !("kind" in sent);
const unsent = (cause: unknown): Lost => ({ kind: "lost", ran: "no", cause });
const unknown = (cause: unknown): Lost => ({ kind: "lost", ran: "unknown", cause });

/** The transport over HTTP, with connections that are kept. It begins with its newest version and comes to what both speak. */
export function httpTransport(options: HttpTransportOptions): ObjectTransport {
  const { url, exchange, token, neverSent, versions = PROTOCOL } = options;
  let version = versions.max;

  /** An answer to read, or what became of the whole send. */
  async function post(
    path: string,
    sent: Pick<ExchangeRequest, "body" | "signal">,
  ): Promise<Exchange | Lost | Refused> {
    let refresh = false;
    for (let tried = 1; ; tried++) {
      const spoken = version;
      let answer: Exchange;
      try {
        const authorization = `Bearer ${await token(refresh)}`;
        const headers = { authorization, "content-type": MEDIA_TYPE, [VERSION_HEADER]: String(spoken) };
        answer = await exchange(`${url}${path}`, { ...sent, method: "POST", headers });
      } catch (cause) {
        return neverSent(cause) ? unsent(cause) : unknown(cause);
      }
      if (answer.status === 200) {
        learn(answer);
        return answer;
      }
      const refusal = await refusalOf(answer);
      if (refusal === null) return unknown(new Error(`the objects' address answered ${answer.status}`));
      // A body that streamed is gone; a caller that may begin again does.
      if (tried > 2 || !(sent.body instanceof Uint8Array)) return unsent(new Error(`refused: ${refusal.reason}`));
      if (refusal.reason === "unsupported_version") {
        const common = commonVersion(versions, refusal);
        if (common === null) return unsent(new VersionRefused(versions, refusal));
        version = common;
        // What was put together for a newer version is put together again.
        if (common < JOINED_FROM && spoken >= JOINED_FROM) return unsent(new Error("the objects are older"));
      } else if (refusal.reason === "unauthenticated" && !refresh) refresh = true;
      else return unsent(new SendRefused(refusal.reason));
    }
  }

  /** Objects that were brought up to date say so. */
  function learn({ headers }: Exchange): void {
    const newest = Number(headers.get(VERSION_HEADER));
    if (newest > version) version = Math.min(newest, versions.max);
  }

  async function sendTogether(calls: readonly ObjectCall[], settle: Settle): Promise<void> {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(new Error("no answer in time")), LIMITS.remoteAnswerMsMax);
    try {
      const body = encodeValue(calls.map(writtenCall));
      const answer = await post(CALLS_PATH, { body, signal: stop.signal });
      if (!answers(answer)) return settle.rest(answer);
      const frames = new FrameReader(answer, LIMITS.remoteBodyBytesMax);
      for (;;) {
        const frame = await frames.next();
        if (frame === null) break;
        const [index, outcome] = decodeValue(frame) as [number, CallOutcome]; // safe because: the objects of this protocol wrote it
        settle.one(index, outcome);
      }
      settle.rest(unknown(new Error("the answer left a call out")));
    } catch (cause) {
      settle.rest(unknown(cause));
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    get callsMax() {
      return version < JOINED_FROM ? 1 : LIMITS.remoteCallsMax;
    },
    send(calls) {
      const settled = calls.map(() => Promise.withResolvers<CallOutcome>());
      const settle: Settle = {
        one: (index, outcome) => settled[index]?.resolve(outcome),
        // Resolving twice changes nothing: only those without an outcome get this one.
        rest: (outcome) => {
          for (const { resolve } of settled) resolve(outcome);
        },
      };
      void sendTogether(calls, settle);
      return settled.map(({ promise }) => promise);
    },
    async open(call, body): Promise<StreamOutcome> {
      const head = framed(encodeValue([writtenCall(call)]));
      const stop = new AbortController();
      // What is sent along is its sender's to bound: its answer comes behind it.
      const timer =
        body === null
          ? setTimeout(() => stop.abort(new Error("no answer in time")), LIMITS.remoteAnswerMsMax)
          : undefined;
      try {
        const sent = body === null ? joined([head, endFrame()]) : streamOf(head, body);
        const answer = await post(STREAM_PATH, { body: sent, signal: stop.signal });
        if (!answers(answer)) return answer;
        const frames = new FrameReader(answer);
        const first = await frames.next();
        if (first === null) return unknown(new Error("an answer without a head"));
        const outcome = decodeValue(first) as { kind: "stream"; value: unknown } | Refused; // safe because: as above
        if (outcome.kind === "stream") return { ...outcome, body: unframed(frames, LIMITS.remoteSilenceMsMax) };
        frames.cancel();
        return outcome;
      } catch (cause) {
        return unknown(cause);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

interface Settle {
  one(index: number, outcome: CallOutcome): void;
  rest(outcome: CallOutcome): void;
}

async function refusalOf(answer: Exchange): Promise<(ProtocolRange & { reason: string }) | null> {
  try {
    const { bytes } = await readUpTo(answer, LIMITS.remoteRefusalBytesMax);
    const told = JSON.parse(decoder.decode(bytes));
    const { reason, min, max } = told as Record<string, unknown>; // safe because: each member is looked at
    return typeof reason === "string" && typeof min === "number" && typeof max === "number"
      ? { reason, min, max }
      : null;
  } catch {
    return null;
  }
}

async function* streamOf(
  head: Uint8Array<ArrayBuffer>,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield head;
  for await (const piece of body) yield framedPiece(piece);
  yield endFrame();
}
