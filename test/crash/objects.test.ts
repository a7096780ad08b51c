import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fileSystemObjectStore } from "../../functions/adapters/object-store/file-system.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import { observed } from "./faults/observed.ts";

const WRITER = fileURLToPath(new URL("./objects-writer.ts", import.meta.url));
const clock = { now: () => Date.now() as UnixMs }; // safe because: the machine's clock
let home: string;
let root: string;

beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "bailiwick-objects-")));
  root = join(home, "objects");
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const RUNTIMES: Readonly<Record<string, () => [string, ...string[]]>> = {
  node: () => [process.execPath],
  deno: () => [
    "deno",
    "run",
    "--quiet",
    "--no-prompt",
    "--ignore-env",
    `--allow-read=${home}`,
    `--allow-write=${home}`,
  ],
};

/** The lines of a writer that is killed once it has said so many, after a part of a millisecond that differs each time. */
function killAfter(runtime: string, mode: string, lines: number): Promise<string[]> {
  const [command, ...args] = RUNTIMES[runtime]?.() ?? ["false"];
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args, WRITER, root, mode], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stderr.on("data", (chunk) => {
      errors += chunk;
    });
    child.stdout.on("data", (chunk) => {
      output += chunk;
      if (output.split("\n").length <= lines || child.killed) return;
      const until = performance.now() + Math.random() * 3;
      while (performance.now() < until);
      child.kill("SIGKILL");
    });
    child.on("error", reject);
    child.on("close", (_code, signal) => {
      if (signal === "SIGKILL") resolve(output.split("\n").slice(0, -1));
      else reject(new Error(`the writer ended by itself: ${errors}`));
    });
  });
}

const open = () => fileSystemObjectStore({ root, jurisdiction: "local", clock });

/** The number of a whole state; throws for a mixture. */
async function stateOf(store: ObjectStore, key: string, version?: string): Promise<number> {
  const found = await store.get(key, version === undefined ? {} : { version });
  if (!found.ok) throw new Error(`${key}: ${found.error.reason}`);
  const n = found.value.size - 100_000;
  expect(found.value.bytes.every((byte) => byte === n % 251)).toBe(true);
  return n;
}

describe.each(Object.keys(RUNTIMES))("objects as files under kill -9 on %s", (runtime) => {
  it("keeps the old object whole when it is killed between writing the new one and its rename", async () => {
    expect(await killAfter(runtime, "finished", 1)).toEqual(["finished"]);
    expect(readdirSync(join(root, "~partial"))).toHaveLength(1);
    const store = await open();
    expect(await stateOf(store, "a/x")).toBe(1);
    expect(readdirSync(join(root, "~partial"))).toEqual([]);
    expect(await store.list("", { limit: 10 })).toEqual({ keys: ["a/x"], more: false });
  });

  it.each([1, 12, 60])(
    "loses no acknowledged object and no locked version, and shows no half of one, when killed after %i",
    async (enough) => {
      const said = (await killAfter(runtime, "busy", enough)).map((line) => line.split(" "));
      expect(said.length).toBeGreaterThanOrEqual(enough);
      const store = await open();
      const last = said.length - 1;
      const now = await stateOf(store, "a/x");
      expect([last, last + 1]).toContain(now);
      for (const [n, version] of said)
        if (Number(n) % 10 === 0) expect(await stateOf(store, "a/x", version)).toBe(Number(n));
      const { keys } = await store.list("a/new/", { limit: 1_000 });
      expect(keys.length - said.length === 0 || keys.length - said.length === 1).toBe(true);
      for (const key of keys) expect(`a/new/${await stateOf(store, key)}`).toBe(key);
      expect(await store.put("a/x", new Uint8Array(1))).toMatchObject({ ok: true });
      observed(
        "objects-killed",
        runtime,
        `killed after ${said.length} answers: each object whole, ${keys.length} new ones, locked versions there`,
      );
    },
  );
});
