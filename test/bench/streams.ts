import { connect, type Socket } from "node:net";
import { parseArgs } from "node:util";
import { startCellTarget } from "./cell-target.ts";
import { HttpReader } from "./http-reader.ts";
import { memoryBytes } from "./process-stats.ts";
import { startMock, type Target } from "./targets.ts";

/** Streams opened at once and started within this time, so that the machine's backlog is not what is measured. */
const RAMP_MS = 4_000;
/** When all are open and idle between two frames, memory is read. */
const SETTLE_MS = 8_000;
const STREAM_END = "data: [DONE]\n\n";
const KIB = 1024;

const { values } = parseArgs({
  options: { count: { type: "string", default: "1000" }, targets: { type: "string", default: "deno,workerd" } },
});
const count = Number(values.count);
const mock = await startMock();
let lost = 0;
try {
  for (const name of values.targets.split(",")) {
    if (name !== "deno" && name !== "node" && name !== "workerd") throw new Error(`unknown target ${name}`);
    const target = await startCellTarget(name, mock.url, 8);
    try {
      lost += await run(target);
    } finally {
      await target.stop();
    }
  }
} finally {
  await mock.stop();
}
process.exit(lost === 0 ? 0 : 1);

/** Opens all streams, reads the memory while they idle, and counts those that did not end as complete. */
async function run(target: Target): Promise<number> {
  if (target.pid === null) throw new Error("a cell has a process");
  const before = memoryBytes(target.pid, "VmRSS");
  const streams = Array.from({ length: count }, (_, index) => open(target, index));
  await new Promise((resolve) => setTimeout(resolve, RAMP_MS + SETTLE_MS));
  const during = memoryBytes(target.pid, "VmRSS");
  const outcomes = await Promise.all(streams);
  const broken = outcomes.filter((outcome) => outcome !== "complete");
  console.log(
    `${target.name}: ${count} concurrent streams, ${count - broken.length} complete, ${broken.length} lost` +
      `${broken[0] === undefined ? "" : ` (${broken[0]})`}; ` +
      `memory ${Math.round(before / KIB / KIB)} → ${Math.round(during / KIB / KIB)} MiB, ` +
      `${Math.round((during - before) / count / KIB)} KiB a stream`,
  );
  return broken.length;
}

async function open(target: Target, index: number): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, (index / count) * RAMP_MS));
  const url = new URL(`${target.url}/chat/completions`);
  const body = JSON.stringify({ model: "slow", stream: true, messages: [{ role: "user", content: "hold on" }] });
  const headers = { host: url.host, "content-type": "application/json", "content-length": String(body.length) };
  const lines = Object.entries({ ...headers, ...target.tenants[index % target.tenants.length] });
  return new Promise((resolve) => {
    const socket: Socket = connect({ host: url.hostname, port: Number(url.port) });
    const reader = new HttpReader(
      () => {},
      (answer) => {
        const complete = answer.status === 200 && answer.tail.endsWith(STREAM_END);
        resolve(complete ? "complete" : `${answer.status} ${answer.tail}`);
        socket.end();
      },
    );
    socket.on("data", (bytes: Buffer) => reader.feed(bytes));
    socket.on("error", (error) => resolve(error.message));
    socket.on("close", () => resolve("closed early"));
    socket.write(
      `POST ${url.pathname} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`,
    );
  });
}
