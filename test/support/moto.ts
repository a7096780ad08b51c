import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { freePort } from "./free-port.ts";

const VERSION = "5.2.5";
const ROOT = resolve(import.meta.dirname, "../..");
const INSTALL_MS_MAX = 300_000;
const START_MS_MAX = 60_000;

/** An independent implementation of AWS's wire, in memory, gone when it is stopped. */
export interface MotoServer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * The Python of an environment that has moto (S3 and SQS) from PyPI, made once per checkout; null with a printed reason
 * where Python or the packages cannot be had.
 */
export function motoPython(): string | null {
  const home = join(ROOT, ".cache", `moto-${VERSION}`);
  const python = join(home, "bin/python3");
  if (existsSync(python)) return python;
  // Made under another name first: what is under the final one is complete, also when two test processes make it.
  const making = `${home}.${process.pid}`;
  let reason: unknown;
  try {
    mkdirSync(join(ROOT, ".cache"), { recursive: true });
    const options = { stdio: "pipe", timeout: INSTALL_MS_MAX } as const;
    execFileSync("python3", ["-m", "venv", making], options);
    execFileSync(join(making, "bin/pip"), ["install", "--quiet", `moto[server,s3,sqs]==${VERSION}`], options);
    renameSync(making, home);
  } catch (error) {
    reason = error;
  }
  rmSync(making, { recursive: true, force: true });
  if (existsSync(python)) return python;
  console.warn(`skipped: moto could not be installed: ${reason instanceof Error ? reason.message : reason}`);
  return null;
}

/** moto answers in threads and lets two conditional writes pass one check; S3 does not, so they take turns here. */
const SERVER = `
import sys, threading
from werkzeug.serving import run_simple
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
moto = DomainDispatcherApplication(create_backend_app)
turn = threading.Lock()
def serve(environ, start_response):
    if "HTTP_IF_NONE_MATCH" not in environ:
        return moto(environ, start_response)
    with turn:
        return moto(environ, start_response)
run_simple("127.0.0.1", int(sys.argv[1]), serve, threaded=True)
`;

/** Starts it on a loopback port of its own, with every service that is installed. */
export async function startMoto(python: string): Promise<MotoServer> {
  const port = await freePort();
  const child: ChildProcess = spawn(python, ["-c", SERVER, String(port)], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, MOTO_PORT: String(port) },
  });
  let errors = "";
  child.stderr?.on("data", (chunk) => {
    errors = (errors + chunk).slice(-4_096);
  });
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_MS_MAX;
  while (!(await answers(url))) {
    if (Date.now() > deadline || child.exitCode !== null) throw new Error(`moto did not start: ${errors}`);
  }
  return {
    url,
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    await (await fetch(`${url}/moto-api/`)).arrayBuffer();
    return true;
  } catch {
    // Not listening yet: the caller asks again until its deadline.
    await new Promise((tick) => setTimeout(tick, 50));
    return false;
  }
}
