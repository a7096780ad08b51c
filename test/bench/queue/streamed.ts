import { Agent, request } from "node:http";
import type { BenchWorld } from "./world.ts";

export interface Streamed {
  status: number;
  /** From the request to the first event that carries text. */
  first_ms: number;
  whole_ms: number;
  /** Events that carry text. */
  tokens: number;
  complete: boolean;
  /** The error that it ended with, as it was told. */
  error: string | null;
}

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
const TOKEN = /"content":"[^"]/g;

export interface Heard {
  /** The first event that carries text has come. */
  first?(): void;
  /** Whole events, as they came. */
  text?(events: string): void;
}

/** One chat stream, timed at its client; never rejects. */
export function streamed(
  { cell, key }: Pick<BenchWorld, "cell" | "key">,
  model: string,
  heard: Heard = {},
): Promise<Streamed> {
  const startMs = performance.now();
  const body = JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "Say twenty words." }] });
  return new Promise((resolve) => {
    let status = 0;
    let first = Number.NaN;
    let tokens = 0;
    let tail = "";
    let partial = "";
    const over = () =>
      resolve({
        ...{ status, first_ms: first, whole_ms: performance.now() - startMs, tokens },
        complete: status === 200 && tail.endsWith("data: [DONE]\n\n"),
        error: /"error":\{.*\}/.exec(tail)?.[0] ?? null,
      });
    const asked = request(`${cell.url}/v1/chat/completions`, {
      agent,
      method: "POST",
      headers: {
        ...{ authorization: `Bearer ${key}`, "content-type": "application/json" },
        // Streams of a busy machine are open for longer than the usual deadline.
        "x-bailiwick-deadline-ms": "1800000",
        "content-length": Buffer.byteLength(body),
      },
    });
    asked.on("response", (response) => {
      status = response.statusCode ?? 0;
      response.setEncoding("utf8").on("data", (text: string) => {
        const held = partial + text;
        const whole = held.lastIndexOf("\n\n") + 2;
        const events = whole < 2 ? "" : held.slice(0, whole);
        partial = held.slice(events.length);
        const found = events.match(TOKEN)?.length ?? 0;
        if (found > 0 && Number.isNaN(first)) {
          first = performance.now() - startMs;
          heard.first?.();
        }
        tokens += found;
        heard.text?.(events);
        tail = (tail + text).slice(-1_024);
      });
      response.on("end", over);
      response.on("error", over);
      response.on("close", over);
    });
    asked.on("error", over);
    asked.end(body);
  });
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
