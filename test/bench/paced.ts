import { connect } from "node:net";
import { HttpReader } from "./http-reader.ts";
import { percentile, requestBytes, STREAM_END } from "./load.ts";

export interface PacedSpec {
  url: string;
  headers: Record<string, string>[];
  body: string;
  concurrency: number;
  /** Streams that each connection takes one after the other; the first is not counted. */
  streams: number;
}

export interface PacedResult {
  streams: number;
  failures: number;
  failure_example: string | null;
  /** From the request to its first token. */
  first_token_ms: { p50: number; p99: number };
  /** Between two tokens of a stream; the upstream sends one each 20 ms. */
  gap_ms: { p50: number; p99: number };
}

const TOKEN = /word\d/g;

/** Counts tokens in bytes that may be cut inside one: what could be the start of one is kept for the next piece. */
export function tokenCounter(): (bytes: Buffer) => number {
  let rest = "";
  return (bytes) => {
    const text = rest + bytes.toString("latin1");
    const found = text.match(TOKEN)?.length ?? 0;
    rest = /(?:w|wo|wor|word)$/.exec(text)?.[0] ?? "";
    return found;
  };
}

/** Streams whose upstream paces its tokens, so that what is seen is the delay and not the throughput. */
export async function paced(spec: PacedSpec): Promise<PacedResult> {
  const url = new URL(spec.url);
  const firsts: number[] = [];
  const gaps: number[] = [];
  let streams = 0;
  let failures = 0;
  let example: string | null = null;

  const connection = (index: number) =>
    new Promise<void>((resolve, reject) => {
      const request = requestBytes(url, spec, index);
      const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
      let left = spec.streams;
      let sent = 0;
      let last = 0;
      let count = tokenCounter();
      const send = () => {
        sent = performance.now();
        last = 0;
        count = tokenCounter();
        socket.write(request);
      };
      const reader = new HttpReader(
        () => undefined,
        (answer) => {
          const complete = answer.status === 200 && answer.tail.endsWith(STREAM_END);
          if (!complete) {
            failures++;
            example ??= `${answer.status} ${answer.tail}`;
          }
          streams++;
          if (--left > 0) send();
          else socket.end();
        },
        (bytes) => {
          const tokens = count(bytes);
          const now = performance.now();
          const counted = left < spec.streams;
          for (let token = 0; token < tokens; token++) {
            if (counted && last === 0) firsts.push(now - sent);
            else if (counted) gaps.push(now - last);
            last = now;
          }
        },
      );
      socket.on("connect", send);
      socket.on("data", (bytes: Buffer) => reader.feed(bytes));
      socket.on("error", reject);
      socket.on("close", () => (left === 0 ? resolve() : reject(new Error("the connection was closed"))));
    });
  await Promise.all(Array.from({ length: spec.concurrency }, (_, index) => connection(index)));
  return {
    streams,
    failures,
    failure_example: example,
    first_token_ms: percentile(firsts),
    gap_ms: percentile(gaps),
  };
}

const argument = process.argv[2];
if (argument !== undefined && import.meta.main) {
  const spec: PacedSpec = JSON.parse(argument);
  process.send?.(await paced(spec));
  process.disconnect?.();
}
