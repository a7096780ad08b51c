import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { batchObjectClass } from "../../durable/batch/object-class.ts";
import type { EmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import { sessionClass } from "../../durable/session/core.ts";
import { embeddedSessionStore } from "../../durable/session/embedded.ts";
import { taskObjectClass } from "../../durable/task/object-class.ts";
import { embeddedTenantStore } from "../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../durable/tenant/object-class.ts";
import { secretKeyring } from "../../functions/adapters/keyring/secret.ts";
import { fileSystemObjectStore } from "../../functions/adapters/object-store/file-system.ts";
import { storedLog } from "../../functions/cells/moving/check-log.ts";
import type { MovingParts } from "../../functions/cells/moving/parts.ts";
import { tenantMoves } from "../../functions/cells/moving/tenant-moves.ts";
import { embeddedMovedObjects } from "../../functions/entry/moved-objects.ts";
import { nativeHashing } from "../../functions/entry/native-hashing.ts";
import { keysDocument } from "../../functions/evidence/keys-document.ts";
import { type DirectoryView, directoryView } from "../../functions/pipeline/locate/directory-view.ts";
import { CellDirectory } from "../../shared/contracts/cell-directory.ts";
import { TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import type { SystemEvent } from "../../shared/contracts/ports/cell-store.ts";
import { laterRunner } from "../../shared/contracts/ports/runner.ts";
import type { Keyring } from "../../shared/contracts/ports/keyring.ts";
import type { ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import type { MovedFile, TenantMoves } from "../../shared/contracts/ports/tenant-moves.ts";
import type { TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import type { Result } from "../../shared/contracts/result.ts";
import { useHashing } from "../../shared/crypto/hashing.ts";
import { open } from "../../shared/crypto/open.ts";
import { seal } from "../../shared/crypto/seal.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { tenantDigest } from "../../shared/crypto/tenant-digest.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { parseKeysFile } from "../../shared/evidence/keys-file.ts";
import { verifyLogFolder } from "../../shared/evidence/log-folder.ts";
import { type ObjectsHome, objectsHome, TestClock } from "../support/objects-home.ts";
import { testSigner } from "../support/published-log.ts";
import { access, admitRequest, attribution, provisionSpec, settleRequest, taskId } from "../support/tenant-fixtures.ts";

// Megabytes are hashed; that both implementations agree is tested where the native one is.
useHashing(nativeHashing);

const TENANT = TenantId.parse("acme1");
const ORIGIN = "bailiwick.example.com";
const KEY = new Uint8Array(32).fill(9);

interface Place {
  id: string;
  home: ObjectsHome;
  clock: TestClock;
  folder: string;
  host: EmbeddedHost;
  store: ObjectStore;
  /** Stands before each write of the store. */
  before: { write(): void };
  keyring: Keyring;
  tenants: TenantStore;
  sessions: ReturnType<typeof embeddedSessionStore>;
  moves: TenantMoves;
  keys: string;
  events: SystemEvent[];
  scopes: Map<string, unknown>;
  directory: DirectoryView;
  /** As after a crash: what is on disk, and nothing else. */
  restart(): Promise<void>;
}

const cellOf = (id: string, jurisdiction: string) => ({
  ...{ id, jurisdiction, base_url: `https://${id}.example.com`, hosts: [], forwarding_keys: [] },
});
function directory(version: number, moved: Record<string, string> = {}): DirectoryView {
  const salt = String(version).padStart(43, "s");
  return directoryView(
    CellDirectory.parse({
      ...{ schema_version: 1, version, issued: "2026-11-21T00:00:00Z", expires: "2026-11-22T00:00:00Z", salt },
      moved: Object.entries(moved).map(([from, cell]) => ({ tenant: tenantDigest(salt, from, TENANT), cell })),
      cells: [cellOf("eu1", "eu"), cellOf("eu2", "eu"), cellOf("us1", "us")],
      ...{ issuers: [], transit: [] },
    }),
  );
}

const places: Place[] = [];
afterEach(async () => {
  for (const { host, home, folder } of places.splice(0)) {
    await host.close();
    home.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});

async function place(
  id: string,
  jurisdiction: "eu" | "us",
  secret: number,
  over: Partial<MovingParts> = {},
): Promise<Place> {
  const { signer } = testSigner(secret);
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-store-"));
  const before = { write() {} };
  const clock = new TestClock();
  const files = await fileSystemObjectStore({ root: folder, jurisdiction, clock });
  const store: ObjectStore = {
    ...{ placement: files.placement, check: files.check.bind(files), get: files.get.bind(files) },
    ...{ getStream: files.getStream.bind(files), head: files.head.bind(files), list: files.list.bind(files) },
    delete: files.delete.bind(files),
    put(...args) {
      before.write();
      return files.put(...args);
    },
    putStream(...args) {
      before.write();
      return files.putStream(...args);
    },
  };
  const tenantClass = tenantObjectClass(
    { deliver: async () => {} },
    {
      ...{ archive: store, signer, prefix: (name) => `ledger/${name}/`, origin: (name) => `${ORIGIN}/${name}` },
      ...{ retention_days: () => 1, onHalted() {}, onUnpublished() {} },
    },
  );
  const classes = {
    ...{ tenant: tenantClass, session: sessionClass, batch: batchObjectClass(null) },
    task: taskObjectClass({ runner: laterRunner(() => Promise.reject(new Error("nothing runs here"))), queue: null }),
  };
  const home = objectsHome({ classes: Object.values(classes) });
  const keyring = await secretKeyring([new Uint8Array(32).fill(secret)], clock);
  const events: SystemEvent[] = [];
  const scopes = new Map<string, unknown>();
  const made: Place = {
    ...{ id, home, clock, store, before, folder, keyring, events, scopes, directory: directory(1) },
    host: home.open({ clock }),
    keys: JSON.stringify(keysDocument(id, ORIGIN, await signer.keys())),
    tenants: null as unknown as TenantStore, // safe because: `wire` sets it below
    sessions: null as unknown as Place["sessions"], // safe because: as above
    moves: null as unknown as TenantMoves, // safe because: as above
    async restart() {
      await made.host.close();
      made.host = home.open({ clock });
      wire();
    },
  };
  function wire(): void {
    made.tenants = embeddedTenantStore(made.host, tenantClass);
    made.sessions = embeddedSessionStore(made.host);
    made.moves = tenantMoves({
      ...{
        cell: { id, jurisdiction },
        clock: home.clock,
        ids: { base62: (chars) => "m".repeat(chars) },
        store,
        keyring,
        signer,
      },
      objects: embeddedMovedObjects(made.host, home.path, classes),
      ...{ logPrefix: (name) => `ledger/${name}/`, logOrigin: (name) => `${ORIGIN}/${name}`, retentionDays: 1 },
      cellStore: {
        system: async (told) => void events.push(...told),
        registerTenant: async () => {},
      },
      scopes: {
        read: async (tenant) => ({
          scopes: { workspaces: [{ workspace: tenant, version: 1 }], projects: [], environments: [] },
          pending: 0,
        }),
        restore: async (tenant, rows) => Boolean(scopes.set(tenant, rows)),
      },
      directory: () => made.directory,
      ...over,
    });
  }
  wire();
  places.push(made);
  return made;
}

const value = <T, E extends { reason: string; detail?: string }>(result: Result<T, E>): T => {
  if (!result.ok) throw new Error(`${result.error.reason}: ${result.error.detail ?? ""}`);
  return result.value;
};
const by = attribution();

/** Alarms until everything is published. */
async function published({ host, clock, tenants }: Place): Promise<void> {
  for (let n = 0; n < 20; n++) {
    clock.advance(61_000);
    await host.runDueAlarms();
    const { versions } = value(await tenants.lookup(TENANT, null)).state;
    const log = value(await tenants.log(TENANT, { kid: null, versions: { credential: 0, ...versions } }));
    if (log.published?.size === log.size) return;
  }
  throw new Error("the log does not come to rest");
}

const SESSION = "s".repeat(26);
const FILE = `files/${TENANT}/file-${"f".repeat(26)}/content`;

/** A tenant with a ledger, a conversation, and a file that is longer than a part. */
async function inhabited(at: Place): Promise<Uint8Array> {
  const { tenants, keyring, store, sessions } = at;
  value(await tenants.provision(TENANT, { ...provisionSpec(), data_key: await keyring.createDataKey(TENANT) }));
  for (let n = 1; n <= 30; n++) {
    const [admitted] = await tenants.admit(TENANT, [admitRequest(taskId(n), at.clock.now())]);
    if (!admitted?.ok) throw new Error(admitted?.error.reason);
    await tenants.settle(TENANT, [settleRequest(taskId(n))]);
  }
  const dataKey = await keyring.openDataKey(TENANT, value(await tenants.lookup(TENANT, null)).state.data_key);
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  const plain = new Uint8Array(5 * 1024 * 1024);
  for (let from = 0; from < plain.length; from += bytes.length) plain.set(bytes.subarray(0, plain.length - from), from);
  await store.put(FILE, await seal(dataKey, { tenant: TENANT, object: "file" }, plain));
  await store.put(`batches/${TENANT}/empty`, new Uint8Array());
  // safe because: a time in milliseconds
  const spec = { expires_ms: (at.clock.now() + 86_400_000) as UnixMs, meta: null, conversation: true };
  const key = { subject_key: "k".repeat(26), wrapped: new Uint8Array(61).fill(1) };
  const items = Array.from({ length: 12 }, (_, n) => ({
    id: `i${n}`,
    type: "message",
    sealed: new Uint8Array(60_000).fill(n),
  }));
  value(await sessions.create(TENANT, SESSION, { ...spec, key, items }));
  return plain;
}

async function exported(at: Place): Promise<{ parts: Uint8Array[]; manifest: string }> {
  const files: MovedFile[] = [];
  for await (const file of value(await at.moves.export(TENANT, KEY))) files.push(file);
  const last = files.pop();
  if (last?.name !== "manifest.dsse.json") throw new Error("no manifest");
  return { parts: files.map(({ bytes }) => bytes), manifest: new TextDecoder().decode(last.bytes) };
}

async function stage(at: Place, parts: readonly Uint8Array[]): Promise<void> {
  for (const part of parts) value(await at.moves.stage(TENANT, sha256Hex(part), part));
}

/** Both homes, with an archive of a tenant that leaves the first for the second. */
async function leaving(over: Partial<MovingParts> = {}) {
  const [from, to] = [await place("eu1", "eu", 1), await place("eu2", "eu", 2, over)];
  const plain = await inhabited(from);
  value(await from.moves.leave(TENANT, "eu2", by));
  await published(from);
  const archive = await exported(from);
  const input = { manifest: archive.manifest, keys: from.keys, transfer_key: KEY };
  return { from, to, plain, archive, input };
}

async function serves({ tenants, clock }: Place): Promise<boolean> {
  const found = await tenants.lookup(TENANT, null);
  if (!found.ok) return false;
  const { versions, move } = found.value.state;
  const asked = {
    ...admitRequest(taskId(900), clock.now()),
    access: { ...access(), versions: { credential: 1, ...versions } },
  };
  const [admitted] = await tenants.admit(TENANT, [asked]);
  if (admitted?.ok) await tenants.settle(TENANT, [settleRequest(taskId(900))]);
  expect(admitted?.ok).toBe(move === undefined);
  return admitted?.ok === true;
}

describe("a tenant between two cells", () => {
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

  it("waits for what runs and for its ledger, and is live where it was when the move is called off", {
    timeout: 120_000,
  }, async () => {
    const at = await place("eu1", "eu", 1);
    await inhabited(at);
    await at.tenants.admit(TENANT, [admitRequest(taskId(77), at.clock.now())]);
    value(await at.moves.leave(TENANT, "eu2", by));
    expect(await at.moves.export(TENANT, KEY)).toMatchObject({ error: { reason: "busy" } });
    await at.tenants.settle(TENANT, [settleRequest(taskId(77))]);
    expect(await at.moves.export(TENANT, KEY)).toMatchObject({ error: { reason: "unpublished" } });
    await published(at);
    // An archive that is read only in part is none.
    for await (const file of value(await at.moves.export(TENANT, KEY))) {
      expect(file.name).toBe("parts/000000");
      break;
    }
    expect(value(await at.moves.state(TENANT))).toMatchObject({ phase: "frozen", manifest: null });
    expect(await serves(at)).toBe(false);
    value(await at.moves.cancel(TENANT, by));
    expect(await serves(at)).toBe(true);
    expect(value(await at.moves.state(TENANT))).toBeNull();
  });
});
