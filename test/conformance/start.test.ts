import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, describe, expect, it } from "vitest";
import { ROOT } from "../../infra/local/command.mjs";
import { freePort } from "../support/free-port.ts";

const homes: string[] = [];
const newHome = (): string => {
  const home = mkdtempSync(join(tmpdir(), "bailiwick-start-"));
  homes.push(home);
  return home;
};
afterAll(() => {
  for (const home of homes) rmSync(home, { recursive: true, force: true });
});

/** `npm start` as people run it, without npm around it. */
function start(env: Record<string, string>) {
  const child = spawn(process.execPath, [join(ROOT, "infra/local/start.mjs")], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    output.err += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, output, ended };
}

async function answering(url: string): Promise<boolean> {
  for (let n = 0; n < 600; n++) {
    const ok = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

describe("npm start", () => {
  it("shows endpoint, keys and a curl that works, keeps keys.json to its owner, and exits 0 on Ctrl-C", async () => {
    const [home, port] = [newHome(), await freePort()];
    const { child, output, ended } = start({ BAILIWICK_HOME: home, PORT: String(port) });
    const endpoint = `http://127.0.0.1:${port}`;
    expect(await answering(`${endpoint}/healthz`)).toBe(true);
    const keys = JSON.parse(readFileSync(join(home, "keys.json"), "utf8"));
    expect(keys).toEqual({
      endpoint: expect.stringContaining(endpoint),
      tenant: "default",
      api_key: expect.stringMatching(/^bw_local_default_/),
      admin_key: expect.stringMatching(/^bw_local_default_/),
    });
    expect(statSync(join(home, "keys.json")).mode & 0o777).toBe(0o600);
    for (const text of [endpoint, keys.api_key, keys.admin_key, "curl"]) expect(output.out).toContain(text);
    child.kill("SIGINT");
    expect(await ended).toBe(0);
    expect(output.err.split("\n").filter((line) => line.startsWith("bailiwick:"))).toEqual([]);
  });

  it("keeps its keys the second time, shows none that was rotated since, and refuses a second cell on the same home", async () => {
    const [home, port] = [newHome(), await freePort()];
    const first = start({ BAILIWICK_HOME: home, PORT: String(port) });
    expect(await answering(`http://127.0.0.1:${port}/healthz`)).toBe(true);
    const keys = readFileSync(join(home, "keys.json"), "utf8");
    const second = start({ BAILIWICK_HOME: home, PORT: String(await freePort()) });
    expect(await second.ended).not.toBe(0);
    expect(second.output.err.trim().split("\n")).toHaveLength(1);
    const { api_key, admin_key } = JSON.parse(keys);
    const rotated = await fetch(`http://127.0.0.1:${port}/v1/keys/${admin_key.split("_")[3]}/rotate`, {
      method: "POST",
      headers: { authorization: `Bearer ${admin_key}`, "content-type": "application/json" },
      body: JSON.stringify({ overlap_s: 0 }),
    });
    expect(rotated.status).toBe(201);
    first.child.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    const third = start({ BAILIWICK_HOME: home, PORT: String(port) });
    expect(await answering(`http://127.0.0.1:${port}/healthz`)).toBe(true);
    expect(readFileSync(join(home, "keys.json"), "utf8")).toBe(keys);
    third.child.kill("SIGTERM");
    expect(await third.ended).toBe(0);
    expect(third.output.out).toContain(api_key);
    expect(third.output.out).not.toContain(admin_key);
    expect(third.output.out).toContain("rotated or revoked");
  });

  it("says in one line that the port is in use", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const { output, ended } = start({ BAILIWICK_HOME: newHome(), PORT: String(port) });
    expect(await ended).not.toBe(0);
    server.close();
    expect(output.err.trim().split("\n")).toHaveLength(1);
    expect(output.err).toContain(`${port} is in use`);
  });

  it("says in one line that the home cannot be written", async () => {
    const file = join(newHome(), "a-file");
    writeFileSync(file, "");
    // Below a file, and where the system says neither that a folder is there nor that it can be made.
    for (const home of [join(file, "home"), "/proc/bailiwick/home"]) {
      const { output, ended } = start({ BAILIWICK_HOME: home, PORT: String(await freePort()) });
      expect(await ended).not.toBe(0);
      expect(output.err.trim().split("\n")).toHaveLength(1);
      expect(output.err).toContain(`the home ${home} cannot be written`);
    }
  });

  it("says in one line what is wrong with the configuration", async () => {
    const config = newHome();
    mkdirSync(config, { recursive: true });
    writeFileSync(join(config, "models.yml"), "models: { broken: { provider: 12, model: m } }\n");
    const { output, ended } = start({
      BAILIWICK_HOME: newHome(),
      BAILIWICK_CONFIG: config,
      PORT: String(await freePort()),
    });
    expect(await ended).not.toBe(0);
    expect(output.err.trim().split("\n")).toHaveLength(1);
    expect(output.err).toContain("models.yml");
  });

  it.each([
    ["a runtime that there is not", { BAILIWICK_RUNTIME: "bun" }, "BAILIWICK_RUNTIME is deno or node"],
    ["a database of another kind", { BAILIWICK_DATABASE_URL: "mysql://x" }, "not usable: BAILIWICK_DATABASE_URL"],
  ])("says in one line that it was told of %s, in place of doing something else", async (_, env, line) => {
    const { output, ended } = start({ BAILIWICK_HOME: newHome(), PORT: "0", ...env });
    expect(await ended).toBe(1);
    expect([output.out, output.err]).toEqual(["", `bailiwick: ${line}\n`]);
  });

  it("serves TLS 1.3 with a hybrid post-quantum key exchange when it has a certificate", async () => {
    const [home, port] = [newHome(), await freePort()];
    const tls = join(ROOT, "test/support/tls");
    const env = { TLS_CERT: join(tls, "localhost.crt"), TLS_KEY: join(tls, "localhost.key") };
    const { child, ended } = start({ BAILIWICK_HOME: home, PORT: String(port), ...env });
    const ca = readFileSync(join(tls, "authority.crt"));
    const shake = () =>
      new Promise<{ protocol: string | null; group: string | undefined }>((resolve, reject) => {
        const socket = connect({ host: "127.0.0.1", port, ca, ecdhCurve: "X25519MLKEM768" }, () => {
          const info = socket.getEphemeralKeyInfo();
          resolve({ protocol: socket.getProtocol(), group: info && "name" in info ? info.name : undefined });
          socket.destroy();
        });
        socket.on("error", reject);
      });
    let seen = await shake().catch(() => null);
    for (let n = 0; n < 600 && seen === null; n++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      seen = await shake().catch(() => null);
    }
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    // The client offered that one group only, so a finished handshake used it.
    expect(seen?.protocol).toBe("TLSv1.3");
  });
});
