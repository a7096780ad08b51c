import { describe, expect, it } from "vitest";
import { BatchId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { seal } from "../../../shared/crypto/seal.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { MemoryObjectStore } from "../../../test/support/memory-object-store.ts";
import { partKey, partObject } from "../files/content.ts";
import { BatchLost } from "./drive.ts";
import { partsOf } from "./parts.ts";

const id = BatchId.parse("batch_00V70MeW4ju7gL7ovBBJxlZOj1");
const tenant = "default";
const dataKey = new Uint8Array(32).fill(7);

const output = (part: number) => ({ kind: "output" as const, part, fence: 3 });
const outputs = (count: number) => Array.from({ length: count }, (_, part) => output(part));

async function world(parts: readonly string[]) {
  let nowMs = 0;
  const now = () => nowMs;
  const objects = new MemoryObjectStore(now);
  for (const [part, text] of parts.entries())
    await objects.put(
      partKey(tenant, id, output(part)),
      await seal(dataKey, { tenant, object: partObject(id, output(part)) }, utf8(text)),
    );
  // safe because: a clock's time is milliseconds
  const deps = { clock: { now: now as never } };
  return {
    of: { id, tenant, dataKey, objects, deps },
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}
const lost = () => Promise.reject(new BatchLost("fenced"));
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
async function texts(parts: AsyncIterable<Uint8Array>): Promise<string[]> {
  const all: string[] = [];
  for await (const part of parts) all.push(text(part));
  return all;
}

describe("the parts of a batch's file", () => {
  it("are gone where another runner has ended the batch: the runner that was late leaves, and tells nobody of a defect", async () => {
    const { of } = await world(["a\n"]);
    await expect(texts(partsOf(of, outputs(2), lost))).rejects.toBeInstanceOf(BatchLost);
  });

  it("that are missing while the lease is still held are no end of the file, so that no line of it is lost", async () => {
    const { of } = await world(["a\n"]);
    await expect(texts(partsOf(of, outputs(2), async () => undefined))).rejects.toThrow(`part 1 of ${id} is not there`);
  });

  it("come in order, and hold the lease for as long as that takes", async () => {
    const { of, pass } = await world(["a\n", "b\n", "c\n"]);
    let renewed = 0;
    const got: string[] = [];
    for await (const part of partsOf(of, outputs(3), async () => void renewed++)) {
      got.push(text(part));
      pass(LIMITS.batchLeaseMs / 3);
    }
    expect([got, renewed]).toEqual([["a\n", "b\n", "c\n"], 3]);
  });
});
