import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { bundleWorker } from "../../infra/local/workerd-config.ts";
import type { CellRuntime } from "../support/cell.ts";
import { freePort } from "../support/free-port.ts";
import { startCellTarget } from "./cell-target.ts";
import { measure } from "./measure.ts";
import { startMock } from "./mock.ts";
import { flameGraph } from "./profile/flame.ts";
import { Profiler } from "./profile/inspector.ts";
import { bundleSources, sharesOf, stacksOf } from "./profile/stacks.ts";

const USAGE = `npm run bench:profile [-- options]     where the direct lane's processor time goes, under load over sockets
  --runtime deno        or node, workerd
  --kind unary          or stream
  --concurrency 64      connections
  --tenants 1
  --seconds 10
  --svg FILE            a flame graph
  --cpuprofile FILE     V8's own file, which Chrome's developer tools open`;

const { values } = parseArgs({
  options: {
    runtime: { type: "string", default: "deno" },
    kind: { type: "string", default: "unary" },
    concurrency: { type: "string", default: "64" },
    tenants: { type: "string", default: "1" },
    seconds: { type: "string", default: "10" },
    svg: { type: "string" },
    cpuprofile: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const RUNTIMES: readonly CellRuntime[] = ["deno", "node", "workerd"];
const runtime = RUNTIMES.find((name) => name === values.runtime);
if (values.help || runtime === undefined) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 1);
}
/** The name of the cell's script in its workerd configuration. */
const BUNDLE = "cell.js";
const WARM_MS = 4_000;
const SHARES_SHOWN = 25;
const seconds = Number(values.seconds);
const [concurrency, tenants] = [Number(values.concurrency), Number(values.tenants)];
const stream = values.kind === "stream";

const port = await freePort();
const mock = await startMock();
try {
  const target = await startCellTarget(runtime, mock.url.replace(/\/v1$/, ""), tenants, port);
  try {
    // workerd lists the isolate of each worker: the signer's is not the one that is called.
    using profiler = await Profiler.open(port, (url) => runtime !== "workerd" || /cell|main/.test(url));
    const shape = { stream, concurrency, tenants, warmup_ms: WARM_MS, duration_ms: seconds * 1_000 };
    const measured = measure(target, shape, [mock.pid ?? 0]);
    await new Promise((resolve) => setTimeout(resolve, WARM_MS));
    await profiler.start();
    await new Promise((resolve) => setTimeout(resolve, (seconds - 1) * 1_000));
    const profile = await profiler.stop();
    const { per_second, failures } = await measured;
    if (failures > 0) throw new Error(`${failures} calls failed`);
    const lines = runtime === "workerd" ? bundleSources(await workerdBundle()) : null;
    const root = stacksOf(
      profile,
      lines ? ({ callFrame: { url, lineNumber } }) => (url === BUNDLE ? lines(lineNumber) : url) : undefined,
    );
    const busy = root.us / 1e6 / (seconds - 1);
    const shapeText = `${runtime}, ${values.kind}, ${concurrency} connections, ${tenants} tenant${tenants === 1 ? "" : "s"}`;
    console.log(
      `${shapeText}: ${per_second.toFixed(0)} req/s under the profiler, its thread ${(100 * busy).toFixed(0)} % busy`,
    );
    for (const { area, share } of sharesOf(root).slice(0, SHARES_SHOWN))
      console.log(`${(100 * share).toFixed(1).padStart(6)} %  ${area}`);
    if (values.svg !== undefined) save(values.svg, flameGraph(root, shapeText));
    if (values.cpuprofile !== undefined) save(values.cpuprofile, JSON.stringify(profile));
  } finally {
    await target.stop();
  }
} finally {
  await mock.stop();
}

function save(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

async function workerdBundle(): Promise<string> {
  const file = join(process.env.TMPDIR ?? "/tmp", `bailiwick-profile-${process.pid}.js`);
  await bundleWorker("functions/entry/workerd.ts", file);
  return readFileSync(file, "utf8");
}
