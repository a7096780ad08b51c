import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
const INSTALL_MS_MAX = 600_000;
const START_MS_MAX = 240_000;

/**
 * The Python of an environment with exactly these packages, made once per checkout; null with a printed reason where
 * Python or the packages cannot be had.
 */
export function pythonEnvironment(name: string, packages: readonly string[]): string | null {
  const home = join(ROOT, ".cache", name);
  const python = join(home, "bin/python3");
  if (existsSync(python)) return python;
  // Made under another name first: what is under the final one is complete, also when two test processes make it.
  const making = `${home}.${process.pid}`;
  let reason: unknown;
  try {
    mkdirSync(join(ROOT, ".cache"), { recursive: true });
    const options = { stdio: "pipe", timeout: INSTALL_MS_MAX } as const;
    execFileSync("python3", ["-m", "venv", making], options);
    execFileSync(
      join(making, "bin/python3"),
      ["-m", "pip", "install", "--quiet", "--only-binary=:all:", ...packages],
      options,
    );
    renameSync(making, home);
  } catch (error) {
    reason = error;
  }
  rmSync(making, { recursive: true, force: true });
  if (existsSync(python)) return python;
  console.warn(
    `skipped: ${packages.join(", ")} could not be installed: ${reason instanceof Error ? reason.message : reason}`,
  );
  return null;
}

/** The folder of the interpreter's own library, for programs that embed it. */
export const pythonLibraries = (python: string): string =>
  execFileSync(python, ["-c", "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"]).toString().trim();

export interface PythonServer {
  stop(): Promise<void>;
}

/** Runs a server until `stop`, which ends its whole process group; resolves when `ready` answers true. */
export async function startPythonServer(
  python: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; ready: () => Promise<boolean> },
): Promise<PythonServer> {
  const child: ChildProcess = spawn(python, args, {
    ...{ stdio: ["ignore", "pipe", "pipe"], detached: true },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk) => {
      output = (output + chunk).slice(-4_096);
    });
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
      process.kill(-child.pid, "SIGKILL");
    await ended;
  };
  const deadline = Date.now() + START_MS_MAX;
  // Not listening yet is what a refused connection means; whatever else it is shows when the time is over.
  while (!(await options.ready().catch(() => false))) {
    if (Date.now() > deadline || child.exitCode !== null) {
      await stop();
      throw new Error(`${args[0]} did not start: ${output}`);
    }
    await new Promise((tick) => setTimeout(tick, 100));
  }
  return { stop };
}

/** Whether a URL answers 200. */
export async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await response.arrayBuffer();
  return response.status === 200;
}
