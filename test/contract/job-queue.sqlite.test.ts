import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { sqliteJobQueue } from "../../shared/job-queue/sqlite.ts";
import { jobQueueContract } from "./job-queue.contract.ts";

const clock = { now: () => Date.now() as UnixMs }; // safe because: the machine's clock
const home = mkdtempSync(join(tmpdir(), "bailiwick-queue-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

jobQueueContract("SQLite", {
  open: () => sqliteJobQueue({ path: join(home, "queue.sqlite"), jurisdiction: "local", clock }),
  placement: { technology: "sqlite", jurisdiction: "local" },
  staleDeliveries: null,
  removals: null,
  pages: null,
});
