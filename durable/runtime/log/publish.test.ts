import { afterEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { ObjectStoreUnavailable } from "../../../shared/contracts/ports/object-store.ts";
import type { Signer } from "../../../shared/contracts/ports/signer.ts";
import { decodeBase64url } from "../../../shared/crypto/base64url.ts";
import { openNote } from "../../../shared/crypto/log/note.ts";
import { checkArchive } from "../../../test/support/check-archive.ts";
import { LAB_SIGNER, LOG_ORIGIN, LogLab, PREFIX, TENANT } from "../../../test/support/log-lab.ts";
import { MemoryObjectStore } from "../../../test/support/memory-object-store.ts";
import { testSigner } from "../../../test/support/published-log.ts";
import { EffectPostponed } from "../object-class.ts";
import { nextLogDue } from "./due.ts";
import { askPublication } from "./state.ts";

const labs: LogLab[] = [];
const open = (): { lab: LogLab; store: MemoryObjectStore } => {
  const stores: MemoryObjectStore[] = [];
  const lab = new LogLab((now) => {
    const store = new MemoryObjectStore(now);
    stores.push(store);
    return store;
  });
  labs.push(lab);
  const [store] = stores;
  if (!store) throw new Error("no store");
  return { lab, store };
};
const check = (lab: LogLab) => checkArchive(lab.archive, PREFIX, `${LOG_ORIGIN}/${TENANT}`, LAB_SIGNER);

afterEach(() => {
  for (const lab of labs.splice(0)) lab.close();
});

describe("publishing", () => {
  it("puts a log into the archive that a stranger can verify from there alone, across tiles and checkpoints", async () => {
    const { lab } = open();
    const sizes: number[] = [];
    for (const count of [1, 253, 1, 1, 300, 60]) {
      lab.append(count);
      await lab.settle();
      sizes.push(lab.size);
    }
    const { texts, sizes: archived } = await check(lab);
    expect([texts.length, archived]).toEqual([lab.size, sizes]);
    expect([lab.unpublished, lab.faults.every((fault) => fault === null)]).toEqual([0, true]);
  });

  it("takes no older checkpoint from a write that arrives late, so that a process that died cannot halt its successor's log", async () => {
    const { lab, store } = open();
    lab.append(3);
    await lab.settle();
    const late: (() => Promise<unknown>)[] = [];
    lab.around = (what, call) => {
      if (what !== `put ${PREFIX}checkpoint` || late.length > 0) return call();
      late.push(call);
      return Promise.reject(new ObjectStoreUnavailable("nobody waits for it any more"));
    };
    lab.append(2);
    await lab.settle();
    lab.append(4);
    await lab.settle();
    expect(late).toHaveLength(1);
    await late[0]?.();
    const pointer = await store.get(`${PREFIX}checkpoint`);
    expect(pointer.ok && new TextDecoder().decode(pointer.value.bytes).split("\n")[1]).toBe(String(lab.size));
    lab.append(1);
    await lab.settle();
    expect([lab.unpublished, lab.faults.filter((fault) => fault !== null)]).toEqual([0, []]);
  });

  it("waits ten seconds with more than a hundred entries, a minute with fewer, and a second for whoever asks", () => {
    const { lab } = open();
    const bornMs = lab.env.now;
    expect(nextLogDue(lab.sql, lab.size)).toBe(bornMs + LIMITS.logFewDelayMs);
    lab.append(99, 1);
    expect(nextLogDue(lab.sql, lab.size)).toBe(bornMs + LIMITS.logManyDelayMs);
    askPublication(lab.sql, lab.size);
    expect(nextLogDue(lab.sql, lab.size)).toBeLessThanOrEqual(lab.env.now);
  });

  it("publishes at most once a second however often evidence is asked for, so that asking costs no archive writes", async () => {
    const { lab, store } = open();
    lab.append(1);
    await lab.settle();
    const objects = store.objects.size;
    const atMs = lab.env.now;
    for (let at = 0; at < 10; at++) {
      lab.append(1);
      askPublication(lab.sql, lab.size);
    }
    expect(nextLogDue(lab.sql, lab.size)).toBe(atMs + LIMITS.logAskedMsMin);
    await lab.settle();
    // One bundle, one tile, one envelope, one checkpoint; the pointer was there.
    expect(store.objects.size - objects).toBe(4);
  });

  it("tries again with backoff and halts nothing while archive or signer is away, so that an outage delays evidence only", async () => {
    const { lab } = open();
    lab.append(20);
    let away = true;
    lab.around = (what, call) => {
      if (away && what !== "object") throw new ObjectStoreUnavailable("away");
      return call();
    };
    const waits: number[] = [];
    for (let at = 0; at < 9; at++) {
      await expect(lab.alarm()).rejects.toThrow(EffectPostponed);
      waits.push((nextLogDue(lab.sql, lab.size) ?? 0) - lab.env.now);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((s) => s * 1_000));
    expect([lab.state.halted, lab.unpublished]).toEqual([null, lab.size]);
    away = false;
    await lab.settle();
    expect((await check(lab)).texts.length).toBe(lab.size);
  });

  it("publishes a backlog in pieces that end with full tiles, so that none of them grows with the outage", async () => {
    const { lab } = open();
    lab.append(2_200);
    await lab.settle();
    expect((await check(lab)).sizes).toEqual([1_024, 2_048, lab.size]);
  });

  it("locks full tiles and checkpoints for the retention, partial ones for a week, and deletes those once full", async () => {
    const { lab, store } = open();
    lab.append(99);
    await lab.settle();
    const lockDays = async (path: string) => {
      const head = await store.head(PREFIX + path);
      return head.ok ? ((head.value.locked_until_ms ?? 0) - lab.env.now) / 86_400_000 : null;
    };
    expect(await lockDays("tile/0/000.p/101")).toBeCloseTo(7, 2);
    expect(await lockDays("tile/entries/000.p/101")).toBeCloseTo(7, 2);
    expect(await lockDays("checkpoint-history/0000000000000101")).toBeCloseTo(365, 2);
    expect(await lockDays("checkpoint-history/0000000000000101.dsse.json")).toBeCloseTo(365, 2);
    lab.append(300);
    await lab.settle();
    expect(await lockDays("tile/0/000")).toBeCloseTo(365, 2);
    expect(await lockDays("tile/entries/000")).toBeCloseTo(365, 2);
    expect(await lockDays("tile/0/000.p/101")).not.toBeNull();
    lab.env.now += 8 * 86_400_000;
    lab.append(1);
    await lab.settle();
    expect(await lockDays("tile/0/000.p/101")).toBeNull();
    expect(await lockDays("tile/entries/000.p/101")).toBeNull();
    // The tile that is not full keeps its partial ones.
    expect(await lockDays("tile/0/001.p/145")).not.toBeNull();
    await check(lab);
  });

  it("looks at the archive once a day without any entry, so that a quiet log's loss is found too", async () => {
    const { lab, store } = open();
    lab.append(300);
    await lab.settle();
    expect(nextLogDue(lab.sql, lab.size)).toBe(lab.env.now + LIMITS.logIdleCheckMs);
    store.tamper(`${PREFIX}tile/0/000`, null);
    await lab.alarm();
    expect(lab.state.halted?.fault).toBe("tile_missing");
  });

  it("archives nothing that its signer signed for another tree or with another key, and halts nothing for it", async () => {
    const { lab, store } = open();
    const stranger = testSigner(9).signer;
    const lies: Signer[] = [
      { ...LAB_SIGNER, signCheckpoint: (asked) => LAB_SIGNER.signCheckpoint({ ...asked, size: asked.size + 1 }) },
      { ...LAB_SIGNER, signCheckpoint: (asked) => stranger.signCheckpoint(asked) },
      {
        ...LAB_SIGNER,
        async signCheckpoint(asked) {
          const { note } = await LAB_SIGNER.signCheckpoint(asked);
          const { dsse } = await LAB_SIGNER.signCheckpoint({ ...asked, size: asked.size + 1 });
          return { note, dsse };
        },
      },
    ];
    for (const lie of lies) {
      lab.signer = lie;
      await expect(lab.alarm()).rejects.toThrow(/the signer/);
      expect([...store.objects.keys()].some((key) => key.includes("checkpoint"))).toBe(false);
    }
    expect(lab.state.halted).toBeNull();
    lab.signer = LAB_SIGNER;
    await lab.settle();
    await check(lab);
  });

  it("is signed by every key in force while a key is changed, and goes on over checkpoints of the one before", async () => {
    const { lab } = open();
    await lab.settle();
    const [older, both, newer] = [LAB_SIGNER, testSigner(1, 2).signer, testSigner(2).signer];
    lab.signer = both;
    lab.append(5);
    await lab.settle();
    for (const signer of [older, newer]) {
      const opened = openNote(
        lab.state.published?.note ?? "",
        (await signer.keys()).flatMap(({ alg, jwk }) =>
          alg === "Ed25519"
            ? [{ name: lab.state.origin, publicKey: decodeBase64url(jwk.x ?? "") ?? new Uint8Array() }]
            : [],
        ),
      );
      expect(opened.ok).toBe(true);
    }
    lab.signer = newer;
    lab.append(5);
    await lab.settle();
    expect(lab.state).toMatchObject({ halted: null, published: { size: 12 } });
  });
});
