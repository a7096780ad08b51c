import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { HomeLocked } from "../../durable/runtime/home-lock.ts";
import { objectsHome } from "../support/objects-home.ts";
import { crashClass } from "./crash-class.ts";
import { observed } from "./faults/observed.ts";

const WRITER = fileURLToPath(new URL("./object-writer.ts", import.meta.url));
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

describe.each(Object.keys(RUNTIMES))("the embedded host under kill -9 on %s", (runtime) => {
  it.each(ACKNOWLEDGED_BEFORE_KILL)(
    "loses no acknowledged write and no alarm when it is killed after %i answers",
    async (enough) => {
      const home = objectsHome({ classes: [crashClass] });
      const acknowledged = await writeUntilKilled(runtime, home.path, enough);
      expect(acknowledged.length).toBeGreaterThanOrEqual(enough);

      const host = home.open();
      const byName = Map.groupBy(acknowledged, (line) => line.split(" ")[0] ?? "");
      for (const [name, lines] of byName) {
        const rows = await host.call(crashClass, name, (sql) => {
          expect(sql.get("PRAGMA integrity_check")).toEqual({ integrity_check: "ok" });
          return sql.all<{ k: number }>("SELECT k FROM row").map(({ k }) => k);
        });
        const kept = new Set(rows);
        expect(lines.filter((line) => !kept.has(Number(line.split(" ")[1])))).toEqual([]);
      }

      home.clock.advance(3_600_000 + 60_000);
      await host.runDueAlarms();
      // Back to a time when nothing is late, so that looking does not itself do the alarm's work.
      home.clock.advance(-7_200_000);
      for (const name of byName.keys()) {
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
