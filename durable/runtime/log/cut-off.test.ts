import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ObjectStoreUnavailable } from "../../../shared/contracts/ports/object-store.ts";
import { checkArchive } from "../../../test/support/check-archive.ts";
import { LAB_SIGNER, LOG_ORIGIN, LogLab, PREFIX, SMALL, TENANT } from "../../../test/support/log-lab.ts";
import { MemoryObjectStore } from "../../../test/support/memory-object-store.ts";
import { tenantLog } from "../../tenant/core.ts";
import { EffectPostponed, type ObjectHandle, ObjectUnavailable } from "../object-class.ts";
import { publishLog } from "./publish.ts";
import { logRow } from "./state.ts";

let store: MemoryObjectStore;
let lab: LogLab;
beforeEach(() => {
  lab = new LogLab((now) => (store = new MemoryObjectStore(now)));
});
afterEach(() => lab.close());

/** One run of the alarm a minute later, as the object that is given. */
const run = (handle: ObjectHandle) => {
  lab.env.now += 60_000;
  return publishLog(handle, TENANT, tenantLog(true), lab.parts);
};
const away = async () => {
  throw new ObjectStoreUnavailable("away");
};

describe("a turn whose object", () => {
  it("is gone in the middle of it ends quietly and writes nothing more, so that a deleted tenant is not published on", async () => {
    lab.append(5);
    let steps = 0;
    const call: ObjectHandle["call"] = async (body) => (steps++ < 5 ? lab.handle.call(body) : undefined);
    await run({ name: TENANT, call });
    expect(steps).toBe(6);
    expect([...store.objects.keys()].filter((key) => key.includes("checkpoint"))).toEqual([]);
  });

  it("cannot be reached is its host's to repeat: no failure is counted that could not be written", async () => {
    lab.append(5);
    const lost = new ObjectUnavailable("the disk");
    let steps = 0;
    const call: ObjectHandle["call"] = async (body) => {
      if (steps++ === 4) throw lost;
      return lab.handle.call(body);
    };
    await expect(run({ name: TENANT, call })).rejects.toBe(lost);
    expect([steps, logRow(lab.sql).failures]).toEqual([5, 0]);
  });

  it("is to end with its host stops after that turn, with what it published whole, so that a drain does not wait for a backlog", async () => {
    lab.append(1_300);
    await run({ ...lab.handle, ending: () => true });
    expect(lab.state.published?.size).toBe(1_024);
    await checkArchive(store, PREFIX, `${LOG_ORIGIN}/${TENANT}`, LAB_SIGNER);
    expect(lab.unpublished).toBe(lab.size - 1_024);
    await run({ ...lab.handle, ending: () => false });
    expect([lab.state.published?.size, lab.unpublished]).toEqual([lab.size, 0]);
  });
});

describe("a turn that fails", () => {
  it("tells its cause and how many entries wait, and keeps what it had begun for the next", async () => {
    lab.append(5);
    const begun = lab.size;
    lab.around = (what, call) => (what === "sign" ? away() : call());
    const failed = run(lab.handle);
    await expect(failed).rejects.toThrow(EffectPostponed);
    await expect(failed).rejects.toMatchObject({ causes: [expect.any(ObjectStoreUnavailable)] });
    expect([lab.unpublished, logRow(lab.sql).failures, lab.state.halted]).toEqual([begun, 1, null]);
    lab.around = (_what, call) => call();
    lab.append(4);
    await lab.settle();
    expect((await checkArchive(store, PREFIX, `${LOG_ORIGIN}/${TENANT}`, LAB_SIGNER)).sizes).toEqual([begun, lab.size]);
    lab.append(2);
    lab.around = (what, call) => (what === "sign" ? away() : call());
    await expect(run(lab.handle)).rejects.toThrow(EffectPostponed);
    expect(lab.unpublished).toBe(2);
  });

  it("ends only when every write on its way has ended, so that nothing is written behind its end", async () => {
    lab.append(700);
    const gate = Promise.withResolvers<void>();
    let [writing, ended] = [0, 0];
    lab.around = async (what, call) => {
      if (!what.startsWith("put ")) return call();
      writing++;
      if (writing === 1) return away();
      await gate.promise;
      const done = await call();
      ended++;
      return done;
    };
    let over = false;
    const failed = run(lab.handle).catch(() => {
      over = true;
    });
    await new Promise<void>((resolve) => setImmediate(resolve));
    await expect.poll(() => writing).toBe(2);
    expect([over, ended]).toEqual([false, 0]);
    gate.resolve();
    await failed;
    expect([over, ended]).toEqual([true, writing - 1]);
  });
});

describe("rows and partial tiles", () => {
  it("are tidied up once a turn is over, partial ones only when the store lets them go", async () => {
    const small = new LogLab((now) => (store = new MemoryObjectStore(now)), { ...SMALL, rows_kept: 10 });
    small.append(100);
    await small.settle();
    small.append(500);
    await small.settle();
    expect(small.state.pruned).toBe(512);
    const [partial] = [...store.objects.keys()].filter((key) => key.includes("tile/0/000.p/"));
    if (!partial) throw new Error("no partial tile");
    const lock = { mode: "compliance", until_ms: small.env.now + 30 * 86_400_000 } as const;
    await store.put(partial, new Uint8Array(1), { lock });
    const later = async (days: number) => {
      small.env.now += days * 86_400_000;
      small.append(1);
      await small.settle();
      return [store.objects.has(partial), store.objects.has(partial.replace("tile/0", "tile/entries"))];
    };
    expect(await later(8)).toEqual([true, false]);
    expect(await later(30)).toEqual([false, false]);
    small.close();
  });
});
