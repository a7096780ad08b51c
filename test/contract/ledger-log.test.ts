import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { embeddedCellStore } from "../../durable/cell/embedded.ts";
import { cellObjectClass } from "../../durable/cell/object-class.ts";
import type { EmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import type { LogParts } from "../../durable/runtime/log/parts.ts";
import { objectFolder, objectPath } from "../../durable/runtime/object-path.ts";
import { embeddedTenantStore } from "../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../durable/tenant/object-class.ts";
import { fileSystemObjectStore } from "../../functions/adapters/object-store/file-system.ts";
import { TenantId } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { LogFault } from "../../shared/contracts/log.ts";
import type { EventSink } from "../../shared/contracts/ports/event-sink.ts";
import { type ObjectStore, ObjectStoreUnavailable } from "../../shared/contracts/ports/object-store.ts";
import type { OutboxRow } from "../../shared/contracts/ports/tenant-store.ts";
import { checkArchive } from "../support/check-archive.ts";
import { LAB_SIGNER } from "../support/log-lab.ts";
import { type ObjectsHome, objectsHome, TestClock } from "../support/objects-home.ts";
import { access, admitRequest, provisionSpec, settleRequest, taskId } from "../support/tenant-fixtures.ts";

const tenant = TenantId.parse("acme1");
const ORIGIN = { cell: "local", region: "local", release: "test" };

/** A cell's objects on disk, with a file-system archive beside them. */
class Cell {
  readonly delivered: OutboxRow[] = [];
  readonly halted = new Map<string, LogFault | null>();
  readonly unpublished = new Map<string, number>();
  archiveAway = false;
  sinkAway = false;
  readonly #folder: string;
  readonly home: ObjectsHome;
  readonly archive: ObjectStore;
  readonly #tenants: ReturnType<typeof tenantObjectClass>;
  readonly #cells: ReturnType<typeof cellObjectClass>;
  host: EmbeddedHost;

  static async open(): Promise<Cell> {
    const folder = mkdtempSync(join(tmpdir(), "bailiwick-archive-"));
    return new Cell(
      folder,
      await fileSystemObjectStore({ root: folder, jurisdiction: "local", clock: new TestClock() }),
    );
  }

  private constructor(folder: string, archive: ObjectStore) {
    this.#folder = folder;
    this.archive = archive;
    const sink: EventSink = {
      deliver: async (_tenant, rows) => {
        if (this.sinkAway) throw new Error("the receiver is away");
        this.delivered.push(...rows);
      },
    };
    const parts: LogParts = {
      archive: { ...archive, list: (...args) => this.#reach(() => archive.list(...args)) },
      signer: LAB_SIGNER,
      prefix: (name) => `logs/${name}/`,
      origin: (name) => `bailiwick.example.com/${name}`,
      retention_days: () => 1,
      onHalted: (name, fault) => this.halted.set(name, fault),
      onUnpublished: (name, entries) => this.unpublished.set(name, entries),
    };
    this.#tenants = tenantObjectClass(sink, parts);
    this.#cells = cellObjectClass(parts);
    this.home = objectsHome({ classes: [this.#tenants, this.#cells] });
    this.host = this.home.open();
  }

  get store() {
    return embeddedTenantStore(this.host, this.#tenants);
  }
  get system() {
    return embeddedCellStore(this.host, ORIGIN, this.#cells);
  }
  get file(): string {
    return objectPath(objectFolder(this.home.path, "tenant"), tenant);
  }
  async run(n: number): Promise<void> {
    await this.store.admit(tenant, [admitRequest(taskId(n), this.home.clock.now())]);
    await this.store.settle(tenant, [settleRequest(taskId(n))]);
  }
  async later(ms: number): Promise<void> {
    this.home.clock.advance(ms);
    await this.host.runDueAlarms();
  }
  async state() {
    const state = await this.store.log(tenant, access());
    if (!state.ok) throw new Error(state.error.reason);
    return state.value;
  }
  async close(): Promise<void> {
    await this.host.close();
    this.home.remove();
    rmSync(this.#folder, { recursive: true });
  }
  async #reach<T>(call: () => Promise<T>): Promise<T> {
    if (this.archiveAway) throw new ObjectStoreUnavailable("the archive is away");
    return call();
  }
}

const cells: Cell[] = [];
async function open(): Promise<Cell> {
  const cell = await Cell.open();
  cells.push(cell);
  await cell.store.provision(tenant, provisionSpec());
  return cell;
}
afterEach(async () => {
  for (const cell of cells.splice(0)) await cell.close();
});

describe("ledgers on the embedded host", () => {
  it("are in the archive a minute after the last entry, tenant's and cell's, each for a stranger to verify", async () => {
    const cell = await open();
    for (let n = 1; n < 4; n++) await cell.run(n);
    await cell.system.activate("sha256:a", {});
    await cell.later(LIMITS.logFewDelayMs);
    const { size, published } = await cell.state();
    expect([size, published?.size]).toEqual([8, 8]);
    const { texts } = await checkArchive(cell.archive, "logs/acme1/", "bailiwick.example.com/acme1", LAB_SIGNER);
    expect(texts.length).toBe(8);
    const system = await checkArchive(cell.archive, "logs/_cell/", "bailiwick.example.com/_cell", LAB_SIGNER);
    expect(system.texts.map((text) => JSON.parse(text).kind)).toEqual(["config.changed"]);
    expect(await cell.system.systemLog()).toMatchObject({ size: 1, published: { size: 1 }, halted: null });
    const now = cell.home.clock.now();
    const period = { from_ms: now - 3_600_000, to_ms: now };
    expect(await cell.system.systemPeriod(period)).toMatchObject({ first: 0, count: 1, pending: null });
    expect(Object.fromEntries(cell.unpublished)).toEqual({ acme1: 0, _cell: 0 });
    expect(cell.home.errors).toEqual([]);
  });

  it("halt the tenant whose database file was put back to an older one, until the right one is there again", async () => {
    const cell = await open();
    await cell.run(1);
    await cell.later(LIMITS.logFewDelayMs);
    await cell.host.close();
    const [older, newer] = [`${cell.file}.older`, `${cell.file}.newer`];
    copyFileSync(cell.file, older);
    cell.host = cell.home.open();
    for (let n = 2; n < 9; n++) await cell.run(n);
    await cell.later(LIMITS.logFewDelayMs);
    await cell.host.close();
    copyFileSync(cell.file, newer);
    copyFileSync(older, cell.file);

    cell.host = cell.home.open();
    await cell.run(9);
    await cell.later(LIMITS.logFewDelayMs);
    expect((await cell.state()).halted).toMatchObject({ fault: "database_rewound" });
    expect(cell.halted.get("acme1")).toBe("database_rewound");
    const [refused] = await cell.store.admit(tenant, [admitRequest(taskId(10), cell.home.clock.now())]);
    expect(refused).toMatchObject({ error: { reason: "ledger_halted" } });

    await cell.host.close();
    copyFileSync(newer, cell.file);
    cell.host = cell.home.open();
    await cell.run(11);
    await cell.later(LIMITS.logFewDelayMs);
    expect(await cell.state()).toMatchObject({ halted: null, size: 20, published: { size: 20 } });
    expect(cell.halted.get("acme1")).toBe(null);
    await checkArchive(cell.archive, "logs/acme1/", "bailiwick.example.com/acme1", LAB_SIGNER);
  });

  it("are published while the receiver of events is away, and events are delivered while the archive is: neither waits for the other", async () => {
    const cell = await open();
    cell.sinkAway = true;
    await cell.run(1);
    await cell.later(LIMITS.outboxDelayMs);
    for (let seconds = 1; seconds < 60; seconds++) await cell.later(1_000);
    expect(await cell.state()).toMatchObject({ published: { size: 4 } });
    expect(cell.delivered).toEqual([]);

    cell.sinkAway = false;
    cell.archiveAway = true;
    await cell.later(LIMITS.outboxRetryMsMax);
    const before = cell.delivered.length;
    expect(before).toBeGreaterThan(0);
    await cell.run(2);
    await cell.later(LIMITS.logFewDelayMs);
    await cell.run(3);
    await cell.later(LIMITS.outboxDelayMs);
    expect(cell.delivered.length).toBe(before + 6);
    expect(await cell.state()).toMatchObject({ published: { size: 4 }, size: 8, halted: null });
    expect(cell.unpublished.get("acme1")).toBeGreaterThan(0);
    cell.archiveAway = false;
    await cell.later(LIMITS.outboxRetryMsMax);
    expect(await cell.state()).toMatchObject({ published: { size: 8 } });
  });
});
