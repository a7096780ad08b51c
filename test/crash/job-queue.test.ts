import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { observed } from "./faults/observed.ts";

const SCRIPT = fileURLToPath(new URL("./job-queue-process.ts", import.meta.url));
/** The cell's two runtimes; workers are Node's. */
const RUNTIMES = {
  node: [process.execPath],
  deno: ["deno", "run", "--quiet", "--no-prompt", "--allow-read", "--allow-write"],
} as const;
const running: Running[] = [];

/** One process and the lines that it printed whole. */
class Running {
  readonly lines: string[] = [];
  readonly ended: Promise<NodeJS.Signals | null>;
  readonly #child: ChildProcess;
  #rest = "";
  #errors = "";
  #watch: () => void = () => undefined;

  constructor(runtime: keyof typeof RUNTIMES, ...args: string[]) {
    const [command, ...flags] = RUNTIMES[runtime];
    const child = spawn(command, [...flags, SCRIPT, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    running.push(this);
    child.stderr.on("data", (chunk) => {
      this.#errors = (this.#errors + chunk).slice(-4_096);
    });
    child.stdout.on("data", (chunk) => {
      const [rest = "", ...whole] = `${this.#rest}${chunk}`.split("\n").reverse();
      this.#rest = rest;
      this.lines.push(...whole.reverse());
      this.#watch();
    });
    this.ended = new Promise((done) =>
      child.once("close", (_code, signal) => {
        done(signal);
        this.#watch();
      }),
    );
  }

  /** Resolves once so many lines were printed; rejects when the process ends before. */
  printed(enough: number): Promise<void> {
    return new Promise((done, failed) => {
      this.#watch = () => {
        if (this.lines.length >= enough) done();
        else if (this.#child.exitCode !== null || this.#child.signalCode !== null)
          failed(new Error(`ended after ${this.lines.length} lines: ${this.#errors}`));
      };
      this.#watch();
    });
  }

  async end(): Promise<NodeJS.Signals | null> {
    this.#child.kill("SIGKILL");
    return this.ended;
  }

  async kill(): Promise<void> {
    expect(await this.end()).toBe("SIGKILL");
  }
}

let home = "";
const path = () => join(home, "queue.sqlite");
const left = () => {
  const db = new DatabaseSync(path());
  expect(db.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  const bodies = db.prepare("SELECT body FROM job").all();
  db.close();
  return bodies.map(({ body }) => String(body).split(" ")[0] ?? "");
};
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "bailiwick-queue-"));
});
afterEach(async () => {
  // A test that failed leaves nobody behind.
  await Promise.all(running.splice(0).map((each) => each.end()));
  rmSync(home, { recursive: true, force: true });
});

describe.each(["node", "deno"] as const)("a queue that a cell on %s shares with workers, under kill -9", (runtime) => {
  it.each([1, 40, 400])("keeps every send that was acknowledged, killed after %i of them", async (enough) => {
    const sender = new Running(runtime, "send", path());
    await sender.printed(enough);
    await sender.kill();
    const kept = new Set(left());
    expect(sender.lines.filter((line) => !kept.has(line))).toEqual([]);
    observed(
      "queue-processes-killed",
      runtime,
      `killed after ${enough} answers: ${sender.lines.length} acknowledged sends are there`,
    );
  });

  it("delivers every job to some worker though workers are killed at their work, and then the sender", async () => {
    const sender = new Running(runtime, "send", path());
    const victims: Running[] = [];
    for (const enough of [1, 20]) {
      const victim = new Running("node", "work", path());
      victims.push(victim);
      await victim.printed(enough);
      await victim.kill();
    }
    // The last one is killed beside another that lives, once both are at work.
    const last = new Running("node", "work", path());
    await last.printed(1);
    const survivor = new Running("node", "work", path());
    await survivor.printed(1);
    await last.kill();
    const done = [...victims, last, survivor].map(({ lines }) => lines);
    await sender.printed(100);
    await sender.kill();
    const missing = () => {
      const seen = new Set(done.flat());
      return sender.lines.filter((line) => !seen.has(line));
    };
    // Nobody else is left to do them: so many lines are still to come.
    for (let due = missing().length; due > 0; due = missing().length)
      await survivor.printed(survivor.lines.length + due);
    await survivor.kill();
    expect(missing()).toEqual([]);
    // Left is at most what four workers held when they were killed, and what four senders had not heard of yet.
    expect(left().length).toBeLessThanOrEqual(4 * 3 + 4);
    observed(
      "queue-workers-killed",
      runtime,
      `${sender.lines.length} jobs sent, three workers killed at their work: each done by one that lives`,
    );
  });
});
