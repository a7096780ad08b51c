import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { EmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import { HomeLocked } from "../../durable/runtime/home-lock.ts";
import { objectsHome } from "../support/objects-home.ts";
import { crashClass } from "./crash-class.ts";
import { observed } from "./faults/observed.ts";

const WRITER = fileURLToPath(new URL("./object-writer.ts", import.meta.url));
const RECOVERER = fileURLToPath(new URL("./object-recoverer.ts", import.meta.url));
const RUNTIMES: Readonly<Record<string, readonly [string, ...string[]]>> = {
  node: [process.execPath],
  deno: ["deno", "run", "--quiet", "--no-prompt", "--allow-read", "--allow-write"],
};
/** Moments spread over start-up, many commits, and several copies of the log into the database. */
const ACKNOWLEDGED_BEFORE_KILL = [1, 60, 900, 3_500];

/** Acknowledged `name k` lines of a writer that is killed once it has acknowledged so many. */
function writeUntilKilled(
  runtime: string,
  home: string,
  enough: number,
  whileRunning: () => void = () => undefined,
): Promise<string[]> {
  const [command, ...args] = RUNTIMES[runtime] ?? ["false"];
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args, WRITER, home], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stderr.on("data", (chunk) => {
      errors += chunk;
    });
    child.stdout.on("data", (chunk) => {
      output += chunk;
      if (output.split("\n").length <= enough || child.killed) return;
      whileRunning();
      child.kill("SIGKILL");
    });
    child.on("error", reject);
    child.on("close", (_code, signal) => {
      // The last line may have been cut: whatever follows the last newline was not read as an acknowledgement.
      if (signal === "SIGKILL") resolve(output.split("\n").slice(0, -1));
      else reject(new Error(`the writer ended by itself: ${errors}`));
    });
  });
}

const leftLogs = (home: string): number =>
  readdirSync(join(home, "objects", crashClass.name)).filter((name) => name.endsWith("-wal")).length;

/** A start that brings the logs of the one before into their databases; killed once no more than so many are left. */
async function recover(runtime: string, home: string, killedAt: number): Promise<void> {
  const [command, ...args] = RUNTIMES[runtime] ?? ["false"];
  const child = spawn(command, [...args, RECOVERER, home], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(child, "close");
  while (child.exitCode === null && leftLogs(home) > killedAt) await new Promise((resolve) => setImmediate(resolve));
  if (killedAt > 0) child.kill("SIGKILL");
  const [code, signal] = await ended;
  expect([code, signal]).toEqual(killedAt > 0 ? [null, "SIGKILL"] : [0, null]);
}

/** Fails for a row that was acknowledged and is not there; answers the objects that were written. */
async function expectKept(host: EmbeddedHost, acknowledged: readonly string[]): Promise<string[]> {
  const byName = Map.groupBy(acknowledged, (line) => line.split(" ")[0] ?? "");
  for (const [name, lines] of byName) {
    const rows = await host.call(crashClass, name, (sql) => {
      expect(sql.get("PRAGMA integrity_check")).toEqual({ integrity_check: "ok" });
      return sql.all<{ k: number }>("SELECT k FROM row").map(({ k }) => k);
    });
    const kept = new Set(rows);
    expect(lines.filter((line) => !kept.has(Number(line.split(" ")[1])))).toEqual([]);
  }
  return [...byName.keys()];
}

describe.each(Object.keys(RUNTIMES))("the embedded host under kill -9 on %s", (runtime) => {
  it.each(ACKNOWLEDGED_BEFORE_KILL)(
    "loses no acknowledged write and no alarm when it is killed after %i answers",
    async (enough) => {
      const home = objectsHome({ classes: [crashClass] });
      const acknowledged = await writeUntilKilled(runtime, home.path, enough);
      expect(acknowledged.length).toBeGreaterThanOrEqual(enough);

      const host = home.open();
      const names = await expectKept(host, acknowledged);

      home.clock.advance(3_600_000 + 60_000);
      await host.runDueAlarms();
      // Back to a time when nothing is late, so that looking does not itself do the alarm's work.
      home.clock.advance(-7_200_000);
      for (const name of names) {
        if (!name.startsWith("born")) continue;
        expect([name, await host.call(crashClass, name, (sql) => sql.all("SELECT one FROM woken").length)]).toEqual([
          name,
          1,
        ]);
      }
      expect(home.errors).toEqual([]);
      await host.close();
      home.remove();
      observed(
        "object-writes-killed",
        runtime,
        `killed after ${enough} answers and more: ${acknowledged.length} acknowledged rows are there, every database is whole, every alarm came`,
      );
    },
  );

  it("loses no acknowledged write when the start that recovers its logs is killed too, and leaves no log in the end", async () => {
    const home = objectsHome({ classes: [crashClass] });
    const acknowledged = await writeUntilKilled(runtime, home.path, 2_000);
    const left = leftLogs(home.path);
    expect(left).toBeGreaterThan(20);
    for (const share of [0.9, 0.6, 0.3]) await recover(runtime, home.path, Math.ceil(left * share));
    await recover(runtime, home.path, 0);
    expect(leftLogs(home.path)).toBe(0);
    const host = home.open();
    await expectKept(host, acknowledged);
    expect(home.errors).toEqual([]);
    await host.close();
    home.remove();
    observed(
      "object-writes-killed",
      runtime,
      `of ${left} logs none was left by the fourth start behind three that were killed; ${acknowledged.length} acknowledged rows are there`,
    );
  });

  it("keeps a second process out of its home while it lives, and no longer", async () => {
    const home = objectsHome({ classes: [crashClass] });
    let refusal: unknown;
    await writeUntilKilled(runtime, home.path, 1, () => {
      try {
        home.open();
      } catch (cause) {
        refusal = cause;
      }
    });
    expect(refusal).toBeInstanceOf(HomeLocked);
    await home.open().close();
    home.remove();
  });
});
