import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CellFacts } from "../../durable/remote/remote-ports.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { TestClock } from "../../test/support/objects-home.ts";
import { NobodyThere, partly, type RemoteWorldOptions, remoteWorld } from "../../test/support/remote-ports.ts";
import { objectsDisk } from "./dependencies.ts";
import { homeDisk } from "./home-disk.ts";

let home = "";
let clock: TestClock;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "bailiwick-disk-"));
  clock = new TestClock();
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

it("is there while the home can be written, and leaves nothing in it", async () => {
  expect(await homeDisk(home, clock).probe()).toEqual({ ready: true, reason: null });
  expect(readdirSync(home)).toEqual([]);
});

it("is missing by the system's own code, so that whoever is called at night knows what to mend, and back by itself", async () => {
  const disk = homeDisk(home, clock);
  renameSync(home, `${home}-away`);
  expect(await disk.probe()).toEqual({ ready: false, reason: "ENOENT" });
  renameSync(`${home}-away`, home);
  expect(await disk.probe()).toEqual({ ready: true, reason: null });
});

it("is written once in a while, however often it is asked, so that nobody wears a disk out by asking", async () => {
  const disk = homeDisk(home, clock);
  await disk.probe();
  renameSync(home, `${home}-away`);
  expect((await Promise.all([disk.probe(), disk.probe()])).map(({ ready }) => ready)).toEqual([true, true]);
  clock.advance(LIMITS.homeProbeMs);
  expect((await disk.probe()).ready).toBe(false);
  renameSync(`${home}-away`, home);
});

it("is missing where a write does not come back, so that whoever asks is not held up with it", async () => {
  const probe = join(home, "writable.probe");
  // Whoever opens a pipe to write waits for a reader.
  execFileSync("mkfifo", [probe]);
  vi.useFakeTimers();
  const asked = homeDisk(home, clock).probe();
  await vi.advanceTimersByTimeAsync(2_000);
  vi.useRealTimers();
  expect(await asked).toEqual({ ready: false, reason: "no answer in 2000 ms" });
  closeSync(openSync(probe, constants.O_RDONLY | constants.O_NONBLOCK));
});

describe("an edge before it", () => {
  const FACTS: CellFacts = {
    ...{ cell: "local", jurisdiction: "local", release: "1+a", ledger_origin: "ledger.example.com", stores: [] },
    archive: { technology: "file-system", jurisdiction: "local", worm: "not WORM" },
    queue: { technology: "sqlite", jurisdiction: "local" },
  };
  const edgeBefore = (facts: () => Promise<CellFacts>, network: Pick<RemoteWorldOptions, "network"> = {}) =>
    objectsDisk(remoteWorld({ ports: { host: partly<"host">({ facts }) }, ...network }).ports.host);

  it("shows it as the objects' process finds it, so that no call is sent to where nothing can be kept", async () => {
    const disk = homeDisk(home, clock);
    const shown = edgeBefore(async () => ({ ...FACTS, disk: await disk.probe() }));
    expect(shown).toMatchObject({ name: disk.name, required: disk.required });
    renameSync(home, `${home}-away`);
    expect(await shown.probe()).toEqual({ ready: false, reason: "ENOENT" });
    renameSync(`${home}-away`, home);
    expect(await shown.probe()).toEqual({ ready: true, reason: null });
  });

  it("shows it missing while that process is gone: nobody can keep anything", async () => {
    const gone = async () => Promise.reject(new NobodyThere("nobody listens"));
    expect(await edgeBefore(async () => FACTS, { network: gone }).probe()).toEqual({
      ready: false,
      reason: "ObjectUnavailable",
    });
  });

  it("is ready before objects of an earlier release, which do not tell: edges may be rolled out first", async () => {
    expect(await edgeBefore(async () => FACTS).probe()).toEqual({ ready: true, reason: null });
  });
});
