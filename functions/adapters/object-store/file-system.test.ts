import { execFileSync } from "node:child_process";
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import {
  type ObjectStore,
  ObjectStoreRefused,
  ObjectStoreUnavailable,
} from "../../../shared/contracts/ports/object-store.ts";
import { fileSystemObjectStore } from "./file-system.ts";

const START_MS = 1_795_000_000_000;
const text = (value: string) => new TextEncoder().encode(value);
let home: string;
let root: string;
let nowMs: number;
let store: ObjectStore;

const open = (timeoutMs?: number) =>
  fileSystemObjectStore({
    root,
    jurisdiction: "local",
    clock: { now: () => nowMs as UnixMs }, // safe because: a test moment
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
const lock = (ms: number) => ({ mode: "compliance", until_ms: nowMs + ms }) as const;
const read = async (key: string, version?: string) => {
  const found = await store.get(key, version === undefined ? {} : { version });
  return found.ok ? Buffer.from(found.value.bytes).toString() : found.error.reason;
};
const put = async (key: string, bytes: string, lockMs?: number) => {
  const stored = await store.put(key, text(bytes), lockMs === undefined ? {} : { lock: lock(lockMs) });
  if (!stored.ok) throw new Error(stored.error.reason);
  return stored.value.version ?? "";
};

beforeEach(async () => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "bailiwick-objects-")));
  root = join(home, "objects");
  nowMs = START_MS;
  store = await open();
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe("locks", () => {
  it("end at their instant and not before", async () => {
    await put("tile", "tile", 1_000);
    nowMs += 999;
    expect(await store.delete("tile")).toEqual({ ok: false, error: { reason: "locked", until_ms: START_MS + 1_000 } });
    nowMs += 1;
    expect(await store.delete("tile")).toEqual({ ok: true, value: null });
    expect(await read("tile")).toBe("not_found");
  });

  it("never become shorter, whoever stores the same bytes again", async () => {
    await put("tile", "tile", 10_000);
    await put("tile", "tile", 5);
    await put("tile", "tile");
    const head = await store.head("tile");
    expect(head.ok && head.value.locked_until_ms).toBe(START_MS + 10_000);
    await put("tile", "tile", 20_000);
    expect(await store.delete("tile")).toMatchObject({ error: { until_ms: START_MS + 20_000 } });
  });

  it("keep every version that was locked when it was replaced, each under its own lock", async () => {
    const first = await put("tile", "first", 1_000);
    const second = await put("tile", "second", 5_000);
    await put("tile", "third");
    await put("tile", "first", 3_000);
    await put("tile", "fourth");
    expect([await read("tile"), await read("tile", first), await read("tile", second)]).toEqual([
      "fourth",
      "first",
      "second",
    ]);
    expect(await store.delete("tile")).toMatchObject({ error: { until_ms: START_MS + 5_000 } });
    nowMs += 1_500;
    expect(await store.delete("tile", { version: first })).toMatchObject({ error: { until_ms: START_MS + 3_000 } });
    nowMs += 1_500;
    expect(await store.delete("tile", { version: first })).toEqual({ ok: true, value: null });
    expect([await read("tile", first), await read("tile")]).toEqual(["not_found", "fourth"]);
    nowMs += 2_000;
    expect(await store.delete("tile")).toEqual({ ok: true, value: null });
    expect(readdirSync(root)).toEqual(["~partial"]);
  });

  it("uncover it in one step, so that no reader and no crash finds the object gone meanwhile", async () => {
    for (let round = 0; round < 40; round++) {
      const first = await put("note", `first ${round}`, 10);
      const second = await put("note", `second ${round}`);
      let removing = true;
      const seen = new Set<string>();
      const reader = async () => {
        while (removing) seen.add(await read("note"));
      };
      const readers = [reader(), reader()];
      expect(await store.delete("note", { version: second })).toEqual({ ok: true, value: null });
      removing = false;
      await Promise.all(readers);
      expect([`first ${round}`, `second ${round}`]).toEqual(expect.arrayContaining([...seen]));
      nowMs += 10;
      await store.delete("note", { version: first });
    }
  });

  it("uncover the version before when the newest alone is removed", async () => {
    await put("a/tile", "first", 10_000);
    nowMs += 1;
    const second = await put("a/tile", "second", 20);
    nowMs += 1;
    const third = await put("a/tile", "third");
    expect(await store.delete("a/tile", { version: third })).toEqual({ ok: true, value: null });
    expect(await read("a/tile")).toBe("second");
    nowMs += 100;
    await store.delete("a/tile", { version: second });
    expect(await read("a/tile")).toBe("first");
    expect((await store.list("", { limit: 9 })).keys).toEqual(["a/tile"]);
  });
});

describe("the folder", () => {
  const fileOf = (key: string) => join(root, `${key}~`);

  it("loses empty folders with their last object, also while others are written there", async () => {
    await Promise.all(
      Array.from({ length: 40 }, async (_, round) => {
        await put(`a/b/${round % 4}/x${round}`, "x");
        await store.delete(`a/b/${round % 4}/x${round}`);
      }),
    );
    expect(readdirSync(root)).toEqual(["~partial"]);
  });

  it("is readable by its owner alone", async () => {
    await put("a/x", "x");
    const modes = execFileSync("find", [root, "-printf", "%m %y\\n"], { encoding: "utf8" });
    expect(new Set(modes.trim().split("\n"))).toEqual(new Set(["700 d", "600 f"]));
  });

  it("is left by no link, neither of an object nor of a folder, so that a key never names a foreign file", async () => {
    mkdirSync(join(home, "elsewhere"));
    await put("b/x", "ours");
    cpSync(fileOf("b/x"), join(home, "elsewhere", "x~"));
    symlinkSync(join(home, "elsewhere"), join(root, "a"));
    symlinkSync(join(home, "elsewhere", "x~"), fileOf("b/y"));
    for (const key of ["a/x", "b/y"]) {
      await expect(store.get(key)).rejects.toThrow(ObjectStoreRefused);
      await expect(store.head(key)).rejects.toThrow(ObjectStoreRefused);
      await expect(store.put(key, text("theirs"))).rejects.toThrow(ObjectStoreRefused);
      await expect(store.delete(key)).rejects.toThrow(ObjectStoreRefused);
    }
    expect((await store.list("", { limit: 10 })).keys).toEqual(["b/x"]);
    expect(readdirSync(join(home, "elsewhere"))).toEqual(["x~"]);
  });

  it("says that it is gone, so that an unmounted disk never looks like an empty archive", async () => {
    await put("x", "x");
    renameSync(root, `${root}.away`);
    await expect(store.get("x")).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.head("x")).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.list("", { limit: 1 })).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.put("x", text("y"))).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.check()).rejects.toThrow(ObjectStoreUnavailable);
    await expect(store.delete("x")).rejects.toThrow(ObjectStoreUnavailable);
    renameSync(`${root}.away`, root);
    expect(await read("x")).toBe("x");
  });

  it("has nothing left of what an earlier process did not finish", async () => {
    const partial = join(root, "~partial");
    writeFileSync(join(partial, "left"), "half");
    store = await open();
    expect(readdirSync(partial)).toEqual([]);
  });

  it("hands out no bytes that rotted, were cut off or were put there by hand", async () => {
    await put("rotten", "these bytes");
    const bytes = readFileSync(fileOf("rotten"));
    bytes[bytes.length - 1] = 0x21;
    writeFileSync(fileOf("rotten"), bytes);
    await expect(store.get("rotten")).rejects.toThrow(/not those that were stored/);
    const streamed = await store.getStream("rotten");
    await expect(streamed.ok && new Response(streamed.value.body).text()).rejects.toThrow();

    await put("short", "these bytes");
    truncateSync(fileOf("short"), bytes.length - 3);
    await expect(store.head("short")).rejects.toThrow(ObjectStoreRefused);
    writeFileSync(fileOf("foreign"), "hello");
    await expect(store.get("foreign")).rejects.toThrow(ObjectStoreRefused);
  });

  it("leaves a locked object that rotted where it is, because its lock is not known any more", async () => {
    await put("x", "x", 10_000);
    writeFileSync(fileOf("x"), "rotten");
    await expect(store.delete("x")).rejects.toThrow(ObjectStoreRefused);
    await expect(store.put("x", text("y"))).rejects.toThrow(ObjectStoreRefused);
    expect(existsSync(fileOf("x"))).toBe(true);
  });
});

it("waits for a disk no longer than it was told, so that a hung mount holds no call", async () => {
  await put("x", "x");
  // A pipe that nobody writes to: opening it for reading does not return.
  rmSync(join(root, "x~"));
  execFileSync("mkfifo", [join(root, "x~")]);
  const hung = store.head("x", { timeout_ms: 50 });
  await expect(hung).rejects.toThrow(ObjectStoreUnavailable);
  writeFileSync(join(root, "x~"), "let go");
});

it("does not begin what was given up while it waited for a hung disk, so that nothing is written behind its caller's back", async () => {
  await put("x", "x");
  rmSync(join(root, "x~"));
  execFileSync("mkfifo", [join(root, "x~")]);
  const hung = Array.from({ length: LIMITS.fileCallsAtOnceMax }, () => store.head("x", { timeout_ms: 50 }));
  const behind = store.put("y", text("y"), { timeout_ms: 50 });
  for (const call of [...hung, behind]) await expect(call).rejects.toThrow(ObjectStoreUnavailable);
  // A pipe with a writer opens at once: the disk is back.
  const writer = openSync(join(root, "x~"), "r+");
  try {
    expect(await store.put("y", text("later"), { if_absent: true })).toMatchObject({ ok: true });
  } finally {
    closeSync(writer);
  }
});

it("gives the partial file of a stream back once a hung disk is there again, so that an upload that broke off leaves nothing until the next start", async () => {
  await put("x", "x");
  rmSync(join(root, "x~"));
  execFileSync("mkfifo", [join(root, "x~")]);
  const hung: Promise<unknown>[] = [];
  async function* broken() {
    yield text("a first piece");
    for (let n = 0; n < LIMITS.fileCallsAtOnceMax; n++)
      hung.push(expect(store.head("x", { timeout_ms: 50 })).rejects.toThrow(ObjectStoreUnavailable));
    throw new Error("the caller is gone");
  }
  await expect(store.putStream("y", broken(), { timeout_ms: 50 })).rejects.toThrow(ObjectStoreUnavailable);
  await Promise.all(hung);
  const writer = openSync(join(root, "x~"), "r+");
  try {
    await expect.poll(() => readdirSync(join(root, "~partial"))).toEqual([]);
  } finally {
    closeSync(writer);
  }
});
