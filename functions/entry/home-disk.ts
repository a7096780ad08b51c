import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hostFiles } from "../../durable/runtime/host-files.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";
import type { Dependency } from "../context.ts";
import { DISK, within } from "./dependencies.ts";

const PROBE_FILE = "writable.probe";

/**
 * Whether the home still takes what a call writes: a file of that size, made durable and removed again. What is well is
 * written at most once in `homeProbeMs`, however often it is asked; a full or failing disk is named with the system's code
 * and looked at with each question, one look at a time; one that does not come back is missing, too.
 */
export function homeDisk(home: string, clock: Clock): Dependency {
  const path = join(home, PROBE_FILE);
  let probing: ReturnType<Dependency["probe"]> | null = null;
  let untilMs = 0;
  async function probe(): ReturnType<Dependency["probe"]> {
    try {
      await writeFile(path, new Uint8Array(LIMITS.homeProbeBytes), { mode: 0o600 });
      const file = hostFiles.open(path);
      try {
        await file.sync();
      } finally {
        await file.close();
      }
      return { ready: true, reason: null };
    } catch (cause) {
      return { ready: false, reason: codeOf(cause) };
    } finally {
      await rm(path, { force: true }).catch(() => undefined); // the next probe meets the same file
    }
  }
  return {
    name: DISK,
    required: true,
    async probe() {
      if (probing === null || clock.now() >= untilMs) {
        untilMs = Number.POSITIVE_INFINITY;
        probing = probe().then((found) => {
          untilMs = found.ready ? clock.now() + LIMITS.homeProbeMs : 0;
          return found;
        });
      }
      const looking = probing;
      return within(() => looking);
    },
  };
}

const codeOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return "failed";
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.name;
};
