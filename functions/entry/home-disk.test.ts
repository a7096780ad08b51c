import { mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { TestClock } from "../../test/support/objects-home.ts";
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
