import { connect } from "node:net";
import { HttpReader } from "./http-reader.ts";

/** One run, given as JSON in the first argument; the outcome is JSON on standard output. */
export interface LoadSpec {
  url: string;
  /** Sent on every request; connection `n` uses `headers[n % headers.length]`. One entry per tenant. */
  headers: Record<string, string>[];
  body: string;
  stream: boolean;
  concurrency: number;
  warmup_ms: number;
  duration_ms: number;
}

export interface LoadResult {
  requests: number;
  /** Answers that were not a complete 200. */
  failures: number;
  failure_example: string | null;
  seconds: number;
  per_second: number;
  latency_ms: { p50: number; p90: number; p99: number; max: number };
  /** Time to the head of the answer. */
  head_ms: { p50: number; p99: number };
}

/** Half and all but a hundredth of what was seen lie below these; 0 for nothing. */
export function percentile(seen: readonly number[]): { p50: number; p90: number; p99: number; max: number } {
  const sorted = Float64Array.from(seen).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}

export const STREAM_END = "data: [DONE]\n\n";

/** Closed loop: each connection sends its next request when the last answer is complete. */
async function load(spec: LoadSpec): Promise<LoadResult> {
  const url = new URL(spec.url);
  const latencies: number[] = [];
  const heads: number[] = [];
  let failures = 0;
  let example: string | null = null;
  let measuring = false;
  let stopped = false;

  const worker = (index: number) =>
    new Promise<void>((resolve, reject) => {
      const request = requestBytes(url, spec, index);
      const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
      let sent = 0;
      let head = 0;
      const send = () => {
        sent = performance.now();
        socket.write(request);
      };
      const reader = new HttpReader(
        () => {
          head = performance.now();
        },
        (answer) => {
          const complete = answer.status === 200 && (!spec.stream || answer.tail.endsWith(STREAM_END));
          if (!complete) {
            failures++;
            example ??= `${answer.status} ${answer.tail}`;
          }
          if (measuring) {
            latencies.push(performance.now() - sent);
            heads.push(head - sent);
          }
          if (stopped) socket.end();
          else send();
        },
      );
      socket.on("connect", send);
      socket.on("data", (bytes: Buffer) => reader.feed(bytes));
      socket.on("error", reject);
      socket.on("close", () => (stopped ? resolve() : reject(new Error("the connection was closed"))));
    });

  const workers = Promise.all(Array.from({ length: spec.concurrency }, (_, index) => worker(index)));
  await Promise.race([delay(spec.warmup_ms), workers]);
  measuring = true;
  const started = performance.now();
  process.send?.("measuring");
  await Promise.race([delay(spec.duration_ms), workers]);
  const seconds = (performance.now() - started) / 1000;
  measuring = false;
  stopped = true;
  process.send?.("measured");
  await workers;

  return {
    requests: latencies.length,
    failures,
    failure_example: example,
    seconds,
    per_second: latencies.length / seconds,
    latency_ms: percentile(latencies),
    head_ms: percentile(heads),
  };
}

/** One request of connection `index` as bytes, so that a run encodes it once. */
export function requestBytes(url: URL, spec: Pick<LoadSpec, "headers" | "body">, index: number): Buffer {
  const headers = {
    host: url.host,
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(spec.body)),
    ...spec.headers[index % spec.headers.length],
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${url.pathname} HTTP/1.1\r\n${lines.join("")}\r\n${spec.body}`);
}

const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const argument = process.argv[2];
if (argument !== undefined && import.meta.main) {
  const spec: LoadSpec = JSON.parse(argument);
  const result = await load(spec);
  process.send?.(result);
  process.disconnect?.();
}
