import { setTimeout as after } from "node:timers/promises";
import { describe, expect, it } from "vitest";
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
    for (let tries = 0; tries < 100 && isAlive(pid); tries++) await after(50);
    expect(isAlive(pid)).toBe(false);
  });
});
