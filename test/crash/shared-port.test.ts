import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { ROOT } from "../../infra/local/command.mjs";
import { processTree } from "../../infra/local/process-tree.mjs";
import { freePort } from "../support/free-port.ts";

const EDGES = 2;

/** One call on a connection of its own; null where the connection broke. */
function call(url: string, key: string): Promise<number | null> {
  const body = JSON.stringify({ model: "synthetic-small", messages: [{ role: "user", content: "Hello" }] });
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  return new Promise((resolve) => {
    const sent = request(`${url}/v1/chat/completions`, { method: "POST", agent: false, headers }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
      response.on("error", () => resolve(null));
    });
    sent.on("error", () => resolve(null));
    sent.end(body);
  });
}

/** Ids of the processes whose command line names this entry. */
const running = (pid: number, entry: string): number[] =>
  processTree(pid).filter((member) => readFileSync(`/proc/${member}/cmdline`, "utf8").includes(`/${entry}`));

it("a cell of several processes on one port loses one and goes on, and ends as one", { timeout: 300_000 }, async () => {
  const [home, port] = [mkdtempSync(join(tmpdir(), "bailiwick-shared-")), await freePort()];
  const env = { ...process.env, BAILIWICK_HOME: home, PORT: String(port), BAILIWICK_EDGES: String(EDGES) };
  const cell = spawn(process.execPath, [join(ROOT, "infra/local/start.mjs")], { cwd: ROOT, env });
  const { pid = 0 } = cell;
  const ended = new Promise<number | null>((resolve) => cell.once("close", resolve));
  onTestFinished(async () => {
    cell.kill("SIGTERM");
    await ended;
    rmSync(home, { recursive: true, force: true });
  });
  let said = "";
  let onSaid = () => {};
  cell.stdout.setEncoding("utf8").resume();
  cell.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    onSaid();
  });
  /** So many edges have said that they listen. */
  const edgesUp = (count: number) =>
    new Promise<void>((resolve) => {
      onSaid = () => (said.match(/edge of local/g)?.length ?? 0) >= count && resolve();
      onSaid();
    });
  await edgesUp(EDGES);
  const url = `http://127.0.0.1:${port}`;
  const { api_key, admin_key } = JSON.parse(readFileSync(join(home, "keys.json"), "utf8"));
  const many = () => Promise.all(Array.from({ length: 30 }, () => call(url, api_key)));
  expect(new Set(await many())).toEqual(new Set([200]));

  const [victim = 0] = running(pid, "edge.ts");
  const during = many();
  process.kill(victim, "SIGKILL");
  const answers = await during;
  for (const status of answers) expect([200, null]).toContain(status);
  await edgesUp(EDGES + 1);
  expect(running(pid, "edge.ts")).toHaveLength(EDGES);
  const after = await many();
  expect(new Set(after)).toEqual(new Set([200]));

  // What was answered is in the ledger, whichever process answered it.
  const answered = [...answers, ...after].filter((status) => status === 200).length + 30;
  const usage = await fetch(`${url}/v1/usage`, { headers: { authorization: `Bearer ${admin_key}` } });
  const { data }: { data: { requests: number }[] } = await usage.json();
  const counted = data.reduce((sum, { requests }) => sum + requests, 0);
  expect(counted).toBeGreaterThanOrEqual(answered);
  expect(counted).toBeLessThanOrEqual(90);

  const all = processTree(pid);
  cell.kill("SIGINT");
  expect(await ended).toBe(0);
  for (const member of all) expect(() => process.kill(member, 0)).toThrow();
});
