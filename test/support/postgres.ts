import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";

/** A private PostgreSQL cluster on loopback and a Unix socket, gone with its folder when it is stopped. */
export interface Postgres {
  version: number;
  port: number;
  /** As the cluster's superuser. */
  url(database?: string, user?: string): string;
  /** A fresh database, owned by the superuser or by `owner`. Answers its URL for that user. */
  database(name: string, owner?: string): Promise<string>;
  sql(text: string, database?: string): Promise<Record<string, unknown>[]>;
  /** Ends the server as a power cut would end its connections: no shutdown checkpoint. */
  crash(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const root = process.getuid?.() === 0;

function binaries(): string | null {
  const base = "/usr/lib/postgresql";
  const versions = existsSync(base) ? readdirSync(base).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(base, version, "bin")).find((bin) => existsSync(join(bin, "initdb"))) ?? null;
}

/** PostgreSQL's programs, from Debian's package; null with a printed reason when there are none and none can be had. */
export function postgresBinaries(): string | null {
  const present = binaries();
  if (present !== null) return present;
  if (!root || !existsSync("/usr/bin/apt-get")) {
    console.warn("skipped: no PostgreSQL on this machine, and no right to install Debian's package");
    return null;
  }
  try {
    const options = {
      stdio: "ignore",
      timeout: 300_000,
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    } as const;
    execFileSync("apt-get", ["install", "-y", "--no-install-recommends", "postgresql"], options);
  } catch (error) {
    console.warn(`skipped: PostgreSQL could not be installed: ${error instanceof Error ? error.message : error}`);
  }
  return binaries();
}

/** The server refuses to run as root, so then it runs as the package's own user. */
function serverUser(): { uid: number; gid: number } | Record<never, never> {
  if (!root) return {};
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith("postgres:"));
  const [, , uid, gid] = (line ?? "").split(":");
  if (uid === undefined || gid === undefined) throw new Error("no user postgres");
  return { uid: Number(uid), gid: Number(gid) };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export async function startPostgres(bin: string): Promise<Postgres> {
  const user = serverUser();
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-pg-"));
  if ("uid" in user) chownSync(folder, user.uid, user.gid);
  const data = join(folder, "data");
  const init = ["-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"];
  execFileSync(join(bin, "initdb"), init, { ...user, cwd: folder, stdio: "ignore" });
  const port = await freePort();
  let server: ChildProcess | null = null;
  const url = (database = "postgres", as = "postgres") => `postgres://${as}@127.0.0.1:${port}/${database}`;

  const sql: Postgres["sql"] = async (text, database) => {
    const client = new pg.Client({ connectionString: url(database) });
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  };
  const start = async () => {
    const settings = [`port=${port}`, "listen_addresses=127.0.0.1", `unix_socket_directories=${folder}`, "fsync=off"];
    const args = ["-D", data, ...settings.flatMap((setting) => ["-c", setting])];
    const started = spawn(join(bin, "postgres"), args, { ...user, cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    server = started;
    // A run that ends without `stop` leaves no server behind.
    const killed = () => started.kill("SIGQUIT");
    process.once("exit", killed);
    started.once("exit", () => process.off("exit", killed));
    let log = "";
    await new Promise<void>((resolve, reject) => {
      started.on("exit", () => reject(new Error(`PostgreSQL did not start: ${log}`)));
      started.stderr?.on("data", (bytes: Uint8Array) => {
        log = `${log}${bytes}`.slice(-8_192);
        if (log.includes("ready to accept connections")) resolve();
      });
    });
  };
  const end = async (signal: NodeJS.Signals) => {
    const running = server;
    server = null;
    if (running === null || running.exitCode !== null) return;
    const exited = new Promise((resolve) => running.once("exit", resolve));
    running.kill(signal);
    await exited;
  };
  await start();
  const [version] = await sql("show server_version_num");
  return {
    version: Math.floor(Number(version?.server_version_num) / 10_000),
    port,
    url,
    sql,
    start,
    async database(name, owner = "postgres") {
      await sql(`create database ${name} owner ${owner}`);
      return url(name, owner);
    },
    crash: () => end("SIGQUIT"),
    async stop() {
      await end("SIGINT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
