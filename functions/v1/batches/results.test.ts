import { describe, expect, it } from "vitest";
import { BatchId } from "../../../shared/contracts/ids.ts";
import type { BatchTurn, SettledLines } from "../../../shared/contracts/ports/batch-store.ts";
import { err, ok } from "../../../shared/contracts/result.ts";
import { MemoryObjectStore } from "../../../test/support/memory-object-store.ts";
import { BatchLost, type Driven } from "./drive.ts";
import { NO_USAGE } from "./outcome.ts";
import { partsOf } from "./parts.ts";
import { Results } from "./results.ts";

const id = BatchId.parse("batch_00V70MeW4ju7gL7ovBBJxlZOj1");
const objects = new MemoryObjectStore(() => 0);
const dataKey = new Uint8Array(32).fill(7);

/** What a runner under `fence` holds; its writes are refused once `fenced` is over. */
function runner(fence: number, written: BatchTurn["written"], holds: () => boolean = () => true) {
  const settled: SettledLines[] = [];
  const turn = {
    fence,
    parts: { output: written?.output.length ?? 0, errors: written?.errors.length ?? 0 },
    ...(written ? { written } : {}),
  };
  const batches = {
    settleLines: async (_tenant: string, _id: string, _fence: number, step: SettledLines) => {
      if (!holds()) return err({ reason: "fenced" });
      settled.push(step);
      return ok({});
    },
  };
  const deps = { batches, clock: { now: () => 0 } };
  // safe because: results use these members alone
  const of = { deps, objects, tenant: "default", tenantId: "default", id, fence, dataKey, turn } as unknown as Driven;
  const results = new Results(of);
  const add = (line: number) => results.add(line, { ok: true, text: `line ${line} under ${fence}`, usage: NO_USAGE });
  const text = async () => {
    const pieces: string[] = [];
    for await (const part of partsOf(of, results.parts("output"), async () => undefined))
      pieces.push(new TextDecoder().decode(part));
    return pieces.join("");
  };
  return { results, add, text, settled };
}

describe("results of a batch", () => {
  it("stay as they were settled when a runner that stood still writes its own behind its lease, so that no line is doubled or lost", async () => {
    const late = runner(5, { output: [], errors: [] }, () => false);
    late.add(1);
    late.add(2);
    const next = runner(6, { output: [], errors: [] });
    next.add(1);
    expect(await next.results.flush()).toEqual([1]);
    await expect(late.results.flush()).rejects.toBeInstanceOf(BatchLost);
    const last = runner(7, { output: [6], errors: [] });
    last.add(2);
    await last.results.flush();
    expect(await last.text()).toBe("line 1 under 6\nline 2 under 7\n");
  });

  it("have no fence where the object is older than fences, so that a roll-out mixes no names", async () => {
    const one = runner(3, undefined);
    one.add(1);
    await one.results.flush();
    expect(one.results.parts("output")).toEqual([{ kind: "output", part: 0, fence: 0 }]);
    expect(one.settled).toMatchObject([{ output: 0, errors: null, fenced: false }]);
  });
});
