import { afterEach, beforeEach, expect, it } from "vitest";
import type { TaskId } from "../../shared/contracts/ids.ts";
import type { LogItem } from "../../shared/contracts/ports/task-log.ts";
import type { TaskStore } from "../../shared/contracts/ports/task-store.ts";
import { ok } from "../../shared/contracts/result.ts";
import { readLog } from "./read-log.ts";

const thrown: unknown[] = [];
const keep = (cause: unknown) => void thrown.push(cause);
const others = process.listeners("unhandledRejection");
beforeEach(() => {
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", keep);
});
afterEach(() => {
  process.off("unhandledRejection", keep);
  for (const other of others) process.on("unhandledRejection", other);
});

it("is left in peace by whoever reads a log that broke off, so that a store that dies ends no process with it", async () => {
  const broken = new ReadableStream<LogItem>({ start: (controller) => controller.error(new Error("the sender died")) });
  // safe because: reading a log asks for nothing else
  const tasks = { watchLog: async () => ok(broken) } as unknown as TaskStore;
  const stop = new AbortController();
  const task = `task_${"0".repeat(26)}` as TaskId; // safe because: it has the form
  const log = await readLog({ tasks }, new Uint8Array(32), "t1", task, 0, stop.signal);
  expect(log.ok).toBe(true);
  stop.abort();
  await new Promise((resolve) => setImmediate(resolve));
  expect(thrown).toEqual([]);
});
