import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect } from "vitest";
import { batchObjectClass } from "../../durable/batch/object-class.ts";
import type { EmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import { sessionClass } from "../../durable/session/core.ts";
import { embeddedSessionStore } from "../../durable/session/embedded.ts";
import { taskObjectClass } from "../../durable/task/object-class.ts";
import { embeddedTenantStore } from "../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../durable/tenant/object-class.ts";
import { secretKeyring } from "../../functions/adapters/keyring/secret.ts";
import { fileSystemObjectStore } from "../../functions/adapters/object-store/file-system.ts";
import { finishCalledOff } from "../../functions/cells/moving/called-off.ts";
import type { MovingParts } from "../../functions/cells/moving/parts.ts";
import { tenantMoves } from "../../functions/cells/moving/tenant-moves.ts";
import { embeddedMovedObjects } from "../../functions/entry/embedded-moved-objects.ts";
import { nativeHashing } from "../../functions/entry/native-hashing.ts";
import { keysDocument } from "../../functions/evidence/keys-document.ts";
import { type DirectoryView, directoryView } from "../../functions/pipeline/locate/directory-view.ts";
import { CellDirectory } from "../../shared/contracts/cell-directory.ts";
import { TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import type { SystemEvent } from "../../shared/contracts/ports/cell-store.ts";
import type { Keyring } from "../../shared/contracts/ports/keyring.ts";
import type { ObjectStore } from "../../shared/contracts/ports/object-store.ts";
import { laterRunner } from "../../shared/contracts/ports/runner.ts";
import type { TenantMoves } from "../../shared/contracts/ports/tenant-moves.ts";
import type { TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import type { Result } from "../../shared/contracts/result.ts";
import { useHashing } from "../../shared/crypto/hashing.ts";
import { seal } from "../../shared/crypto/seal.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { tenantDigest } from "../../shared/crypto/tenant-digest.ts";
import { type ObjectsHome, objectsHome, TestClock } from "./objects-home.ts";
import { testSigner } from "./published-log.ts";
import { access, admitRequest, attribution, provisionSpec, settleRequest, taskId } from "./tenant-fixtures.ts";

// Megabytes are hashed; that both implementations agree is tested where the native one is.
useHashing(nativeHashing);

export const TENANT = TenantId.parse("acme1");
const ORIGIN = "bailiwick.example.com";
export const KEY = new Uint8Array(32).fill(9);

export interface Place {
  id: string;
  home: ObjectsHome;
  clock: TestClock;
  folder: string;
  host: EmbeddedHost;
  store: ObjectStore;
  /** Stands before each write and each removal of the store. */
  before: { write(): void; remove(): void };
  keyring: Keyring;
  tenants: TenantStore;
  sessions: ReturnType<typeof embeddedSessionStore>;
  moves: TenantMoves;
  /** As the cell does now and again. */
  finishCalledOff(): Promise<void>;
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
export function directory(version: number, moved: Record<string, string> = {}): DirectoryView {
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

export const places: Place[] = [];
afterEach(async () => {
  for (const { host, home, folder } of places.splice(0)) {
    await host.close();
    home.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});

export async function place(
  id: string,
  jurisdiction: "eu" | "us",
  secret: number,
  over: Partial<MovingParts> = {},
): Promise<Place> {
  const { signer } = testSigner(secret);
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-store-"));
  const before = { write() {}, remove() {} };
  const clock = new TestClock();
  const files = await fileSystemObjectStore({ root: folder, jurisdiction, clock });
  const store: ObjectStore = {
    ...{ placement: files.placement, check: files.check.bind(files), get: files.get.bind(files) },
    ...{ getStream: files.getStream.bind(files), head: files.head.bind(files), list: files.list.bind(files) },
    delete(...args) {
      before.remove();
      return files.delete(...args);
    },
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
    finishCalledOff: async () => {},
    async restart() {
      await made.host.close();
      made.host = home.open({ clock });
      wire();
    },
  };
  function wire(): void {
    made.tenants = embeddedTenantStore(made.host, tenantClass);
    made.sessions = embeddedSessionStore(made.host);
    const objects = embeddedMovedObjects(made.host, home.path, classes);
    made.finishCalledOff = () => finishCalledOff({ objects, store });
    made.moves = tenantMoves({
      ...{
        cell: { id, jurisdiction },
        clock: home.clock,
        ids: { base62: (chars) => "m".repeat(chars) },
        store,
        keyring,
        signer,
      },
      objects,
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

export const value = <T, E extends { reason: string; detail?: string }>(result: Result<T, E>): T => {
  if (!result.ok) throw new Error(`${result.error.reason}: ${result.error.detail ?? ""}`);
  return result.value;
};
export const by = attribution();

/** Alarms until everything is published. */
export async function published({ host, clock, tenants }: Place): Promise<void> {
  for (let n = 0; n < 20; n++) {
    clock.advance(61_000);
    await host.runDueAlarms();
    const { versions } = value(await tenants.lookup(TENANT, null)).state;
    const log = value(await tenants.log(TENANT, { kid: null, versions: { credential: 0, ...versions } }));
    if (log.published?.size === log.size) return;
  }
  throw new Error("the log does not come to rest");
}

export const SESSION = "s".repeat(26);
export const FILE = `files/${TENANT}/file-${"f".repeat(26)}/content`;

/** A tenant with a ledger, a conversation, and a file that is longer than a part. */
export async function inhabited(at: Place): Promise<Uint8Array> {
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
  const wrapped = new Uint8Array(61).fill(1);
  const key = { subject_key: "k".repeat(26), wrapped };
  const kept = { session: SESSION, expires_ms: spec.expires_ms };
  value(
    await tenants.beginContent(TENANT, { subject: sha256Hex("jo"), proposal: { id: key.subject_key, wrapped }, kept }),
  );
  const items = Array.from({ length: 12 }, (_, n) => ({
    id: `i${n}`,
    type: "message",
    sealed: new Uint8Array(60_000).fill(n),
  }));
  value(await sessions.create(TENANT, SESSION, { ...spec, key, items }));
  return plain;
}

/** Every file of the archive, asked for one by one. */
export async function exported(at: Place): Promise<{ parts: Uint8Array[]; manifest: string }> {
  const parts: Uint8Array[] = [];
  for (;;) {
    const { file, last } = value(await at.moves.export(TENANT, KEY, parts.length));
    if (last && file !== null) return { parts, manifest: new TextDecoder().decode(file.bytes) };
    if (file !== null) parts.push(file.bytes);
  }
}

export async function stage(at: Place, parts: readonly Uint8Array[]): Promise<void> {
  for (const part of parts) value(await at.moves.stage(TENANT, sha256Hex(part), part));
}

/** Both homes, with an archive of a tenant that leaves the first for the second. */
export async function leaving(over: Partial<MovingParts> = {}) {
  const [from, to] = [await place("eu1", "eu", 1), await place("eu2", "eu", 2, over)];
  const plain = await inhabited(from);
  value(await from.moves.leave(TENANT, "eu2", by));
  await published(from);
  const archive = await exported(from);
  const input = { manifest: archive.manifest, keys: from.keys, transfer_key: KEY };
  return { from, to, plain, archive, input };
}

export async function serves({ tenants, clock }: Place): Promise<boolean> {
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
