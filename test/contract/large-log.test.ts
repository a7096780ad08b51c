import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { checkArchive } from "../support/check-archive.ts";
import { LAB_SIGNER, LOG_ORIGIN, LogLab, PREFIX, TENANT } from "../support/log-lab.ts";
import { MemoryObjectStore } from "../support/memory-object-store.ts";

/** One full tile of the second level is 256 × 256 entries: what smaller logs never reach. */
const ENTRIES = 65_700;
const SECOND = `${PREFIX}tile/1/000`;

let store: MemoryObjectStore;
let lab: LogLab;
beforeEach(() => {
  const bounds = { rows_kept: 300, turn_entries_max: 16_384, step_rows_max: 4_096 };
  lab = new LogLab((now) => (store = new MemoryObjectStore(now)), bounds);
});
afterEach(() => lab.close());

const kept = (folder: string) => [...store.objects.keys()].filter((key) => key.startsWith(folder)).length;

describe("a log with a full tile above its entries", () => {
  it("verifies from its archive alone, tidies that level as any other, and finds the tile when it was altered", async () => {
    lab.append(ENTRIES);
    await lab.settle();
    expect([kept(SECOND), kept(`${SECOND}.p/`)]).toEqual([4, 3]);
    await checkArchive(store, PREFIX, `${LOG_ORIGIN}/${TENANT}`, LAB_SIGNER);
    for (let turns = 0; turns < 2; turns++) {
      lab.env.now += LIMITS.logPartialLockMs;
      lab.append(1);
      await lab.settle();
    }
    // What the full tile replaced is gone; what the edge of the log stands on is there.
    expect([kept(SECOND), kept(`${SECOND}.p/`), kept(`${PREFIX}tile/2/000.p/`)]).toEqual([1, 0, 1]);
    expect(lab.sql.all("SELECT level, n FROM log_partial WHERE n = 0 AND level < 2")).toEqual([]);
    expect(lab.faults.filter((fault) => fault !== null)).toEqual([]);

    const there = await store.get(SECOND);
    if (!there.ok) throw new Error("no tile");
    store.tamper(SECOND, there.value.bytes.toReversed());
    lab.append(1);
    await lab.settle();
    expect(lab.state.halted).toMatchObject({ fault: "tile_altered", detail: "tile/1/000 is not what was published" });
  });
});
