import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WORKERD_COMPATIBILITY } from "./workerd-config.ts";

/** The package's launcher would be measured instead: this is the program itself. */
const { default: WORKERD }: { default: string } = createRequire(import.meta.url)("workerd");
/** The clock of `/proc/<pid>/stat` ticks a hundred times a second. */
const TICK_MS = 10;
const START_MS_MAX = 60_000;
const ROUNDS = 3;

/**
 * What evaluating a bundle's modules costs an isolate when it starts, in ms of processor time: workerd with the bundle less
 * workerd with nothing, the least of some rounds. Null where the system does not tell a process's time.
 */
export async function startCost(folder: string, main: string): Promise<number | null> {
  if (process.platform !== "linux") return null;
  const modules = readdirSync(folder).filter((name) => !/\.map$|^README/.test(name));
  const nothing = mkdtempSync(join(tmpdir(), "bailiwick-nothing-"));
  try {
    writeFileSync(join(nothing, "nothing.js"), "export default { fetch: () => new Response() };\n");
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < ROUNDS; round++) {
      const empty = await processorMs(nothing, "nothing.js", ["nothing.js"]);
      least = Math.min(least, (await processorMs(folder, main, modules)) - empty);
    }
    return Math.max(0, least);
  } finally {
    rmSync(nothing, { recursive: true, force: true });
  }
}

async function processorMs(folder: string, main: string, modules: readonly string[]): Promise<number> {
  const port = await freePort();
  const config = join(folder, "start.capnp");
  const others = modules.filter((name) => name !== main);
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [
    (name = "${main}", esModule = embed "${main}"),
${others.map((name) => `    (name = "./${name}", text = embed "${name}"),\n`).join("")}  ],
  compatibilityDate = "${WORKERD_COMPATIBILITY.date}",
  compatibilityFlags = [${WORKERD_COMPATIBILITY.flags.map((flag) => `"${flag}"`).join(", ")}],
);
`,
  );
  const child = spawn(WORKERD, ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said = (said + text).slice(-2_000);
  });
  try {
    await answers(port, child, () => said);
    // Times of the process itself: user and system, fields 14 and 15, counted behind the name in brackets.
    const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } finally {
    child.kill("SIGKILL");
    rmSync(config, { force: true });
  }
}

async function answers(port: number, child: ChildProcess, said: () => string): Promise<void> {
  const deadline = Date.now() + START_MS_MAX;
  for (;;) {
    const status = await fetch(`http://127.0.0.1:${port}/`).then(
      (answer) => answer.status,
      () => null,
    );
    // A bundle without its bindings refuses; that it answers means that it was evaluated.
    if (status !== null) return;
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`workerd does not start: ${said()}`);
    await new Promise((later) => setTimeout(later, 20));
  }
}

const freePort = (): Promise<number> =>
  new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
