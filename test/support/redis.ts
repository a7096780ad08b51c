import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BINARY = "/usr/bin/redis-server";

/** A private Redis on a Unix socket, in memory only, gone when it is stopped. */
export interface RedisServer {
  readonly socket: string;
  stop(): Promise<void>;
}

/** Redis from Debian's package; null with a printed reason when there is none and none can be had. */
export function redisBinary(): string | null {
  if (existsSync(BINARY)) return BINARY;
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    console.warn("skipped: no Redis on this machine, and no right to install Debian's package");
    return null;
  }
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    execFileSync("apt-get", ["install", "-y", "--no-install-recommends", "redis-server"], {
      stdio: "ignore",
      timeout: 300_000,
      env,
    });
  } catch (error) {
    console.warn(`skipped: Redis could not be installed: ${error instanceof Error ? error.message : error}`);
  }
  return existsSync(BINARY) ? BINARY : null;
}

const answers = (socket: string) =>
  new Promise<boolean>((done) => {
    const probe = connect(socket, () => {
      probe.destroy();
      done(true);
    });
    probe.on("error", () => done(false));
  });

export async function startRedis(binary: string): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-redis-"));
  const socket = join(folder, "redis.sock");
  const options = ["--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", folder];
  const child: ChildProcess = spawn(binary, options, { stdio: "ignore" });
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  const deadline = Date.now() + 10_000;
  while (!(await answers(socket))) {
    if (Date.now() > deadline || child.exitCode !== null) throw new Error("Redis did not start");
    await new Promise((tick) => setTimeout(tick, 20));
  }
  return {
    socket,
    async stop() {
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
