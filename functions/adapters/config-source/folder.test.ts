import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { ConfigEvent } from "../../../shared/contracts/ports/config-source.ts";
import { snapshotCompiler } from "../../config/compiler.ts";
import { bundledConfigSource } from "./bundled.ts";
import { folderConfigSource, type Schedule } from "./folder.ts";
import { type FolderHost, nodeFolderHost } from "./folder-host.ts";

const compile = snapshotCompiler({
  cell: { id: "local", jurisdiction: "local" },
  secretsPresent: () => false,
  variable: () => null,
});
const MODELS = "models:\n  one: {provider: s, model: one}\n";
const PROVIDERS = "providers:\n  s: {kind: synthetic}\n";

/** A folder in memory whose timers run when the test says so. */
function memoryFolder(files: Record<string, string>) {
  const waiting = new Set<{ ms: number; work: () => void }>();
  const errors: unknown[] = [];
  let changed = () => {};
  const host: FolderHost = {
    list: async () => {
      if (files.gone !== undefined) throw Object.assign(new Error("gone"), { code: "ENOENT" });
      return Object.keys(files);
    },
    read: async (path, bytesMax) => {
      const text = files[path.slice(path.lastIndexOf("/") + 1)] ?? "";
      if (text.length > bytesMax) throw new RangeError("is larger than that");
      return text;
    },
    watch: (_folder, onChange) => {
      changed = onChange;
      return () => {
        changed = () => {};
      };
    },
  };
  const schedule: Schedule = (ms, work) => {
    const entry = { ms, work };
    waiting.add(entry);
    return () => void waiting.delete(entry);
  };
  return {
    files,
    errors,
    waiting,
    options: {
      folder: "/config",
      host,
      compile,
      schedule,
      onError: (error: unknown) => void errors.push(error),
      debounceMs: 1,
      pollMs: 100,
    },
    touch: () => changed(),
    /** Runs the timers of `ms` that wait now, and lets the reading that they start finish. */
    async run(ms: number) {
      for (const entry of [...waiting].filter((entry) => entry.ms === ms)) {
        waiting.delete(entry);
        entry.work();
      }
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

it("activates a change as one new snapshot and leaves the old object as it was, so a running request never sees half", async () => {
  const folder = memoryFolder({ "models.yml": MODELS, "providers.yml": PROVIDERS });
  const source = await folderConfigSource(folder.options);
  const events: ConfigEvent[] = [];
  source.subscribe((event) => void events.push(event));
  const before = source.current();
  folder.files["models.yml"] = `${MODELS}  two: {provider: s, model: two}\n`;
  folder.touch();
  folder.touch();
  await folder.run(1);
  expect(Object.keys(source.current().aliases)).toEqual(["one", "two"]);
  expect(Object.keys(before.aliases)).toEqual(["one"]);
  expect(events.map(({ kind }) => kind)).toEqual(["activated"]);
  expect(source.active().snapshot).toBe(source.current());
});

it("keeps the known-good snapshot when a file breaks, and says why until it is repaired", async () => {
  const folder = memoryFolder({ "models.yml": MODELS, "providers.yml": PROVIDERS });
  const source = await folderConfigSource(folder.options);
  const events: ConfigEvent[] = [];
  source.subscribe((event) => void events.push(event));
  const good = source.current();
  for (const [broken, expected] of [
    ["models: {one: {provider: s}}", "models.one"],
    ["models: [", ""],
  ] as const) {
    folder.files["models.yml"] = broken;
    folder.touch();
    await folder.run(1);
    expect(source.current()).toBe(good);
    expect(source.state().problems[0]).toMatchObject({ file: "models.yml", path: expected });
  }
  expect(events.map(({ kind }) => kind)).toEqual(["refused", "refused"]);
  folder.files["models.yml"] = MODELS;
  folder.touch();
  await folder.run(1);
  expect(source.state()).toEqual({ digest: good.digest, problems: [] });
});

it("keeps the known-good snapshot when the folder itself goes away", async () => {
  const folder = memoryFolder({ "models.yml": MODELS, "providers.yml": PROVIDERS });
  const source = await folderConfigSource(folder.options);
  const good = source.current();
  folder.files.gone = "";
  await folder.run(100);
  expect(source.current()).toBe(good);
  expect(source.state().problems[0]?.message).toContain("ENOENT");
});

it("finds a change by polling where the watch says nothing, and stops when closed", async () => {
  const folder = memoryFolder({ "models.yml": MODELS, "providers.yml": PROVIDERS });
  const source = await folderConfigSource(folder.options);
  folder.files["models.yml"] = "models: {}";
  await folder.run(100);
  expect(Object.keys(source.current().aliases)).toEqual([]);
  expect(folder.waiting.size).toBe(1);
  source.close();
  expect(folder.waiting.size).toBe(0);
});

it("reports a listener that throws and still tells the others", async () => {
  const folder = memoryFolder({ "models.yml": MODELS, "providers.yml": PROVIDERS });
  const source = await folderConfigSource(folder.options);
  let heard = 0;
  source.subscribe(() => {
    throw new Error("listener");
  });
  source.subscribe(() => void heard++);
  folder.files["models.yml"] = "";
  folder.touch();
  await folder.run(1);
  expect([heard, folder.errors.length]).toEqual([1, 1]);
});

it("refuses to start on a broken folder with one line that names every problem", async () => {
  const folder = memoryFolder({ "models.yml": "models: {one: {}}", "policies.yml": "budget: {default_usd: 9}" });
  const started = folderConfigSource(folder.options);
  await expect(started).rejects.toMatchObject({ name: "ConfigUnusable" });
  await expect(started).rejects.toThrow(
    /^the configuration in \/config is not usable: models\.yml: .*; policies\.yml: [^\n]*$/,
  );
});

it.each([
  ["an empty folder", {}, "holds none of"],
  ["a file that is empty, as it is while somebody writes it", { "models.yml": " \n" }, "is empty"],
  ["two endings of one file", { "models.yml": "", "models.yaml": "" }, "another ending"],
  ["a folder that is not there", { gone: "" }, "ENOENT"],
])("refuses to start on %s", async (_what, files, expected) => {
  await expect(folderConfigSource(memoryFolder({ ...files }).options)).rejects.toThrow(expected);
});

it("reads a real folder and hears a real change on this host", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bailiwick-config-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "providers.yml"), PROVIDERS);
  await writeFile(join(folder, "models.yml"), MODELS);
  const source = await folderConfigSource({
    folder,
    host: nodeFolderHost,
    compile,
    onError: () => {},
    debounceMs: 5,
    pollMs: 50,
  });
  onTestFinished(() => source.close());
  const activated = new Promise<ConfigEvent>((resolve) => void source.subscribe(resolve));
  await writeFile(join(folder, "models.yml"), "models: {}");
  expect(await activated).toMatchObject({ kind: "activated" });
  await writeFile(join(folder, "models.yml"), new Uint8Array([0xff, 0xfe]));
  await expect(nodeFolderHost.read(join(folder, "models.yml"), 1_000)).rejects.toThrow(TypeError);
  await expect(nodeFolderHost.read(join(folder, "providers.yml"), 3)).rejects.toThrow(RangeError);
});

it("reads a bundle of texts and parsed files, and refuses a broken one in one line", () => {
  const source = bundledConfigSource(
    { "models.yml": MODELS, "providers.yml": { providers: { s: { kind: "synthetic" } } } },
    compile,
  );
  expect(Object.keys(source.current().aliases)).toEqual(["one"]);
  expect(() => bundledConfigSource({ "models.yml": "a: [" }, compile)).toThrow(
    /^the bundled configuration is not usable: models\.yml: [^\n]*$/,
  );
  expect(() => bundledConfigSource(undefined, compile)).toThrow("expected an object");
});
