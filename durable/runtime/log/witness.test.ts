import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ObjectStoreUnavailable } from "../../../shared/contracts/ports/object-store.ts";
import type { Signer } from "../../../shared/contracts/ports/signer.ts";
import { err } from "../../../shared/contracts/result.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { checkArchive } from "../../../test/support/check-archive.ts";
import { LAB_SIGNER, LOG_ORIGIN, LogLab, PREFIX, TENANT } from "../../../test/support/log-lab.ts";
import { MemoryObjectStore } from "../../../test/support/memory-object-store.ts";
import { testSigner } from "../../../test/support/published-log.ts";
import { EffectPostponed } from "../object-class.ts";
import { envelopePath, historyPath } from "./archive.ts";

const ORIGIN = `${LOG_ORIGIN}/${TENANT}`;
const ROOT = Buffer.alloc(32).toString("base64");
const sign = (size: number, { root = ROOT, origin = ORIGIN, signer = LAB_SIGNER } = {}) =>
  signer.signCheckpoint({ origin, size, root });

let store: MemoryObjectStore;
let lab: LogLab;
beforeEach(() => {
  lab = new LogLab((now) => (store = new MemoryObjectStore(now)));
});
afterEach(() => lab.close());

const put = (path: string, text: string) => store.tamper(PREFIX + path, new Uint8Array(utf8(text)));
const text = async (path: string) => {
  const got = await store.get(PREFIX + path);
  return got.ok ? new TextDecoder().decode(got.value.bytes) : null;
};
const halted = () => lab.state.halted;
const histories = () => [...store.objects.keys()].filter((key) => /history\/\d+$/.test(key)).length;

/** A turn of which one call fails; answers the size that it was to publish. */
async function cutAt(what: string): Promise<number> {
  lab.around = (call, make) => {
    if (call === what) throw new ObjectStoreUnavailable("away");
    return make();
  };
  await expect(lab.alarm()).rejects.toThrow(EffectPostponed);
  lab.around = (_what, make) => make();
  return lab.size;
}
const POINTER = `put ${PREFIX}checkpoint`;
/** A turn that ended behind the history: signed and archived, and the object does not know of it. */
async function cutBehindHistory(): Promise<number> {
  let left = false;
  lab.around = (call, make) => {
    if (call === POINTER) left = true;
    if (left) throw new ObjectStoreUnavailable("away");
    return make();
  };
  await expect(lab.alarm()).rejects.toThrow();
  lab.around = (_what, make) => make();
  expect(lab.state.published).toBeNull();
  return lab.size;
}

describe("a turn that was cut off behind the archive", () => {
  it("is taken over as it was signed, whatever was written since, so that nothing is signed twice for one size", async () => {
    const size = await cutBehindHistory();
    const [note, dsse] = [await text(historyPath(size)), await text(envelopePath(size))];
    lab.signer = testSigner(1, 2).signer;
    lab.append(3);
    await lab.alarm();
    expect(await text("checkpoint")).toBe(await text(historyPath(lab.state.published?.size ?? 0)));
    await lab.settle();
    expect([histories(), await text(historyPath(size)), await text(envelopePath(size))]).toEqual([2, note, dsse]);
    expect(halted()).toBeNull();
    expect((await checkArchive(store, PREFIX, ORIGIN, lab.signer)).sizes).toEqual([size, lab.size]);
  });

  it("is known to the object as the archive has it, with the time at which it was found", async () => {
    const size = await cutBehindHistory();
    await lab.alarm();
    expect(lab.state.published).toEqual({
      size,
      root: expect.any(String),
      note: await text(historyPath(size)),
      dsse: await text(envelopePath(size)),
      published_ms: lab.env.now,
    });
    expect(await text("checkpoint")).toBe(lab.state.published?.note);
  });

  it("goes on with the envelope that it left, if that is over the very checkpoint", async () => {
    const size = await cutAt(`put ${PREFIX}${historyPath(lab.size)}`);
    const left = await text(envelopePath(size));
    expect([left === null, await text(historyPath(size))]).toEqual([false, null]);
    lab.signer = testSigner(1, 2).signer;
    await lab.settle();
    expect([await text(envelopePath(size)), lab.state.published?.dsse]).toEqual([left, left]);
    await checkArchive(store, PREFIX, ORIGIN, lab.signer);
  });

  const LEFT: [harm: string, fault: string, detail: RegExp, does: (size: number) => unknown][] = [
    [
      "a note of another size under its name",
      "checkpoint_replaced",
      /is of size 9$/,
      async (size) => put(historyPath(size), (await sign(9)).note),
    ],
    [
      "a note of another log",
      "checkpoint_unsigned",
      /no_trusted_signature/,
      async (size) => put(historyPath(size), (await sign(size, { origin: "example.com/other" })).note),
    ],
    [
      "no envelope",
      "checkpoint_replaced",
      /dsse\.json is missing/,
      (size) => store.tamper(PREFIX + envelopePath(size), null),
    ],
    [
      "an envelope over another checkpoint",
      "forked",
      /dsse\.json is over another checkpoint/,
      async (size) => put(envelopePath(size), (await sign(size)).dsse),
    ],
    [
      "an envelope that is none",
      "checkpoint_unsigned",
      /is no envelope of a checkpoint/,
      (size) => put(envelopePath(size), "{}"),
    ],
    [
      "an envelope of another kind of statement",
      "checkpoint_unsigned",
      /is no envelope of a checkpoint/,
      async (size) => {
        const envelope = JSON.parse((await text(envelopePath(size))) ?? "");
        put(envelopePath(size), JSON.stringify({ ...envelope, payloadType: "application/vnd.in-toto+json" }));
      },
    ],
    [
      "an envelope of a stranger",
      "checkpoint_unsigned",
      /key_unknown/,
      async (size) => put(envelopePath(size), (await sign(size, { signer: testSigner(9).signer })).dsse),
    ],
    [
      "a note that is listed and cannot be read",
      "checkpoint_replaced",
      /is listed and cannot be read/,
      (size) => {
        const { get } = store;
        store.get = async (key, options) =>
          key.endsWith(historyPath(size)) ? err({ reason: "not_found" }) : get.call(store, key, options);
      },
    ],
  ];
  it.each(LEFT)("halts the log where it left %s, and nothing of that is taken over", async (_, fault, detail, does) => {
    await does(await cutBehindHistory());
    await lab.alarm();
    expect(halted()).toMatchObject({ fault, detail: expect.stringMatching(detail) });
    expect(lab.state.published).toBeNull();
  });

  it("is not taken over from a key that was compromised since, and is from one that was only replaced", async () => {
    const withReason = (reason: "compromised" | "superseded"): Signer => ({
      ...testSigner(2).signer,
      keys: async () => [
        ...(await testSigner(2).signer.keys()),
        ...(await LAB_SIGNER.keys()).map((key) => ({ ...key, revoked: { at_ms: key.not_before_ms, reason } })),
      ],
    });
    await cutBehindHistory();
    lab.signer = withReason("compromised");
    await lab.alarm();
    expect(halted()).toMatchObject({ fault: "checkpoint_unsigned" });
    lab.signer = withReason("superseded");
    await lab.settle();
    expect([halted(), lab.state.published?.size]).toEqual([null, lab.size]);
  });
});

describe("a checkpoint that somebody else writes in the same moment", () => {
  const race = async (note: string) => {
    lab.around = (call, make) => {
      if (call.startsWith("put ") && call.endsWith(historyPath(lab.size))) put(historyPath(lab.size), note);
      return make();
    };
    await lab.alarm();
  };

  it("is taken for ours if it is ours over the same tree, so that two hosts of one object publish one log", async () => {
    const { root } = await rootOfLab();
    const { note } = await sign(lab.size, { root, signer: testSigner(1, 2).signer });
    lab.signer = { ...LAB_SIGNER, keys: testSigner(1, 2).signer.keys };
    await race(note);
    expect([lab.state.published?.note, halted()]).toEqual([note, null]);
    expect(await text("checkpoint")).toBe(note);
  });

  it("halts the log if it is over another tree, and the pointer stays away from it", async () => {
    await race((await sign(lab.size)).note);
    expect(halted()).toMatchObject({ fault: "forked", detail: expect.stringMatching(/is over another checkpoint/) });
    expect([await text("checkpoint"), lab.state.published]).toEqual([null, null]);
  });

  it("halts the log if its envelope is over another tree", async () => {
    put(envelopePath(lab.size), (await sign(lab.size)).dsse);
    await lab.alarm();
    expect(halted()).toMatchObject({ fault: "forked", detail: expect.stringMatching(/dsse\.json is over another/) });
  });

  /** What the log's own next checkpoint will say, from a copy of it. */
  async function rootOfLab(): Promise<{ root: string }> {
    const copy = new LogLab((now) => new MemoryObjectStore(now), undefined, lab);
    await copy.settle();
    const root = copy.state.published?.root ?? "";
    copy.close();
    return { root };
  }
});

describe("the pointer to the newest checkpoint", () => {
  beforeEach(async () => {
    await lab.settle();
    lab.append(1);
  });

  it("that is missing is a fault, and is written anew after a minute's halt from the history, which is the witness", async () => {
    const note = await text("checkpoint");
    store.tamper(`${PREFIX}checkpoint`, null);
    await lab.alarm();
    expect(halted()).toMatchObject({ fault: "checkpoint_replaced", detail: "the newest checkpoint is missing" });
    expect(await text("checkpoint")).toBeNull();
    await lab.alarm();
    expect(halted()).toBeNull();
    await lab.settle();
    expect(await text("checkpoint")).not.toBe(note);
    expect((await checkArchive(store, PREFIX, ORIGIN, LAB_SIGNER)).texts).toHaveLength(lab.size);
  });

  it("is not repaired by a halt for another fault", async () => {
    store.tamper(`${PREFIX}tile/0/000.p/${lab.size - 1}`, null);
    await lab.alarm();
    expect(halted()?.fault).toBe("tile_missing");
    store.tamper(`${PREFIX}checkpoint`, null);
    await lab.alarm();
    expect(halted()).toMatchObject({ fault: "checkpoint_replaced" });
    expect(await text("checkpoint")).toBeNull();
  });

  it("that nobody of this cell signed is named as that", async () => {
    put("checkpoint", (await sign(1, { signer: testSigner(9).signer })).note);
    await lab.alarm();
    expect(halted()).toMatchObject({ fault: "checkpoint_unsigned" });
  });

  it("of a log that has published nothing may not be there, whoever signed it", async () => {
    const fresh = new LogLab(() => store);
    for (const key of store.objects.keys()) if (!key.endsWith("/checkpoint")) store.tamper(key, null);
    put("checkpoint", (await sign(40)).note);
    await fresh.alarm();
    expect(fresh.state.halted).toMatchObject({
      fault: "database_rewound",
      detail: "a checkpoint of size 40 is signed, the log has published none",
    });
    fresh.close();
  });
});

describe("a checkpoint in the history that was replaced", () => {
  it("is told together with the version of the store that is still the right one, so that the operator knows where it is", async () => {
    await lab.settle();
    const { size = 0 } = lab.state.published ?? {};
    lab.append(1);
    await store.put(PREFIX + historyPath(size), utf8("another"));
    await lab.alarm();
    expect(halted()?.detail).toMatch(/is not what was published; version v\d+ of the note is intact$/);
  });

  it("is told without a version where that one is gone too", async () => {
    await lab.settle();
    const { size = 0 } = lab.state.published ?? {};
    lab.append(1);
    put(historyPath(size), "another");
    await lab.alarm();
    expect(halted()?.detail).toMatch(/is not what was published$/);
  });
});
