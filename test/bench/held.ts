import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { HttpReader } from "./http-reader.ts";
import { percentile, requestBytes, STREAM_END } from "./load.ts";
import { memoryBytes } from "./process-stats.ts";
import type { Target } from "./process-target.ts";

/** Streams are opened over this time, so that the machine's backlog of connections is not what is measured. */
const RAMP_MS = 4_000;
/** After the last is open, and well before the first ends, memory is read. */
const SETTLE_MS = 3_000;
const MESSAGES = [{ role: "user", content: "hold on" }];

export interface HeldResult {
  target: string;
  streams: number;
  complete: number;
  /** What the first of the others ended with. */
  loss_example: string | null;
  memory_before_bytes: number | null;
  memory_during_bytes: number | null;
  first_byte_ms: { p50: number; p99: number };
}

/** Holds streams open at once, each with one token a second, reads the memory meanwhile and counts those that end whole. */
export async function held(target: Target, streams: number): Promise<HeldResult> {
  const { pid } = target;
  const memory = () => (pid === null ? null : memoryBytes(pid, "VmRSS"));
  const firsts: number[] = [];
  const memory_before_bytes = memory();
  const all = Array.from({ length: streams }, async (_, index) => {
    await wait((index / streams) * RAMP_MS);
    return open(target, index, (ms) => firsts.push(ms));
  });
  await wait(RAMP_MS + SETTLE_MS);
  const memory_during_bytes = memory();
  const losses = (await Promise.all(all)).filter((outcome) => outcome !== null);
  return {
    target: target.name,
    streams,
    complete: streams - losses.length,
    loss_example: losses[0] ?? null,
    memory_before_bytes,
    memory_during_bytes,
    first_byte_ms: percentile(firsts),
  };
}

/** Null once the stream ended whole, else what it ended with. */
function open(target: Target, index: number, onFirst: (ms: number) => void): Promise<string | null> {
  const url = new URL(`${target.url}/chat/completions`);
  const body = JSON.stringify({ model: `${target.modelPrefix ?? ""}slow`, stream: true, messages: MESSAGES });
  const request = requestBytes(url, { headers: target.tenants, body }, index);
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    let sent = performance.now();
    let first = true;
    const reader = new HttpReader(
      () => undefined,
      (answer) => {
        resolve(answer.status === 200 && answer.tail.endsWith(STREAM_END) ? null : `${answer.status} ${answer.tail}`);
        socket.end();
      },
      () => {
        if (first) onFirst(performance.now() - sent);
        first = false;
      },
    );
    socket.on("connect", () => {
      sent = performance.now();
      socket.write(request);
    });
    socket.on("data", (bytes: Buffer) => reader.feed(bytes));
    socket.on("error", (error) => resolve(error.message));
    socket.on("close", () => resolve("closed early"));
  });
}
