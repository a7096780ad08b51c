import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { InvalidObjectKey, type ObjectPlacement, type ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import { MadeSource, pieceBytes, SourceFailed } from "../support/object-source.ts";

export interface ObjectStoreUnderTest {
  store: ObjectStore;
  placement: ObjectPlacement;
}

const HOUR_MS = 3_600_000;
const MiB = 1024 * 1024;
const text = (value: string) => new TextEncoder().encode(value);
let folders = 0;
/** Tests share a store, never a key. */
const folder = () => `t${process.pid}-${Date.now()}-${++folders}`;
const lockFor = (ms: number) => ({ mode: "compliance", until_ms: Math.floor(Date.now() / 1000) * 1000 + ms }) as const;

async function value<T>(result: Promise<{ ok: true; value: T } | { ok: false; error: unknown }>): Promise<T> {
  const settled = await result;
  if (!settled.ok) throw new Error(`refused: ${JSON.stringify(settled.error)}`);
  return settled.value;
}

async function sha256(chunks: AsyncIterable<Uint8Array>): Promise<{ digest: string; size: number }> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: hash.digest("hex"), size };
}

/** What every `ObjectStore` promises. Locks need a real clock: they end an hour after the test. */
export function objectStoreContract(name: string, open: () => Promise<ObjectStoreUnderTest>): void {
  describe(`ObjectStore: ${name}`, () => {
    let store: ObjectStore;
    let placement: ObjectPlacement;
    beforeAll(async () => {
      ({ store, placement } = await open());
    });
    const bytesOf = async (key: string) => (await value(store.get(key))).bytes;

    it("says where bytes rest, and the store agrees, so that evidence claims nothing untrue", async () => {
      expect(store.placement).toEqual(placement);
      expect(await store.check()).toEqual({ ok: true, value: null });
    });

    it.each([
      ["nothing at all", new Uint8Array(0)],
      ["every byte", Uint8Array.from({ length: 256 }, (_, index) => index)],
      ["a megabyte", pieceBytes(1, MiB)],
    ])("hands back exactly what it was given: %s", async (_what, bytes) => {
      const key = `${folder()}/AZaz09._-/x`;
      const put = await value(store.put(key, bytes, { content_type: "application/octet-stream" }));
      const got = await value(store.get(key));
      expect(Buffer.compare(got.bytes, bytes)).toBe(0);
      expect(got).toMatchObject({ ...put, size: bytes.length });
      const head = await value(store.head(key));
      expect(head).toMatchObject({ ...put, size: bytes.length, locked_until_ms: null });
      expect(Math.abs(head.modified_ms - Date.now())).toBeLessThan(60_000);
    });

    it("reads ranges, cut to the object, whole objects' sizes beside them", async () => {
      const key = `${folder()}/x`;
      await value(store.put(key, text("0123456789")));
      const read = async (offset: number, length: number) => {
        const { bytes, size } = await value(store.get(key, { range: { offset, length } }));
        return [Buffer.from(bytes).toString(), size];
      };
      expect(await read(0, 4)).toEqual(["0123", 10]);
      expect(await read(3, 4)).toEqual(["3456", 10]);
      expect(await read(9, 1)).toEqual(["9", 10]);
      expect(await read(8, 100)).toEqual(["89", 10]);
      expect(await read(10, 1)).toEqual(["", 10]);
      expect(await read(400, 5)).toEqual(["", 10]);
      const { body, size } = await value(store.getStream(key, { range: { offset: 2, length: 3 } }));
      expect([await new Response(body).text(), size]).toEqual(["234", 10]);
      await value(store.put(`${key}-empty`, new Uint8Array(0)));
      expect(await value(store.get(`${key}-empty`, { range: { offset: 0, length: 9 } }))).toMatchObject({ size: 0 });
      await expect(store.get(key, { range: { offset: -1, length: 1 } })).rejects.toThrow(RangeError);
      await expect(store.get(key, { range: { offset: 0, length: 0 } })).rejects.toThrow(RangeError);
    });

    it("lets one of twenty writers create an object, so that two checkpoints never share a place", async () => {
      const key = `${folder()}/race`;
      const puts = await Promise.all(
        Array.from({ length: 20 }, (_, writer) => store.put(key, text(`writer ${writer}`), { if_absent: true })),
      );
      const winners = puts.flatMap((put, writer) => (put.ok ? [writer] : []));
      expect(winners).toHaveLength(1);
      expect(puts.filter((put) => !put.ok).map((put) => !put.ok && put.error)).toEqual(
        Array.from({ length: 19 }, () => ({ reason: "exists" })),
      );
      expect(Buffer.from(await bytesOf(key)).toString()).toBe(`writer ${winners[0]}`);
    });

    it("replaces only the state that a writer has seen, so that one who is late puts nothing old over something newer", async () => {
      const key = `${folder()}/pointer`;
      const { etag: one } = await value(store.put(key, text("one"), { if_absent: true }));
      expect((await value(store.get(key))).etag).toBe(one);
      const { etag: two } = await value(store.put(key, text("two"), { if_match: one }));
      expect(await store.put(key, text("late"), { if_match: one })).toEqual({ ok: false, error: { reason: "exists" } });
      expect(Buffer.from(await bytesOf(key)).toString()).toBe("two");
      const puts = await Promise.all(
        Array.from({ length: 12 }, (_, writer) => store.put(key, text(`writer ${writer}`), { if_match: two })),
      );
      expect(puts.filter((put) => put.ok)).toHaveLength(1);
      expect(await store.put(`${key}-gone`, text("x"), { if_match: two })).toEqual({
        ok: false,
        error: { reason: "exists" },
      });
    });

    it("shows a write to every read after it, so that nobody acts on an older state", async () => {
      const base = folder();
      const key = `${base}/x`;
      const states = new Set<string>();
      for (const state of ["one", "two, longer", "3"]) {
        const put = await value(store.put(key, text(state)));
        states.add(`${put.version} ${put.etag}`);
        expect(Buffer.from(await bytesOf(key)).toString()).toBe(state);
        expect(await value(store.head(key))).toMatchObject({ ...put, size: state.length });
        expect(await store.list(`${base}/`, { limit: 10 })).toEqual({ keys: [key], more: false });
      }
      expect(states.size).toBe(3);
    });

    it("keeps one whole object when writers meet, never a mixture", async () => {
      const key = `${folder()}/x`;
      const written = Array.from({ length: 8 }, (_, writer) => pieceBytes(writer, 200_000 + writer));
      await Promise.all(written.map((bytes) => value(store.put(key, bytes))));
      const kept = await bytesOf(key);
      expect(written.filter((bytes) => Buffer.compare(bytes, kept) === 0)).toHaveLength(1);
    });

    it("lists keys by their bytes, page by page, with none missed or shown twice", async () => {
      const base = folder();
      const names = ["a", "a-b", "a.b", "a/b", "a/b/c", "a0", "aB", "aa", "B", "b/_", "b/a", "z-", "z/0"];
      for (const name of [...names].reverse()) await value(store.put(`${base}/${name}`, text(name)));
      await value(store.put(`${base}x`, text("a neighbour")));
      const sorted = names.map((name) => `${base}/${name}`).sort((a, b) => Buffer.compare(text(a), text(b)));
      expect(await store.list(`${base}/`, { limit: 1_000 })).toEqual({ keys: sorted, more: false });
      expect(await store.list(`${base}/`, { limit: names.length })).toEqual({ keys: sorted, more: false });

      const paged: string[] = [];
      for (let more = true; more; ) {
        const page = await store.list(`${base}/`, { limit: 4, ...(paged.length > 0 && { after: paged.at(-1) ?? "" }) });
        expect(page.keys.length).toBeGreaterThan(0);
        expect(page.keys.length).toBeLessThanOrEqual(4);
        paged.push(...page.keys);
        more = page.more;
      }
      expect(paged).toEqual(sorted);

      const under = (prefix: string) => sorted.filter((key) => key.startsWith(`${base}/${prefix}`));
      for (const prefix of ["a", "a/", "a/b", "b/", "none"])
        expect((await store.list(`${base}/${prefix}`, { limit: 1_000 })).keys).toEqual(under(prefix));
      // What `after` names need not be there.
      const after = await store.list(`${base}/`, { after: `${base}/a.`, limit: 2 });
      expect(after).toEqual({ keys: [`${base}/a.b`, `${base}/a/b`], more: true });
      await expect(store.list(base, { limit: 0 })).rejects.toThrow(RangeError);
      await expect(store.list(base, { limit: LIMITS.objectListKeysMax + 1 })).rejects.toThrow(RangeError);
    });

    it("refuses to delete what is locked, by name and by version, so that a mistake removes no evidence", async () => {
      const key = `${folder()}/tile`;
      const lock = lockFor(HOUR_MS);
      const { version } = await value(store.put(key, text("tile"), { if_absent: true, lock }));
      const refused = { ok: false, error: { reason: "locked", until_ms: lock.until_ms } };
      expect(await store.delete(key)).toEqual(refused);
      if (version !== null) expect(await store.delete(key, { version })).toEqual(refused);
      expect((await value(store.head(key))).locked_until_ms).toBe(lock.until_ms);
      expect(Buffer.from(await bytesOf(key)).toString()).toBe("tile");
    });

    it("keeps a locked version readable or refuses to replace it, so that an overwrite removes no evidence", async () => {
      const key = `${folder()}/tile`;
      const lock = lockFor(HOUR_MS);
      const { version } = await value(store.put(key, text("locked"), { lock }));
      const over = await store.put(key, text("newer"));
      if (over.ok) {
        expect(Buffer.from(await bytesOf(key)).toString()).toBe("newer");
        const old = await value(store.get(key, { version: version ?? "" }));
        expect([Buffer.from(old.bytes).toString(), old.version]).toEqual(["locked", version]);
        const { body } = await value(store.getStream(key, { version: version ?? "" }));
        expect(await new Response(body).text()).toBe("locked");
        expect((await value(store.head(key, { version: version ?? "" }))).locked_until_ms).toBe(lock.until_ms);
      } else {
        expect(over.error).toEqual({ reason: "exists" });
        expect(Buffer.from(await bytesOf(key)).toString()).toBe("locked");
        expect((await value(store.head(key))).version).toBe(version);
      }
      expect(await store.delete(key)).toEqual({ ok: false, error: { reason: "locked", until_ms: lock.until_ms } });
      expect((await value(store.get(key, version === null ? {} : { version }))).size).toBe(6);
    });

    it("streams over what is locked under the same rule", async () => {
      const key = `${folder()}/tile`;
      const { version } = await value(store.put(key, text("locked"), { lock: lockFor(HOUR_MS) }));
      const over = await store.putStream(key, new MadeSource({ pieces: 2, piece_bytes: 10 }));
      const kept = await value(store.get(key, over.ok && version !== null ? { version } : {}));
      expect(Buffer.from(kept.bytes).toString()).toBe("locked");
    });

    it("answers not_found for what is not there and for versions it never had", async () => {
      const key = `${folder()}/x`;
      const missing = { ok: false, error: { reason: "not_found" } };
      expect([await store.get(key), await store.getStream(key), await store.head(key)]).toEqual([
        missing,
        missing,
        missing,
      ]);
      await value(store.put(key, text("here")));
      for (const version of ["0".repeat(64), "../x", "nothing"]) {
        expect(await store.get(key, { version })).toEqual(missing);
        expect(await store.getStream(key, { version })).toEqual(missing);
        expect(await store.head(key, { version })).toEqual(missing);
      }
      expect(await store.get(`${key}/below`)).toEqual(missing);
    });

    it("removes an object with all its versions, again and again without harm", async () => {
      const base = folder();
      const [key, neighbour] = [`${base}/x`, `${base}/x-neighbour`];
      const { version } = await value(store.put(key, text("one")));
      await value(store.put(key, text("two")));
      await value(store.put(neighbour, text("stays")));
      for (let time = 0; time < 2; time++) expect(await store.delete(key)).toEqual({ ok: true, value: null });
      expect(await store.get(key)).toMatchObject({ ok: false });
      if (version !== null) {
        expect(await store.get(key, { version })).toMatchObject({ ok: false });
        expect(await store.delete(key, { version })).toEqual({ ok: true, value: null });
      }
      expect(await store.list(`${base}/`, { limit: 10 })).toEqual({ keys: [neighbour], more: false });
      expect((await store.put(key, text("three"), { if_absent: true })).ok).toBe(true);
    });

    it("streams 20 MiB in and out byte for byte, and ranges of it", async () => {
      const key = `${folder()}/large`;
      const recipe = { pieces: 77, piece_bytes: 272_357 };
      const expected = await sha256(new MadeSource(recipe));
      expect(expected.size).toBeGreaterThan(20 * MiB - 1024);
      const put = await value(store.putStream(key, new MadeSource(recipe), { content_type: "text/plain" }));
      expect(put.size).toBe(expected.size);
      const { body, ...state } = await value(store.getStream(key));
      expect(state).toEqual(put);
      expect(await sha256(body)).toEqual(expected);
      expect(await value(store.head(key))).toMatchObject(put);
      const piece = await value(store.get(key, { range: { offset: 50 * recipe.piece_bytes, length: 1_000 } }));
      expect(Buffer.compare(piece.bytes, pieceBytes(50, recipe.piece_bytes).subarray(0, 1_000))).toBe(0);
    });

    it.each([
      ["nothing", { pieces: 0, piece_bytes: 1 }],
      ["pieces without bytes", { pieces: 3, piece_bytes: 0 }],
      ["a little", { pieces: 3, piece_bytes: 5 }],
      ["exactly one part", { pieces: 8, piece_bytes: LIMITS.objectPartBytes / 8 }],
      ["exactly two parts", { pieces: 2, piece_bytes: LIMITS.objectPartBytes }],
    ])("streams %s", async (_what, recipe) => {
      const key = `${folder()}/x`;
      const { size } = await value(store.putStream(key, new MadeSource(recipe)));
      expect(size).toBe(recipe.pieces * recipe.piece_bytes);
      const { body } = await value(store.getStream(key));
      expect(await sha256(body)).toEqual(await sha256(new MadeSource(recipe)));
    });

    it("locks what was streamed", async () => {
      const key = `${folder()}/x`;
      const lock = lockFor(HOUR_MS);
      const pieces = { pieces: 3, piece_bytes: LIMITS.objectPartBytes / 2 };
      await value(store.putStream(key, new MadeSource(pieces), { lock }));
      expect((await value(store.head(key))).locked_until_ms).toBe(lock.until_ms);
      expect(await store.delete(key)).toEqual({ ok: false, error: { reason: "locked", until_ms: lock.until_ms } });
    });

    it.each([0, 3, 70])(
      "leaves nothing when the source fails at piece %i, and the old object whole",
      async (fail_at) => {
        const base = folder();
        const recipe = { pieces: 77, piece_bytes: 272_357, fail_at };
        await value(store.put(`${base}/old`, text("old")));
        for (const key of [`${base}/new`, `${base}/old`])
          await expect(store.putStream(key, new MadeSource(recipe))).rejects.toThrow(SourceFailed);
        expect(await store.list(`${base}/`, { limit: 10 })).toEqual({ keys: [`${base}/old`], more: false });
        expect(Buffer.from(await bytesOf(`${base}/old`)).toString()).toBe("old");
      },
    );

    it("reads one version to its end while it is replaced, so that no reader sees half of each", async () => {
      const key = `${folder()}/x`;
      const old = { pieces: 40, piece_bytes: 272_357 };
      await value(store.putStream(key, new MadeSource(old)));
      const { body } = await value(store.getStream(key));
      await value(store.put(key, text("new")));
      expect(await sha256(body)).toEqual(await sha256(new MadeSource(old)));
      expect(Buffer.from(await bytesOf(key)).toString()).toBe("new");
    });

    it("lets a reader go away early", async () => {
      const key = `${folder()}/x`;
      await value(store.putStream(key, new MadeSource({ pieces: 8, piece_bytes: 1 * MiB })));
      const { body } = await value(store.getStream(key));
      const reader = body.getReader();
      expect((await reader.read()).done).toBe(false);
      await reader.cancel();
      expect((await value(store.head(key))).size).toBe(8 * MiB);
    });

    it("reads no more into memory than its bound", async () => {
      const key = `${folder()}/x`;
      const size = LIMITS.objectGetBytesMax + 1;
      await value(store.putStream(key, new MadeSource({ pieces: 1, piece_bytes: size })));
      await expect(store.get(key)).rejects.toThrow(RangeError);
      expect((await value(store.get(key, { range: { offset: size - 1, length: 10 } }))).bytes).toHaveLength(1);
    });

    it.each([
      ["nothing", ""],
      ["an absolute path", "/etc/passwd"],
      ["the folder above", "../x"],
      ["a way up", "a/../x"],
      ["a dot", "a/./x"],
      ["an empty segment", "a//x"],
      ["a folder", "a/"],
      ["a backslash", "a\\..\\x"],
      ["a zero byte", "a\0b"],
      ["a letter beyond ASCII", "ä"],
      ["a space", "a b"],
      ["the store's own folder", "~partial/x"],
      ["an encoded way up", "%2e%2e/x"],
      ["more than 512 bytes", `${"long/".repeat(103)}x`],
      ["a long segment", "x".repeat(241)],
    ])("refuses %s as a key in every call, so that no name leads out of the store", async (_what, key) => {
      const bytes = text("x");
      await expect(store.put(key, bytes)).rejects.toThrow(InvalidObjectKey);
      await expect(store.putStream(key, new MadeSource({ pieces: 1, piece_bytes: 1 }))).rejects.toThrow(
        InvalidObjectKey,
      );
      await expect(store.get(key)).rejects.toThrow(InvalidObjectKey);
      await expect(store.getStream(key)).rejects.toThrow(InvalidObjectKey);
      await expect(store.head(key)).rejects.toThrow(InvalidObjectKey);
      await expect(store.delete(key)).rejects.toThrow(InvalidObjectKey);
      if (key !== "" && key !== "a/") await expect(store.list(key, { limit: 1 })).rejects.toThrow(InvalidObjectKey);
    });

    it("keeps the longest keys", async () => {
      const start = `${folder()}/`;
      const key = `${start}${"s".repeat(240)}/${"t".repeat(200)}/${"u".repeat(512 - 442 - start.length)}`;
      expect(key).toHaveLength(512);
      await value(store.put(key, text("x")));
      expect(await store.list(start, { limit: 2 })).toEqual({ keys: [key], more: false });
      await value(store.delete(key));
    });
  });
}
