import { expect, it } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { OutboxRow } from "../../../shared/contracts/ports/tenant-store.ts";
import { countedEventSink } from "./counted.ts";

// safe because: a fixed instant in milliseconds
const row = (seq: number): OutboxRow => ({ seq, type: "t", subject: "s", at_ms: 0 as UnixMs, data: {} });

it("counts what waits until it is delivered, failures included, so a stuck outbox is seen from outside", async () => {
  let waiting = 0;
  let fail = true;
  const sink = countedEventSink(
    {
      async deliver() {
        if (fail) throw new Error("down");
      },
    },
    (by) => {
      waiting += by;
    },
  );
  await expect(sink.deliver("a", [row(1), row(2)], 40)).rejects.toThrow("down");
  expect(waiting).toBe(42);
  await expect(sink.deliver("b", [row(1)], 0)).rejects.toThrow("down");
  await expect(sink.deliver("a", [row(1), row(2)], 41)).rejects.toThrow("down");
  expect(waiting).toBe(44);
  fail = false;
  await sink.deliver("a", [row(1), row(2)], 41);
  await sink.deliver("b", [row(1)], 0);
  expect(waiting).toBe(41);
  await sink.deliver("a", [row(3)], 0);
  expect(waiting).toBe(0);
});
