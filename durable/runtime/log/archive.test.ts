import { beforeEach, describe, expect, it } from "vitest";
import { ObjectStoreUnavailable } from "../../../shared/contracts/ports/object-store.ts";
import { err } from "../../../shared/contracts/result.ts";
import { encodeBundle } from "../../../shared/crypto/log/entry-bundle.ts";
import { leafHash, rootOfLeaves } from "../../../shared/crypto/log/tree.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { MemoryObjectStore } from "../../../test/support/memory-object-store.ts";
import { CHECKPOINT_PATH, envelopePath, FaultFound, historyPath, LogArchive, sameBytes } from "./archive.ts";
import type { LogParts } from "./parts.ts";
import { edgeTiles, fullTilesAt, readBack } from "./read-back.ts";

const NOW = 1_800_000_000_000;
const DAY_MS = 86_400_000;
let now = NOW;
let store: MemoryObjectStore;
const archive = ({ prefix = "logs/a", days = 365 } = {}) => {
  const parts: Pick<LogParts, "archive" | "prefix" | "retention_days"> = {
    archive: store,
    prefix: () => prefix,
    retention_days: () => days,
  };
  return new LogArchive(parts as LogParts, "a"); // safe because: nothing else of it is read
};
const bytes = (text: string) => new Uint8Array(utf8(text));
beforeEach(() => {
  now = NOW;
  store = new MemoryObjectStore(() => now);
});

describe("the archive of a log", () => {
  it("begins at its prefix, with or without the slash, and at the store's root where there is none", async () => {
    await store.put("logs/a/x", bytes("1"));
    await store.put("x", bytes("2"));
    const read = async (prefix: string) =>
      new TextDecoder().decode((await archive({ prefix }).read("x")) ?? bytes("-"));
    expect([await read("logs/a"), await read("logs/a/"), await read(""), await read("logs")]).toEqual([
      "1",
      "1",
      "2",
      "-",
    ]);
  });

  it("locks full tiles for the retention and partial ones never longer, and nothing where nothing is kept", () => {
    const until = (days: number) => {
      const { lockFull, lockPartial } = archive({ days });
      return [lockFull(NOW), lockPartial(NOW, 7 * DAY_MS)].map((lock) =>
        lock ? (lock.until_ms - NOW) / DAY_MS : null,
      );
    };
    expect([until(365), until(3), until(0)]).toEqual([
      [365, 7],
      [3, 3],
      [null, null],
    ]);
    expect(archive().lockFull(NOW)?.mode).toBe("compliance");
  });

  it("finds the newest checkpoint behind a size over all pages, by its name alone, and looks no further than it must", async () => {
    const sizes = Array.from({ length: 1_300 }, (_, n) => 10 * (n + 1));
    for (const size of sizes) {
      await store.put(`logs/a/${historyPath(size)}`, bytes("n"));
      await store.put(`logs/a/${envelopePath(size)}`, bytes("e"));
    }
    await store.put("logs/a/checkpoint-history/99999999999999999", bytes("n"));
    await store.put("logs/a/checkpoint-history/x000000000099999", bytes("n"));
    await store.put("logs/b/checkpoint-history/0000000000099999", bytes("n"));
    const lists: number[] = [];
    const { list } = store;
    store.list = async (prefix, options) => {
      lists.push(options.limit);
      return list.call(store, prefix, options);
    };
    expect(await archive().newestBehind(0, 1e9)).toBe(13_000);
    expect(lists).toHaveLength(3);
    expect(await archive().newestBehind(12_990, 1e9)).toBe(13_000);
    expect(await archive().newestBehind(13_000, 1e9)).toBeNull();
    lists.length = 0;
    // Beyond what the log has, one is as bad as many.
    expect(await archive().newestBehind(0, 100)).toBeGreaterThan(100);
    expect(lists).toHaveLength(1);
  });

  it("writes what must not change once, tells what is there instead, and takes what vanished for an outage", async () => {
    const put = (text: string) => archive().putOnce("x", bytes(text), null);
    const first = await put("one");
    expect(first).toEqual({ there: null, version: expect.stringMatching(/^v/) });
    expect(await put("two")).toEqual({ there: bytes("one"), version: first.version });
    store.get = async () => err({ reason: "not_found" });
    await expect(put("three")).rejects.toThrow(ObjectStoreUnavailable);
  });

  it("replaces the pointer alone, and says so where the store refuses", async () => {
    await archive().putCheckpoint(bytes("one"));
    await archive().putCheckpoint(bytes("two"));
    expect(await archive().read(CHECKPOINT_PATH)).toEqual(bytes("two"));
    store.put = async () => err({ reason: "exists" });
    await expect(archive().putCheckpoint(bytes("three"))).rejects.toThrow(ObjectStoreUnavailable);
  });

  it("removes the partial forerunners of one tile, keeps what is locked, and says until when", async () => {
    const paths = ["tile/0/001.p/1", "tile/0/001.p/40", "tile/0/001", "tile/0/002.p/1", "tile/entries/001.p/40"];
    for (const path of paths) await store.put(`logs/a/${path}`, bytes("t"));
    const lock = (path: string, until_ms: number) =>
      store.put(`logs/a/${path}`, bytes("t"), { lock: { mode: "compliance", until_ms } });
    await lock("tile/0/001.p/7", NOW + 5);
    await lock("tile/0/001.p/9", NOW + 3);
    expect(await archive().removePartials({ level: 0, n: 1 }, false)).toBe(NOW + 5);
    now = NOW + 6;
    expect(await archive().removePartials({ level: 0, n: 1 }, false)).toBeNull();
    expect([...store.objects.keys()].sort()).toEqual(
      ["tile/0/001", "tile/0/002.p/1", "tile/entries/001.p/40"].map((path) => `logs/a/${path}`),
    );
    await archive().removePartials({ level: 0, n: 1 }, true);
    expect(store.objects.has("logs/a/tile/entries/001.p/40")).toBe(false);
  });

  it("takes bytes for the same only where every one of them is", () => {
    const is = (a: number[], b: number[]) => sameBytes(Uint8Array.from(a), Uint8Array.from(b));
    expect([is([], []), is([1, 2], [1, 2]), is([1, 2], [1, 3]), is([1], [1, 2]), is([1, 2], [1])]).toEqual([
      ...[true, true, false, false, false],
    ]);
  });
});

describe("what is read back", () => {
  it("is the last tile of every level, and the full ones that begin with a bundle", () => {
    const edge = (size: number) => edgeTiles(size).map(({ level, n, width }) => [level, n, width]);
    expect(edge(0)).toEqual([]);
    expect(edge(256)).toEqual([
      [0, 0, 256],
      [1, 0, 1],
    ]);
    expect(edge(257)).toEqual([
      [0, 1, 1],
      [1, 0, 1],
    ]);
    expect(edge(65_537)).toEqual([
      [0, 256, 1],
      [1, 0, 256],
      [2, 0, 1],
    ]);
    const full = (n: number, size: number) => fullTilesAt(n, size).map(({ level, n: at }) => `${level}/${at}`);
    expect([full(0, 255), full(0, 256), full(1, 512), full(2, 512)]).toEqual([[], ["0/0"], ["0/1"], []]);
    expect(full(1, 131_072)).toEqual(["0/1"]);
    expect([full(0, 65_536), full(1, 65_536), full(256, 131_072)]).toEqual([["0/0", "1/0"], ["0/1"], ["0/256", "1/1"]]);
  });

  /** A tile of level 0 with its entries as they were published, and what the object knows of them. */
  async function published(width: number) {
    const texts = Array.from({ length: width }, (_, n) => bytes(`entry ${n}`));
    const leaves = texts.map(leafHash);
    const joined = Uint8Array.from(leaves.flatMap((leaf) => [...leaf]));
    const suffix = width === 256 ? "" : `.p/${width}`;
    const [tile, entries] = [`logs/a/tile/0/000${suffix}`, `logs/a/tile/entries/000${suffix}`];
    store.tamper(tile, joined);
    store.tamper(entries, encodeBundle(texts));
    const steps = { nodeOf: async () => rootOfLeaves(leaves), hashesOf: async () => joined };
    const look = async () => {
      try {
        await readBack({ level: 0, n: 0, width }, archive(), steps);
        return "whole";
      } catch (cause) {
        return cause instanceof FaultFound ? `${cause.fault}: ${cause.message}` : String(cause);
      }
    };
    return { texts, joined, tile, entries, look };
  }

  it.each([256, 3])(
    "of a tile of %i is whole, or named as missing or altered, hashes and entries alike",
    async (width) => {
      const { texts, joined, tile, entries, look } = await published(width);
      const suffix = width === 256 ? "" : `.p/${width}`;
      expect(await look()).toBe("whole");
      const other = joined.slice();
      other[31] = (other[31] ?? 0) ^ 1;
      for (const wrong of [other, joined.subarray(32), new Uint8Array(), Uint8Array.of(...joined, 0)]) {
        store.tamper(tile, new Uint8Array(wrong));
        expect(await look()).toBe(`tile_altered: tile/0/000${suffix} is not what was published`);
      }
      store.tamper(tile, null);
      expect(await look()).toBe(`tile_missing: tile/0/000${suffix} is missing`);
      store.tamper(tile, joined);
      const swapped = [texts[1], texts[0], ...texts.slice(2)].flatMap((text) => text ?? []);
      const longer = [...texts, bytes("more")].slice(-256);
      for (const wrong of [swapped, texts.slice(1), longer, [bytes("other"), ...texts.slice(1)]]) {
        store.tamper(entries, encodeBundle(wrong));
        expect(await look()).toBe(`tile_altered: tile/entries/000${suffix} is not what was published`);
      }
      store.tamper(entries, bytes("no bundle"));
      expect(await look()).toBe(`tile_altered: tile/entries/000${suffix} is not what was published`);
      store.tamper(entries, null);
      expect(await look()).toBe(`tile_missing: tile/entries/000${suffix} is missing`);
    },
  );
});
