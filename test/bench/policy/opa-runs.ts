import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { freePort } from "../../support/free-port.ts";

/** What OPA is given: the Rego with its data, and the facts beside it. */
export interface OpaFiles {
  policy: string;
  facts: string;
}

export interface ServerRun {
  /** One caller that waits for each answer. */
  latencyUs: number;
  /** As many callers at once as keep it busy. */
  perSecond: number;
}

const IGNORE = ["--ignore", "*_test.rego"];
const WARM = 300;
const CALLS = 3_000;
const CALLERS = 16;
const START_TRIES = 200;
const START_PAUSE_MS = 50;

/** \`opa bench\`: the evaluation alone, inside OPA's own process. */
export function opaBenchUs(opa: string, { policy, facts }: OpaFiles, input: string): number {
  const args = ["bench", "--format", "json", ...IGNORE, "-d", policy, "-d", facts, "-i", input];
  const printed = execFileSync(opa, [...args, "data.bailiwick.decision"], { encoding: "utf8", timeout: 120_000 });
  const { N, T } = JSON.parse(printed);
  return Number(T) / Number(N) / 1_000;
}

/** \`opa run --server\` on loopback, asked over its REST API as applications ask it. */
export async function opaServer(opa: string, { policy, facts }: OpaFiles, input: unknown): Promise<ServerRun> {
  const port = await freePort();
  const args = ["run", "--server", "--addr", `127.0.0.1:${port}`, "--log-level", "error", ...IGNORE, policy, facts];
  const server = spawn(opa, args, { stdio: "ignore" });
  const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
  const body = JSON.stringify({ input });
  const ask = () => post(agent, port, body);
  try {
    await started(server, ask);
    for (let at = 0; at < WARM; at++) await ask();
    const alone = performance.now();
    for (let at = 0; at < CALLS; at++) await ask();
    const latencyUs = ((performance.now() - alone) * 1_000) / CALLS;
    const together = performance.now();
    const caller = async () => {
      for (let at = 0; at < CALLS / CALLERS; at++) await ask();
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    return { latencyUs, perSecond: CALLS / ((performance.now() - together) / 1_000) };
  } finally {
    agent.destroy();
    server.kill();
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
  }
}

async function started(server: ChildProcess, ask: () => Promise<string>): Promise<void> {
  for (let attempt = 0; attempt < START_TRIES; attempt++) {
    if (server.exitCode !== null) throw new Error(`opa's server ended with ${server.exitCode}`);
    const answer = await ask().catch(() => null);
    if (answer?.includes('"decision"')) return;
    if (answer !== null) throw new Error(`opa's server answered ${answer.slice(0, 200)}`);
    await new Promise((resume) => setTimeout(resume, START_PAUSE_MS));
  }
  throw new Error("opa's server did not start");
}

function post(agent: Agent, port: number, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const options = { agent, port, host: "127.0.0.1", method: "POST", path: "/v1/data/bailiwick/decision", headers };
    const sent = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve(text));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
