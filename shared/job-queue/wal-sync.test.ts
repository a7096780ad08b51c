import { expect, it } from "vitest";
import { WalSync } from "./wal-sync.ts";

/** A disk that answers when it is told to. */
class Disk {
  readonly syncs: { done: () => void; fail: (cause: unknown) => void }[] = [];
  copies = 0;
  copyFails = false;
  sync = () => new Promise<void>((done, fail) => void this.syncs.push({ done, fail }));
  copy = () => {
    this.copies++;
    if (this.copyFails) throw new Error("disk");
  };
}
const settled = async (promise: Promise<unknown>) =>
  Promise.race([
    promise.then(
      () => "done",
      () => "failed",
    ),
    new Promise((tick) => setImmediate(tick, "waiting")),
  ]);

it("acknowledges a commit only after a sync that began behind it, so that a power cut loses none", async () => {
  const disk = new Disk();
  const log = new WalSync(disk);
  log.wrote();
  const first = log.durable();
  log.wrote();
  const [second, third] = [log.durable(), log.durable()];
  disk.syncs[0]?.done();
  expect(await settled(first)).toBe("done");
  expect(await settled(second)).toBe("waiting");
  expect(disk.syncs).toHaveLength(2);
  disk.syncs[1]?.done();
  expect([await settled(second), await settled(third)]).toEqual(["done", "done"]);
  await log.durable();
  expect(disk.syncs).toHaveLength(2);
});

it("acknowledges nothing after a failed sync until the log was copied, so that dropped pages are not taken for kept", async () => {
  const disk = new Disk();
  const log = new WalSync(disk);
  log.wrote();
  const failed = log.durable();
  disk.syncs[0]?.fail(new Error("EIO"));
  expect(await settled(failed)).toBe("failed");
  disk.copyFails = true;
  log.wrote();
  expect(await settled(log.durable())).toBe("failed");
  disk.copyFails = false;
  expect(await settled(log.durable())).toBe("done");
  expect([disk.copies, disk.syncs.length]).toEqual([2, 1]);
  log.wrote();
  const healthy = log.durable();
  disk.syncs[1]?.done();
  expect(await settled(healthy)).toBe("done");
});
