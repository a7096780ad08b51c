import { type ChildProcess, spawn } from "node:child_process";
import { freePort } from "./free-port.ts";
import { pythonWith } from "./python-packages.ts";

const VERSION = "5.2.5";
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
export const motoPython = (): string | null => pythonWith(`moto-${VERSION}`, [`moto[server,s3,sqs]==${VERSION}`]);

/** moto answers in threads and lets two conditional writes pass one check; S3 does not, so they take turns here. */
const SERVER = `
import sys, threading
from werkzeug.serving import run_simple
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
moto = DomainDispatcherApplication(create_backend_app)
turn = threading.Lock()
def serve(environ, start_response):
    if "HTTP_IF_NONE_MATCH" not in environ and "HTTP_IF_MATCH" not in environ:
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
