import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { pgliteControlDb } from "../../functions/adapters/control-db/pglite-worker.ts";
import { ControlDbUnavailable } from "../../shared/contracts/ports/control-db.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const writer = join(root, "test/support/pglite-writer.ts");
const home = mkdtempSync(join(tmpdir(), "bailiwick-crash-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Runs the writer, kills it after some acknowledgements, answers the last one. */
async function killedAfter(acks: number, command: readonly string[], dataDir: string, round: string): Promise<number> {
  const [program = "", ...args] = command;
  const child = spawn(program, [...args, writer, dataDir, round], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  let pid = 0;
  let last = -1;
  let killed = false;
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, value] = line.split(" ");
    if (word === "pid") pid = Number(value);
    if (word === "ack") last = Number(value);
    if (last + 1 >= acks && !killed) {
      killed = true;
      process.kill(pid, "SIGKILL");
    }
  }
  return last;
}

const runtimes: [string, (dataDir: string) => string[]][] = [
  ["Node", () => [process.execPath, "--no-warnings"]],
  [
    // The least that the embedded cell needs for its database: no environment, no network, no processes.
    "Deno",
    (dataDir) => [
      join(root, "node_modules/.bin/deno"),
      ...["run", "--no-prompt", "--cached-only", "--node-modules-dir=manual", `--allow-read=${root},${dataDir}`],
      `--allow-write=${dataDir}`,
    ],
  ],
];

it.each(runtimes)(
  "loses no acknowledged write and keeps no half transaction when the process is killed (%s)",
  async (name, command) => {
    const dataDir = join(home, name, "control-db");
    mkdirSync(join(home, name));
    const acknowledged: [string, number][] = [];
    for (const round of ["first", "second"]) {
      acknowledged.push([round, await killedAfter(25, command(join(home, name)), dataDir, round)]);
    }
    const db = pgliteControlDb({ cell: "local", dataDir });
    try {
      expect(await db.ready()).toEqual({ ready: true, reason: null });
      const [rows = []] = await db.withTenant("writer", [{ text: "select event_id from parked_events", params: [] }]);
      const found = new Set(rows.map((row) => String(row.event_id)));
      for (const [round, last] of acknowledged) {
        expect(last).toBeGreaterThanOrEqual(24);
        for (let n = 0; n <= last; n += 1) expect(found).toContain(`${round}:${n}:a`);
      }
      for (const id of found) expect(found).toContain(id.replace(/[ab]$/, (half) => (half === "a" ? "b" : "a")));
    } finally {
      await db.close();
    }
  },
  300_000,
);

it("starts anew once the reason for a failed boot is gone, so a repaired disk needs no restart of the cell", async () => {
  const dataDir = join(home, "repaired");
  writeFileSync(dataDir, "not a folder");
  const db = pgliteControlDb({ cell: "local", dataDir });
  try {
    await expect(db.withTenant("t1", [{ text: "select 1 as one", params: [] }])).rejects.toBeInstanceOf(
      ControlDbUnavailable,
    );
    expect((await db.ready()).ready).toBe(false);
    rmSync(dataDir);
    await db.migrate();
    expect(await db.ready()).toEqual({ ready: true, reason: null });
  } finally {
    await db.close();
  }
});

it("leaves the event loop free while the database boots and works, so requests never wait for it", async () => {
  const db = pgliteControlDb({ cell: "local", dataDir: join(home, "responsive") });
  let turns = 0;
  let running = true;
  const turn = () => {
    turns += 1;
    if (running) setImmediate(turn);
  };
  try {
    await db.migrate();
    setImmediate(turn);
    const count = { text: "select count(*) as n from generate_series(1, 1000000)", params: [] };
    expect(await db.withTenant("t1", [count])).toEqual([[{ n: 1_000_000 }]]);
    running = false;
    // In one thread this is the handful of turns between sending and receiving.
    expect(turns).toBeGreaterThan(500);
  } finally {
    await db.close();
  }
});

it("refuses calls after it was closed, so a drain never reopens the database behind the shutdown", async () => {
  const db = pgliteControlDb({ cell: "local", dataDir: join(home, "closed") });
  await db.close();
  await expect(db.withTenant("t1", [{ text: "select 1 as one", params: [] }])).rejects.toBeInstanceOf(
    ControlDbUnavailable,
  );
});

it("makes its folder anew when it was cut off while it made it, so a first start that is stopped harms no second one", async () => {
  const dataDir = join(home, "cut-off");
  const stopping = new AbortController();
  const first = pgliteControlDb({
    cell: "local",
    dataDir,
    stopping: stopping.signal,
    onBoot: (stage) => stage === "initialising" && stopping.abort(),
  });
  await expect(first.migrate()).rejects.toThrow(ControlDbUnavailable);
  await first.close();
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(join(dataDir, "PG_VERSION"), "half");
  writeFileSync(`${dataDir}.initialising`, "");
  const second = pgliteControlDb({ cell: "local", dataDir });
  try {
    await second.migrate();
    expect(await second.ready()).toEqual({ ready: true, reason: null });
  } finally {
    await second.close();
  }
});
