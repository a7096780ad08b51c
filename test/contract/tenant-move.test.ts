import { describe, expect, it } from "vitest";
import { storedLog } from "../../functions/cells/moving/check-log.ts";
import { TenantId } from "../../shared/contracts/ids.ts";
import { open } from "../../shared/crypto/open.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { parseKeysFile } from "../../shared/evidence/keys-file.ts";
import { verifyLogFolder } from "../../shared/evidence/log-folder.ts";
import {
  by,
  directory,
  FILE,
  inhabited,
  KEY,
  leaving,
  type Place,
  place,
  places,
  published,
  SESSION,
  serves,
  stage,
  TENANT,
  value,
} from "../support/moving-world.ts";
import { admitRequest, settleRequest, taskId } from "../support/tenant-fixtures.ts";

describe("a tenant between two cells", () => {
  /** Everything that the store of a cell has of the tenant but its log, which is locked. */
  const left = async ({ store }: Place): Promise<string[]> => {
    const keys = await Promise.all(
      ["files/", "batches/", "imports/", "imports-called-off/"].map((prefix) => store.list(prefix, { limit: 1_000 })),
    );
    return keys.flatMap((page) => page.keys);
  };

  it("arrives with its content under this cell's own key, is live in one cell at every step, and its log verifies across the move", {
    timeout: 120_000,
  }, async () => {
    const { from, to, plain, archive, input } = await leaving();
    expect(archive.parts.length).toBeGreaterThan(1);
    const manifest = sha256Hex(utf8(archive.manifest));
    const crashed: boolean[][] = [];
    const then = async (): Promise<void> => {
      await from.restart();
      await to.restart();
      crashed.push([await serves(from), await serves(to)]);
    };
    await then();
    const asked = value(await to.moves.import(TENANT, input));
    expect(asked).toMatchObject({ applied: 0, parts: archive.parts.length, missing: archive.parts.map(sha256Hex) });
    await stage(to, archive.parts);
    await then();
    expect(value(await to.moves.import(TENANT, input))).toMatchObject({ move: { phase: "arrived" }, missing: [] });
    await then();
    for (const at of [from, to]) at.directory = directory(2, { eu1: "eu2" });
    const receipt = value(await from.moves.release(TENANT, manifest, by));
    await then();
    value(await to.moves.activate(TENANT, { receipt, keys: from.keys }, by));
    await to.restart();
    expect([crashed, await serves(from), await serves(to)]).toEqual([Array(4).fill([false, false]), false, true]);

    const { data_key } = value(await to.tenants.lookup(TENANT, null)).state;
    const content = await to.store.get(FILE);
    if (!content.ok) throw new Error("no file");
    const dataKey = await to.keyring.openDataKey(TENANT, data_key);
    const read = value(await open(dataKey, { tenant: TENANT, object: "file" }, content.value.bytes));
    expect(Buffer.compare(read, plain)).toBe(0);
    await expect(from.keyring.openDataKey(TENANT, data_key)).rejects.toThrow();
    const page = { after: null, limit: 100, order: "asc" } as const;
    const conversation = value(await to.sessions.items(TENANT, SESSION, page));
    expect(conversation).toEqual(value(await from.sessions.items(TENANT, SESSION, page)));
    expect(conversation.items).toHaveLength(12);
    expect(to.scopes.get(TENANT)).toMatchObject({ workspaces: [{ workspace: TENANT, version: 1 }] });
    expect((await to.store.list(`imports/${TENANT}/`, { limit: 10 })).keys).toEqual([]);

    await published(to);
    const of = ({ keys }: Place) => value(parseKeysFile(utf8(keys)));
    const report = await verifyLogFolder(storedLog(to.store, `ledger/${TENANT}/`), {
      keys: [...of(from), ...of(to)],
      checkpoint: null,
    });
    expect(report).toMatchObject({ verified: true, failure: null });
    const alone = await verifyLogFolder(storedLog(to.store, `ledger/${TENANT}/`), { keys: of(to), checkpoint: null });
    expect(alone.verified).toBe(false);
    expect([from.events.map(({ kind }) => kind), to.events.map(({ kind }) => kind)]).toEqual([
      ["tenant.leaving", "tenant.left"],
      ["tenant.arrived"],
    ]);
  });

  it("goes on with its import where it was, however often that is cut off", { timeout: 120_000 }, async () => {
    const { from, to, archive, input } = await leaving();
    await stage(to, archive.parts);
    // A store that fails at each of its calls in turn: everything before it is there, nothing behind.
    let failures = 0;
    for (let allowed = 0; ; allowed += 3) {
      let calls = 0;
      to.before.write = () => {
        if (calls++ === allowed) throw new Error("the store is away");
      };
      await to.restart();
      const done = await to.moves.import(TENANT, input).catch(() => null);
      to.before.write = () => {};
      expect(await serves(to)).toBe(false);
      if (done?.ok && done.value.move?.phase === "arrived") break;
      if (++failures > 30) throw new Error("the import does not end");
    }
    expect(failures).toBeGreaterThan(2);
    const page = { after: null, limit: 100, order: "asc" } as const;
    expect(value(await to.sessions.items(TENANT, SESSION, page)).items).toEqual(
      value(await from.sessions.items(TENANT, SESSION, page)).items,
    );
  });

  it("is taken by no cell of another jurisdiction, name or deployment, with another key, other keys or an altered part", {
    timeout: 120_000,
  }, async () => {
    const { to, archive, input, from } = await leaving();
    const us = await place("us1", "us", 3);
    const elsewhere = await place("eu2", "us", 4);
    const stranger = await place("eu2", "eu", 5, { logOrigin: (name) => `other.example.com/${name}` });
    for (const at of [us, elsewhere, stranger])
      expect(await at.moves.import(TENANT, input)).toMatchObject({ error: { reason: "misplaced" } });
    expect(await to.moves.import(TenantId.parse("other"), input)).toMatchObject({ error: { reason: "misplaced" } });
    expect(await to.moves.import(TENANT, { ...input, keys: to.keys })).toMatchObject({
      error: { reason: "not_verified" },
    });
    const forged = input.manifest.replace(
      /"payload":"(.)/,
      (_all, first: string) => `"payload":"${first === "e" ? "f" : "e"}`,
    );
    expect(await to.moves.import(TENANT, { ...input, manifest: forged })).toMatchObject({
      error: { reason: "not_verified" },
    });
    const [first = new Uint8Array()] = archive.parts;
    const altered = first.slice();
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1;
    expect(await to.moves.stage(TENANT, sha256Hex(first), altered)).toMatchObject({
      error: { reason: "not_verified" },
    });
    await stage(to, archive.parts);
    expect(await to.moves.import(TENANT, { ...input, transfer_key: new Uint8Array(32) })).toMatchObject({
      error: { reason: "not_verified" },
    });
    await to.store.put(`imports/${TENANT}/${sha256Hex(archive.parts[1] ?? first)}`, altered);
    expect(await to.moves.import(TENANT, input)).toMatchObject({ error: { reason: "not_verified" } });
    expect(await serves(to)).toBe(false);
    value(await to.moves.cancel(TENANT, by));
    expect((await to.tenants.lookup(TENANT, null)).ok).toBe(false);
    expect(await from.moves.leave(TENANT, "us1", by)).toMatchObject({ error: { reason: "misplaced" } });
  });

  it("that lives here keeps its content, whatever note an earlier import left", { timeout: 120_000 }, async () => {
    const at = await place("eu1", "eu", 1);
    await inhabited(at);
    await at.store.put(`imports-called-off/${TENANT}`, new Uint8Array());
    await at.store.put("files/other1/x/content", new Uint8Array());
    await at.finishCalledOff();
    expect(await left(at)).toEqual([FILE, "files/other1/x/content", `batches/${TENANT}/empty`]);
    expect(await at.moves.cancel(TENANT, by)).toMatchObject({ error: { reason: "not_moving" } });
    expect(await at.moves.cancel(TenantId.parse("other1"), by)).toMatchObject({ error: { reason: "unknown_tenant" } });
    expect(await left(at)).toContain("files/other1/x/content");
  });

  it("is not taken where what was archived of its log is not the log, so that no history is swapped on the way", {
    timeout: 120_000,
  }, async () => {
    const { to, archive, input } = await leaving();
    await stage(to, archive.parts);
    await to.store.put(`ledger/${TENANT}/checkpoint-history/${"1".padStart(16, "0")}`, utf8("another"));
    const [key = ""] = (await places[0]?.store.list(`ledger/${TENANT}/checkpoint-history/`, { limit: 1 }))?.keys ?? [];
    await to.store.put(key, utf8("another"));
    expect(await to.moves.import(TENANT, input)).toMatchObject({ error: { reason: "not_verified" } });
    expect(await serves(to)).toBe(false);
  });

  it("is released only to the home that the directory names, about the newest archive, and activated by that receipt alone", {
    timeout: 120_000,
  }, async () => {
    const { from, to, archive, input } = await leaving();
    const manifest = sha256Hex(utf8(archive.manifest));
    await stage(to, archive.parts);
    value(await to.moves.import(TENANT, input));
    expect(await from.moves.release(TENANT, manifest, by)).toMatchObject({ error: { reason: "directory" } });
    from.directory = directory(2, { eu1: "us1" });
    expect(await from.moves.release(TENANT, manifest, by)).toMatchObject({ error: { reason: "directory" } });
    from.directory = directory(3, { eu1: "eu2" });
    expect(await from.moves.cancel(TENANT, by)).toMatchObject({ error: { reason: "directory" } });
    expect(await from.moves.release(TENANT, "ab".repeat(32), by)).toMatchObject({ error: { reason: "not_verified" } });
    const receipt = value(await from.moves.release(TENANT, manifest, by));
    // The new home must have seen what the old one had.
    expect(await to.moves.activate(TENANT, { receipt, keys: from.keys }, by)).toMatchObject({
      error: { reason: "directory" },
    });
    to.directory = directory(2, { eu1: "eu2" });
    expect(await to.moves.activate(TENANT, { receipt, keys: from.keys }, by)).toMatchObject({
      error: { reason: "directory" },
    });
    to.directory = directory(3, { eu1: "eu2" });
    expect(await to.moves.activate(TENANT, { receipt, keys: to.keys }, by)).toMatchObject({
      error: { reason: "not_verified" },
    });
    expect(await to.moves.activate(TENANT, { receipt: input.manifest, keys: from.keys }, by)).toMatchObject({
      error: { reason: "not_verified" },
    });
    expect(await serves(to)).toBe(false);
    value(await to.moves.activate(TENANT, { receipt, keys: from.keys }, by));
    expect([await serves(from), await serves(to)]).toEqual([false, true]);
    expect(await from.moves.cancel(TENANT, by)).toMatchObject({ ok: false });
    expect(await to.moves.import(TENANT, input)).toMatchObject({ error: { reason: "exists" } });
  });

  it("is exported on from any part that was given out, by a process that knows nothing of those before", {
    timeout: 120_000,
  }, async () => {
    const { from, to, archive } = await leaving();
    const count = archive.parts.length;
    await from.restart();
    // The answer with the last part but one is lost, and so is the process; what is behind it is made anew.
    const again = value(await from.moves.export(TENANT, KEY, count - 2));
    expect([again.file?.name, again.last]).toEqual([`parts/${String(count - 2).padStart(6, "0")}`, false]);
    const parts = [...archive.parts.slice(0, count - 2), again.file?.bytes ?? new Uint8Array()];
    expect(await from.moves.export(TENANT, KEY, count)).toMatchObject({ error: { reason: "changed" } });
    for (;;) {
      const { file, last } = value(await from.moves.export(TENANT, KEY, parts.length));
      if (file === null) continue;
      if (!last) {
        parts.push(file.bytes);
        continue;
      }
      await stage(to, parts);
      const manifest = new TextDecoder().decode(file.bytes);
      expect(value(await to.moves.import(TENANT, { manifest, keys: from.keys, transfer_key: KEY }))).toMatchObject({
        move: { phase: "arrived" },
      });
      // The archive before it is none any more.
      from.directory = directory(2, { eu1: "eu2" });
      const old = sha256Hex(utf8(archive.manifest));
      expect(await from.moves.release(TENANT, old, by)).toMatchObject({ error: { reason: "not_verified" } });
      return;
    }
  });

  it("waits for what runs and for its ledger, and is live where it was when the move is called off", {
    timeout: 120_000,
  }, async () => {
    const at = await place("eu1", "eu", 1);
    await inhabited(at);
    await at.tenants.admit(TENANT, [admitRequest(taskId(77), at.clock.now())]);
    value(await at.moves.leave(TENANT, "eu2", by));
    expect(await at.moves.export(TENANT, KEY, 0)).toMatchObject({ error: { reason: "busy" } });
    await at.tenants.settle(TENANT, [settleRequest(taskId(77))]);
    expect(await at.moves.export(TENANT, KEY, 0)).toMatchObject({ error: { reason: "unpublished" } });
    await published(at);
    // An archive that is read only in part is none.
    expect(value(await at.moves.export(TENANT, KEY, 0)).file?.name).toBe("parts/000000");
    expect(value(await at.moves.state(TENANT))).toMatchObject({ phase: "frozen", manifest: null });
    expect(await serves(at)).toBe(false);
    value(await at.moves.cancel(TENANT, by));
    expect(await serves(at)).toBe(true);
    expect(value(await at.moves.state(TENANT))).toBeNull();
  });
});
