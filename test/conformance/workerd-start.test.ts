import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { configBindings } from "../../functions/entry/config-bindings.ts";
import { startCell } from "../support/cell.ts";
import { freePort } from "../support/free-port.ts";
import { prepareWorkerd, workerdBinary } from "../support/workerd-cell.ts";

/** Serves the worker with the given bindings until the test ends; asks until it answers. */
async function firstAnswer(env: Record<string, string>) {
  const home = mkdtempSync(join(tmpdir(), "bailiwick-start-"));
  const port = await freePort();
  const file = await prepareWorkerd({ home, port, config: undefined, env, trusted: [] });
  const child = spawn(workerdBinary(), ["serve", "--experimental", file], {
    cwd: home,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes: Uint8Array) => {
      log += bytes;
    });
  onTestFinished(async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    rmSync(home, { recursive: true, force: true });
  });
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
    const response = await fetch(`http://127.0.0.1:${port}/v1/models`).catch(() => null);
    if (response) return { response, text: await response.text(), log: () => log };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no answer: ${log}`);
}

describe("a cell on workerd that starts", () => {
  let cell: Awaited<ReturnType<typeof startCell>>;
  beforeAll(async () => {
    cell = await startCell({ runtime: "workerd" });
  });
  afterAll(async () => void (await cell?.stop()));

  it("brings its configuration along, so that a first deployment answers", async () => {
    const response = await fetch(`${cell.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${cell.apiKey}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "synthetic-small", messages: [{ role: "user", content: "Hello" }] }),
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("x-bailiwick-synthetic")).toBe("true");
    const ready = await fetch(`${cell.url}/readyz`, { headers: { authorization: `Bearer ${cell.adminKey}` } });
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { status: "degraded", missing: [], degraded: [{ name: "control-db", reason: "not configured" }] },
    ]);
  });

  it("goes on counting where the isolates before it ended, so that no rate falls with a deployment", async () => {
    const counted = async () => {
      const response = await fetch(`${cell.url}/metrics`, { headers: { authorization: `Bearer ${cell.adminKey}` } });
      const [, count] =
        /^bailiwick_admissions_total\{[^}]*outcome="admitted"[^}]*\} (\d+)$/m.exec(await response.text()) ?? [];
      return Number(count ?? 0);
    };
    const ask = async () => {
      const response = await fetch(`${cell.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${cell.apiKey}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "synthetic-small", messages: [{ role: "user", content: "Hello" }] }),
      });
      await response.text();
    };
    await ask();
    const before = await counted();
    expect(before).toBeGreaterThan(0);
    await cell.restart();
    await ask();
    expect(await counted()).toBe(before + 1);
  });

  it("takes a configuration of a thousand models, in as many variables as it needs, none above what one holds", async () => {
    const lines = Array.from({ length: 999 }, (_, n) => {
      const prices = 'prices: { input: "0.4", output: "1.6", cached_input: "0.1" }';
      return `  model-${n}: { provider: synthetic, model: synthetic-${n}, tier: 1, ${prices}, capabilities: [chat] }`;
    });
    const config = {
      "providers.yml": "providers: { synthetic: { kind: synthetic } }",
      "models.yml": `models:\n${lines.join("\n")}\n  last: { provider: synthetic, model: synthetic-last }\n`,
    };
    const variables = configBindings(JSON.stringify(config));
    expect(Object.keys(variables).length).toBeGreaterThan(20);
    const large = await startCell({ runtime: "workerd", config });
    onTestFinished(async () => void (await large.stop()));
    const headers = { authorization: `Bearer ${large.apiKey}`, "content-type": "application/json" };
    const response = await fetch(`${large.url}/v1/chat/completions`, {
      ...{ method: "POST", headers },
      body: JSON.stringify({ model: "last", messages: [{ role: "user", content: "Hello" }] }),
    });
    expect([response.status, await response.json()]).toMatchObject([200, { model: "synthetic-last" }]);
  });

  it.each([
    ["a root secret that is none", { BAILIWICK_ROOT_SECRET: "canary-secret" }, "BAILIWICK_ROOT_SECRET"],
    [
      "a configuration that does not compile",
      { BAILIWICK_CONFIG_JSON: '{"canary-file":"canary: ["}' },
      "ConfigUnusable",
    ],
    [
      "a configuration of which a part is missing",
      { BAILIWICK_CONFIG_JSON: `parts=2 sha256=${"0".repeat(64)}`, BAILIWICK_CONFIG_1: "{}" },
      "BAILIWICK_CONFIG_2",
    ],
  ])("%s is a bare 503 and one line of log that names it and quotes no secret", async (_, env, named) => {
    const { response, text, log } = await firstAnswer(env);
    expect([response.status, text]).toEqual([503, ""]);
    const lines = log()
      .split("\n")
      .filter((line) => line.includes("cell.unusable"));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(named);
    expect(log()).not.toContain("canary-secret");
  });
});
