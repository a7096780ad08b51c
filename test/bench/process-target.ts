import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

/** Something that a load run can be pointed at. */
export interface Target {
  name: string;
  /** Base URL that ends in `/v1`. */
  url: string;
  /** Headers of each tenant that the target was prepared with. */
  tenants: Record<string, string>[];
  /** The root of the processes that are measured; null for a target whose process is not. */
  pid: number | null;
  /** What exactly runs: product, version and the settings that differ from its defaults. */
  version: string;
  /** What it wants before a model's name. */
  modelPrefix?: string;
  stop(): Promise<void>;
}

/** A target that this machine cannot run, and why: it is left out of a run instead of failing it. */
export interface Skipped {
  name: string;
  skipped: string;
}

export interface ProcessSpec {
  name: string;
  file: string;
  args: readonly string[];
  env?: Record<string, string>;
  cwd?: string;
  port: number;
  /** Path that answers anything at all once the target serves. */
  readyPath: string;
  readyMsMax?: number;
  tenants: Record<string, string>[];
  version: string;
  /** A folder of its own that goes when it stops. */
  scratch?: string;
}

const READY_MS_MAX = 60_000;
const LOOK_MS = 50;

/** Starts one process on loopback and resolves when it answers; a failure says what it wrote last. */
export async function startProcess(spec: ProcessSpec): Promise<Target> {
  const child = spawn(spec.file, spec.args, {
    env: { ...process.env, ...spec.env },
    stdio: ["ignore", "ignore", "pipe"],
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000);
  });
  const stop = async () => {
    await end(child);
    if (spec.scratch !== undefined) rmSync(spec.scratch, { recursive: true, force: true });
  };
  try {
    await answers(`http://127.0.0.1:${spec.port}${spec.readyPath}`, child, spec.readyMsMax ?? READY_MS_MAX);
  } catch (cause) {
    await stop();
    throw new Error(`${spec.name} did not start: ${said.trim().split("\n").at(-1) ?? ""}`, { cause });
  }
  const { name, tenants, version } = spec;
  return { name, url: `http://127.0.0.1:${spec.port}/v1`, tenants, pid: child.pid ?? null, version, stop };
}

async function answers(url: string, child: ChildProcess, msMax: number): Promise<void> {
  const deadline = Date.now() + msMax;
  for (;;) {
    try {
      await (await fetch(url)).arrayBuffer();
      return;
    } catch (cause) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${url} does not answer`, { cause });
      await wait(LOOK_MS);
    }
  }
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
