import { describe, expect, it } from "vitest";
import type { Deps } from "../../functions/context.ts";
import { cancelMove } from "../../functions/v1/tenants/leave.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import {
  by,
  directory,
  exported,
  FILE,
  inhabited,
  leaving,
  type Place,
  place,
  published,
  SESSION,
  stage,
  TENANT,
  value,
} from "../support/moving-world.ts";

describe("a move that is called off, or was before", () => {
  /** Everything that the store of a cell has of the tenant but its log, which is locked. */
  const left = async ({ store }: Place): Promise<string[]> => {
    const keys = await Promise.all(
      ["files/", "batches/", "imports/", "imports-called-off/"].map((prefix) => store.list(prefix, { limit: 1_000 })),
    );
    return keys.flatMap((page) => page.keys);
  };

  it("is told from another archive that is whole here, before any part of it is sent, so that nobody takes one for the other", {
    timeout: 120_000,
  }, async () => {
    const { from, to, archive, input } = await leaving();
    await stage(to, archive.parts);
    value(await to.moves.import(TENANT, input));
    value(await from.moves.cancel(TENANT, by));
    value(await from.moves.leave(TENANT, "eu2", by));
    await published(from);
    const again = await exported(from);
    const other = { ...input, manifest: again.manifest };
    expect(await to.moves.import(TENANT, other)).toMatchObject({ error: { reason: "exists" } });
  });

  it("leaves no part behind where it is called off that a tenant which left comes back", {
    timeout: 120_000,
  }, async () => {
    const { from, archive } = await leaving();
    from.directory = directory(2, { eu1: "eu2" });
    value(await from.moves.release(TENANT, sha256Hex(utf8(archive.manifest)), by));
    await stage(from, archive.parts);
    expect(await from.moves.cancel(TENANT, by)).toMatchObject({ error: { reason: "left" } });
    expect((await from.store.list(`imports/${TENANT}/`, { limit: 10 })).keys).toEqual([]);
  });

  it("brings nothing back that was destroyed since an import of it was called off, so that what is erased stays erased", {
    timeout: 120_000,
  }, async () => {
    const { from, to, archive, input } = await leaving();
    await stage(to, archive.parts);
    value(await to.moves.import(TENANT, input));
    for (const at of [to, from]) value(await at.moves.cancel(TENANT, by));
    value(await from.sessions.destroy(TENANT, SESSION));
    await from.restart();
    value(await from.moves.leave(TENANT, "eu2", by));
    await published(from);
    const again = await exported(from);
    await stage(to, again.parts);
    value(await to.moves.import(TENANT, { ...input, manifest: again.manifest }));
    const manifest = sha256Hex(utf8(again.manifest));
    for (const at of [from, to]) at.directory = directory(2, { eu1: "eu2" });
    const receipt = value(await from.moves.release(TENANT, manifest, by));
    value(await to.moves.activate(TENANT, { receipt, keys: from.keys }, by));
    const page = { after: null, limit: 100, order: "asc" } as const;
    expect(await to.sessions.items(TENANT, SESSION, page)).toMatchObject({ ok: false });
  });

  it("takes no part of an archive once it is live, so that one which comes late does not stay", {
    timeout: 120_000,
  }, async () => {
    const at = await place("eu1", "eu", 1);
    await inhabited(at);
    const part = new Uint8Array(100);
    expect(await at.moves.stage(TENANT, sha256Hex(part), part)).toMatchObject({ error: { reason: "exists" } });
    expect((await at.store.list(`imports/${TENANT}/`, { limit: 10 })).keys).toEqual([]);
  });

  it("leaves no part behind when its operator calls the move off over HTTP, begun or not, and says that nothing is there", {
    timeout: 120_000,
  }, async () => {
    const { to, archive, input } = await leaving();
    const off = () =>
      cancelMove.execute(
        { moves: to.moves } as unknown as Deps, // safe because: the operation touches nothing else
        {
          ...{ params: { tenant_id: TENANT }, actor: { cell_operator: true }, tenant: { id: "operators" }, by },
        } as unknown as Parameters<typeof cancelMove.execute>[1], // safe because: as above
      );
    await stage(to, archive.parts);
    await expect(off()).rejects.toMatchObject({ slug: "not-found" });
    expect(await left(to)).toEqual([]);
    await stage(to, archive.parts);
    value(await to.moves.import(TENANT, input));
    to.before.remove = () => {
      throw new Error("the process died");
    };
    await expect(off()).rejects.toThrow("the process died");
    to.before.remove = () => {};
    await to.restart();
    await expect(off()).rejects.toMatchObject({ slug: "not-found" });
    expect(await left(to)).toEqual([]);
  });

  it("leaves no part of its archive behind where the import never began and the move is called off", {
    timeout: 120_000,
  }, async () => {
    const { to, archive } = await leaving();
    await stage(to, archive.parts);
    const staged = async () => (await to.store.list(`imports/${TENANT}/`, { limit: 10 })).keys.length;
    expect(await staged()).toBe(archive.parts.length);
    value(await to.moves.cancel(TENANT, by));
    expect(await staged()).toBe(0);
    expect(await to.moves.cancel(TENANT, by)).toMatchObject({ ok: false });
  });

  it("leaves no content behind where its import is called off, begun or whole, and comes whole with the next one", {
    timeout: 120_000,
  }, async () => {
    const { to, plain, archive, input } = await leaving();
    await stage(to, archive.parts);
    let writes = 0;
    to.before.write = () => {
      if (++writes > 3) throw new Error("the store is away");
    };
    await expect(to.moves.import(TENANT, input)).rejects.toThrow("the store is away");
    to.before.write = () => {};
    expect(await left(to)).not.toEqual([]);
    value(await to.moves.cancel(TENANT, by));
    expect(await left(to)).toEqual([]);
    for (const whole of [true, false]) {
      await stage(to, archive.parts);
      expect(value(await to.moves.import(TENANT, input)).move).toMatchObject({ phase: "arrived" });
      if (!whole) break;
      expect(await left(to)).toContain(FILE);
      value(await to.moves.cancel(TENANT, by));
      expect(await left(to)).toEqual([]);
    }
    const content = await to.store.get(FILE);
    expect(content.ok && content.value.bytes.length).toBeGreaterThan(plain.length);
  });

  it("is taken away whole after a crash in the middle of calling it off, and cannot be activated without its content", {
    timeout: 120_000,
  }, async () => {
    const { from, to, archive, input } = await leaving();
    for (const at of [from, to]) at.directory = directory(2, { eu1: "eu2" });
    const receipt = value(await from.moves.release(TENANT, sha256Hex(utf8(archive.manifest)), by));
    for (const allowed of [0, 2]) {
      await stage(to, archive.parts);
      expect(value(await to.moves.import(TENANT, input)).move).toMatchObject({ phase: "arrived" });
      let removed = 0;
      to.before.remove = () => {
        if (removed++ === allowed) throw new Error("the process died");
      };
      await expect(to.moves.cancel(TENANT, by)).rejects.toThrow("the process died");
      to.before.remove = () => {};
      await to.restart();
      expect(await left(to)).toContain(`imports-called-off/${TENANT}`);
      expect(await to.moves.activate(TENANT, { receipt, keys: from.keys }, by)).toMatchObject({ ok: false });
      await stage(to, archive.parts);
      expect(await to.moves.import(TENANT, input)).toMatchObject({ error: { reason: "in_progress" } });
      await to.finishCalledOff();
      expect(await left(to)).toEqual([]);
    }
  });

  it.each(["imports-called-off/", "files/"])(
    "takes nothing from the import that came after it, where upkeep that goes on with it is slow (%s)",
    { timeout: 120_000 },
    async (slow) => {
      const { to, archive, input } = await leaving();
      await stage(to, archive.parts);
      value(await to.moves.import(TENANT, input));
      to.before.remove = () => {
        throw new Error("the process died");
      };
      await expect(to.moves.cancel(TENANT, by)).rejects.toThrow("the process died");
      to.before.remove = () => {};
      const { list } = to.store;
      to.store.list = async (prefix, call) => {
        const found = await list(prefix, call);
        if (!prefix.startsWith(slow)) return found;
        to.store.list = list;
        value(await to.moves.cancel(TENANT, by));
        await stage(to, archive.parts);
        value(await to.moves.import(TENANT, input));
        return found;
      };
      await to.finishCalledOff();
      expect(value(await to.moves.state(TENANT))).toMatchObject({ phase: "arrived" });
      expect(await left(to)).toContain(FILE);
      expect((await to.store.list(`imports/${TENANT}/`, { limit: 1_000 })).keys).toHaveLength(archive.parts.length);
    },
  );
});
