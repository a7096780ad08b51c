import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../infra/local/command.mjs";
import { runTests } from "../../infra/local/run-tests.mjs";

const HANGS = "setInterval(() => undefined, 1000);";

async function run(script: string, { silenceMsMax = 60_000, exitMsMax = 60_000 } = {}) {
  const printed: string[] = [];
  const status = await runTests({
    file: process.execPath,
    args: ["--input-type=module", "--eval", script],
    cwd: process.cwd(),
    env: process.env,
    silenceMsMax,
    exitMsMax,
    print: (line) => printed.push(line),
  });
  return { status, printed };
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe("npm test's tests", () => {
  it.each([0, 1, 7])("end with their own status, %i", async (status) => {
    expect(await run(`process.exit(${status})`)).toEqual({ status, printed: [] });
  });

  it("fail where their process is killed", async () => {
    expect(await run(`process.kill(process.pid, "SIGKILL"); ${HANGS}`)).toEqual({ status: 1, printed: [] });
  });

  it("are ended where none ends any more, with the files that ran, so that a hang has a name", async () => {
    const { status, printed } = await run(`process.send({ running: ["a.test.ts", "b.test.ts"] }); ${HANGS}`, {
      silenceMsMax: 1500,
    });
    expect(status).toBe(1);
    expect(printed).toEqual(["No test ended for 0.025 minutes, so the run is ended. Running: a.test.ts, b.test.ts"]);
  });

  it.each([
    ["passed", 0],
    ["failed", 1],
    ["interrupted", 1],
  ])("that %s are not waited for when only their process does not end", async (reason, status) => {
    const hung = await run(`process.send({ ended: "${reason}" }); ${HANGS}`, { exitMsMax: 500 });
    expect(hung).toEqual({
      status,
      printed: [`The tests ended (${reason}), and their process did not within 0.5 s, so it is ended.`],
    });
  });

  it.skipIf(process.platform !== "linux")("leave nothing running that they started", async () => {
    const script = `
      import { spawn } from "node:child_process";
      const child = spawn(process.execPath, ["--eval", "${HANGS}"], { stdio: "ignore", detached: true });
      process.send({ running: [String(child.pid)] });
      ${HANGS}`;
    const { printed } = await run(script, { silenceMsMax: 1500 });
    const pid = Number(printed[0]?.split(" ").at(-1));
    expect(pid).toBeGreaterThan(1);
    // A killed process stays listed until its new parent has looked at it.
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it.each([
    ["pass", 0],
    ["fail", 1],
  ])("that %s under a vitest that hangs at its exit are told by their reporter", async (outcome, status) => {
    // Below the project, where vitest is found.
    mkdirSync(join(ROOT, ".cache"), { recursive: true });
    const folder = mkdtempSync(join(ROOT, ".cache/run-tests-"));
    try {
      const body = outcome === "pass" ? "" : 'throw new Error("as told")';
      writeFileSync(join(folder, "one.test.ts"), `import { it } from "vitest"; it("ends", () => { ${body} });`);
      const reporter = JSON.stringify(join(ROOT, "test/support/run-reporter.ts"));
      const config = { root: folder, include: ["one.test.ts"] };
      writeFileSync(
        join(folder, "config.ts"),
        `export default { test: { ...${JSON.stringify(config)}, reporters: [${reporter}] } };`,
      );
      const hangs = 'data:text/javascript,process.on("exit", () => { for (;;); });';
      const printed: string[] = [];
      const ended = await runTests({
        file: process.execPath,
        args: [
          "--import",
          hangs,
          join(ROOT, "node_modules/vitest/vitest.mjs"),
          "run",
          "--config",
          join(folder, "config.ts"),
        ],
        cwd: folder,
        env: process.env,
        silenceMsMax: 60_000,
        exitMsMax: 3_000,
        print: (line) => printed.push(line),
      });
      expect({ ended, printed }).toEqual({
        ended: status,
        printed: [`The tests ended (${outcome}ed), and their process did not within 3 s, so it is ended.`],
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
