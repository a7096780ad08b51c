import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../infra/local/command.mjs";
import { freePort } from "../support/free-port.ts";
import { workerdBinary } from "../support/workerd-cell.ts";
import { measure } from "./measure.ts";
import { startMock } from "./mock.ts";
import { startProcess, type Target } from "./process-target.ts";

/// `node test/bench/relays.ts [rounds]`: what workerd itself takes to pass a stream of 24 frames on, without any gateway.

const WAYS: Readonly<Record<string, string>> = {
  untouched: "hands the answer on untouched",
  whole: "reads it in one piece, writes one",
  reads: "reads its parts in JavaScript, writes one",
  writes: "reads it in one piece, writes 24 through a stream of JavaScript",
  both: "reads its parts, writes each",
  socket: "reads it from a socket, writes one through a stream of JavaScript",
};
const ROUNDS = Number(process.argv[2] ?? 8);
const CONNECTIONS = 64;
const ROUND_MS = 1_000;

const mock = await startMock();
const targets: Target[] = [];
try {
  for (const way of Object.keys(WAYS)) targets.push(await startRelay(way, new URL(mock.url).origin));
  const seen = new Map<string, number[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++)
    for (const target of targets) {
      const shape = { stream: true, concurrency: CONNECTIONS, tenants: 1, warmup_ms: 300, duration_ms: ROUND_MS };
      const { cpu_us_per_request, failures } = await measure(target, shape, [mock.pid ?? 0]);
      if (failures > 0) throw new Error(`${target.name}: ${failures} calls failed`);
      // The first round warms all of them.
      if (round > 0) seen.get(target.name)?.push(cpu_us_per_request ?? 0);
    }
  console.log(`processor time of workerd a stream of 24 frames, ${CONNECTIONS} connections, ${ROUNDS} rounds in turn`);
  for (const [name, all] of seen) {
    const sorted = all.sort((a, b) => a - b);
    const [least = 0, median = 0] = [sorted[0], sorted[Math.floor(sorted.length / 2)]];
    console.log(`${median.toFixed(0).padStart(6)} µs (least ${least.toFixed(0).padStart(5)})  ${WAYS[name]}`);
  }
} finally {
  for (const target of targets) await target.stop();
  await mock.stop();
}

async function startRelay(way: string, upstream: string): Promise<Target> {
  const port = await freePort();
  const scratch = mkdtempSync(join(tmpdir(), "bailiwick-bench-relay-"));
  writeFileSync(join(scratch, "relays.js"), readFileSync(join(ROOT, "test/bench/bare/workerd-relays.js")));
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "relay", worker = (
      modules = [(name = "relays.js", esModule = embed "relays.js")],
      compatibilityDate = "2026-11-01",
      bindings = [(name = "UPSTREAM", text = "${upstream}"), (name = "WAY", text = "${way}")],
      globalOutbound = "internet",
    )),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "relay")],
);
`;
  writeFileSync(join(scratch, "relays.capnp"), config);
  return startProcess({
    name: way,
    file: workerdBinary(),
    args: ["serve", join(scratch, "relays.capnp")],
    port,
    readyPath: "/v1/models",
    tenants: [{ authorization: "Bearer mock" }],
    version: way,
    scratch,
  });
}
