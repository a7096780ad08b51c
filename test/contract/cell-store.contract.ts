import { describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { PoolWorkerReport, QueueSample } from "../../shared/contracts/pool-load.ts";
import type { CellStore, SystemEvent } from "../../shared/contracts/ports/cell-store.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { leafHex } from "../support/leaf-hex.ts";

const refused = (more: Partial<SystemEvent> = {}): SystemEvent => ({
  kind: "authentication.failed",
  reason: "unknown_key",
  source: "192.0.2.1",
  detail: {},
  ...more,
});
const reported = (id: string, members: Partial<PoolWorkerReport> = {}): PoolWorkerReport => ({
  ...{ id, pool: "gpu", worker: id, ready: true, running: 0, waiting: 0, concurrency: 4, service_ms: null },
  models: [{ id: "llama", digest: null }],
  ...members,
});
const sampled = (of: QueueSample["class"], members: Partial<QueueSample> = {}): QueueSample => ({
  ...{ pool: "gpu", class: of, ready: 0, in_flight: 0, dead: 0, oldest_ms: 0 },
  ...members,
});
const all = { from: 0, limit: 1_000 };

/** What every `CellStore` promises; `open` answers the store of a cell of its own. */
export function cellStoreContract(name: string, open: () => CellStore): void {
  describe(`CellStore over ${name}`, () => {
    it("is empty before anything was written", async () => {
      const cell = open();
      expect(await cell.active()).toBeNull();
      expect(await cell.systemLedger(all)).toEqual({ entries: [], size: 0, head: "0".repeat(64) });
      expect(await cell.tenants({ after: null, limit: 10 })).toEqual([]);
    });

    it("counts an activation once however often it is repeated, and returns to an older one as a new revision", async () => {
      const cell = open();
      const first = await cell.activate("sha256:a", { "models.yml": "x".repeat(3_000_000) });
      expect(first).toMatchObject({ digest: "sha256:a", revision: 1 });
      expect(await cell.activate("sha256:a", {})).toEqual(first);
      expect(await cell.activate("sha256:b", {})).toMatchObject({ digest: "sha256:b", revision: 2 });
      expect(await cell.activate("sha256:a", {})).toMatchObject({ digest: "sha256:a", revision: 3 });
      expect(await cell.active()).toMatchObject({ digest: "sha256:a", revision: 3 });
    });

    it("writes each activation to the system ledger, so that no configuration was ever in force unseen", async () => {
      const cell = open();
      await cell.activate("sha256:a", {});
      await cell.activate("sha256:b", {});
      const { entries } = await cell.systemLedger(all);
      expect(entries.map(({ kind, detail }) => [kind, detail.digest, detail.previous])).toEqual([
        ["config.changed", "sha256:a", null],
        ["config.changed", "sha256:b", "sha256:a"],
      ]);
    });

    it("chains its entries, so that a changed or missing one is found by anybody", async () => {
      const cell = open();
      await cell.activate("sha256:a", {});
      for (const reason of ["one", "two\ud800", "three"]) await cell.system([refused({ reason })]);
      await cell.system([refused({ kind: "tenant.provisioned", detail: { tenant: "acme" } })]);
      const { entries, size, head } = await cell.systemLedger(all);
      expect(size).toBe(5);
      let prev = "0".repeat(64);
      for (const [seq, entry] of entries.entries()) {
        expect([entry.seq, entry.prev, entry.tenant]).toEqual([seq, prev, "_cell"]);
        prev = leafHex(canonicalJson({ ...entry }));
      }
      expect(prev).toBe(head);
      expect(entries.slice(1).map(({ snapshot }) => snapshot)).toEqual(Array(4).fill("sha256:a"));
      const part = await cell.systemLedger({ from: 3, limit: 1 });
      expect(part).toEqual({ entries: [entries[3]], size, head });
    });

    it("names each signing key once, however many isolates begin to use it", async () => {
      const cell = open();
      const added = (kid: string): SystemEvent => ({
        kind: "signing_key.added",
        reason: "first_use",
        source: null,
        detail: { kid, alg: "Ed25519", not_before: "2026-11-21T00:00:00.000Z" },
      });
      await Promise.all([cell.system([added("a"), added("b")]), cell.system([added("b"), added("a")])]);
      await cell.system([added("c"), added("a")]);
      const { entries } = await cell.systemLedger(all);
      expect(entries.map(({ kind, outcome, detail }) => [kind, outcome, detail.kid]).sort()).toEqual(
        ["a", "b", "c"].map((kid) => ["signing_key.added", "success", kid]),
      );
      expect(entries[0]?.detail).toMatchObject({ alg: "Ed25519", not_before: "2026-11-21T00:00:00.000Z" });
      await expect(cell.system([{ ...added(""), detail: {} }])).rejects.toThrow();
    });

    it("coalesces repeats of one failure and tells apart what differs, so that a guesser cannot fill the disk", async () => {
      const cell = open();
      for (let round = 0; round < 5; round++) {
        await cell.system(Array.from({ length: 20 }, () => refused()));
        await cell.system([
          refused({ source: null }),
          refused({ reason: "expired" }),
          refused({ kind: "call.refused" }),
        ]);
      }
      const { entries } = await cell.systemLedger(all);
      expect(entries).toHaveLength(4);
      expect(entries.map(({ kind, source, detail }) => `${kind} ${detail.reason} ${source}`)).toEqual([
        "authentication.failed unknown_key 192.0.2.1",
        "authentication.failed unknown_key null",
        "authentication.failed expired 192.0.2.1",
        "call.refused unknown_key 192.0.2.1",
      ]);
    });

    it("bounds what a flood from many addresses writes", async () => {
      const cell = open();
      for (let from = 0; from < 1_000; from += 250) {
        await cell.system(Array.from({ length: 250 }, (_, index) => refused({ source: `2001:db8::${from + index}` })));
      }
      expect((await cell.systemLedger(all)).size).toBeLessThanOrEqual(LIMITS.systemWindowsMax + 1);
    });

    it("keeps an entry inside its bound by a digest of what is too long", async () => {
      const cell = open();
      await cell.system([refused({ detail: { long: "x".repeat(100_000) } }), refused({ reason: "y".repeat(5_000) })]);
      const { entries } = await cell.systemLedger(all);
      expect(entries[0]?.detail).toMatchObject({ omitted: "oversize" });
      for (const entry of entries) {
        expect(canonicalJson({ ...entry }).length).toBeLessThanOrEqual(LIMITS.ledgerEntryBytesMax);
      }
    });

    it("adds counters up from any number of writers, and refuses what cannot be added", async () => {
      const cell = open();
      await Promise.all(Array.from({ length: 20 }, () => cell.count({ a: 1, 'b{x="y"}': 0.5, __proto__x: 1 })));
      expect(await cell.count({})).toEqual({ a: 20, 'b{x="y"}': 10, __proto__x: 20 });
      await expect(cell.count({ a: 1, b: Number.NaN })).rejects.toThrow();
      await expect(cell.count({ a: -1 })).rejects.toThrow();
      expect(await cell.count({})).toMatchObject({ a: 20 });
    });

    it("counts increments it has no room for instead of losing them in silence", async () => {
      const cell = open();
      const counted = await cell.count({ ["n".repeat(LIMITS.counterNameCharsMax + 1)]: 5 });
      expect(counted).toEqual({ bailiwick_counters_refused_total: 1 });
    });

    it("adds up what ready workers of a pool can do, for the pool and for each exact model", async () => {
      const cell = open();
      expect(await cell.pools()).toEqual([]);
      const both = [
        { id: "llama", digest: "sha256:a" },
        { id: "embed", digest: null },
      ];
      const told = await cell.poolReport({
        workers: [
          reported("a", { models: both, running: 3, waiting: 1, concurrency: 8, service_ms: 1_000 }),
          reported("b", { running: 2, service_ms: 4_000 }),
          reported("c", { ready: false, running: 9 }),
          reported("d", { pool: "other", running: 1, service_ms: null }),
        ],
        gone: [],
        queues: [sampled("interactive", { ready: 3, dead: 1, oldest_ms: 250 }), sampled("batch", { oldest_ms: null })],
      });
      expect(await cell.pools()).toEqual(told);
      const [gpu, other] = told;
      expect(gpu).toMatchObject({ pool: "gpu", connected: 3, workers: 2, capacity: 12, running: 5, waiting: 1 });
      expect(gpu?.service_ms).toBe(2_000);
      expect(gpu?.models.map(({ id, digest, capacity }) => [id, digest, capacity]).sort()).toEqual([
        ["embed", null, 8],
        ["llama", null, 4],
        ["llama", "sha256:a", 8],
      ]);
      expect(gpu?.queues.map(({ sampled_ms, ...queue }) => [sampled_ms > 0, queue])).toEqual([
        [true, sampled("interactive", { ready: 3, dead: 1, oldest_ms: 250 })],
        [true, sampled("batch", { oldest_ms: null })],
      ]);
      expect(other).toMatchObject({ pool: "other", connected: 1, running: 1, service_ms: null, queues: [] });
    });

    it("takes a worker's newest word and forgets it at once when it is gone, so that no call waits for the dead", async () => {
      const cell = open();
      const nothing = { workers: [], gone: [], queues: [] };
      await cell.poolReport({ ...nothing, workers: [reported("a"), reported("b", { worker: "twin" })] });
      const [renewed] = await cell.poolReport({ ...nothing, workers: [reported("a", { running: 4 })] });
      expect(renewed).toMatchObject({ connected: 2, running: 4 });
      // Another connection under the same name is another worker until the first has missed a word.
      const [twins] = await cell.poolReport({ ...nothing, workers: [reported("c", { worker: "twin" })] });
      expect(twins).toMatchObject({ connected: 3 });
      const left = await cell.poolReport({ ...nothing, gone: ["a", "b", "nobody"] });
      expect(left.map(({ connected }) => connected)).toEqual([1]);
      expect(await cell.poolReport({ ...nothing, gone: ["c"] })).toEqual([]);
    });

    it("bounds the connections that it keeps, so that reports fill no disk", async () => {
      const cell = open();
      const nothing = { gone: [], queues: [] };
      let counted = 0;
      for (let from = 0; from <= LIMITS.poolWorkersMax; from += 1_024) {
        const workers = Array.from({ length: 1_024 }, (_, index) => reported(`w${from + index}`));
        counted = (await cell.poolReport({ ...nothing, workers }))[0]?.connected ?? 0;
      }
      expect(counted).toBe(LIMITS.poolWorkersMax);
      const [known] = await cell.poolReport({ ...nothing, workers: [reported("w0", { running: 7 })] });
      expect(known).toMatchObject({ connected: LIMITS.poolWorkersMax, running: 7 });
    });

    it("names the operator of the cell who redrove or forgot a dead letter, each time anew", async () => {
      const cell = open();
      const by = {
        ...{
          request: "req_1",
          subject: "user:operator",
          credential: "bw_x",
          acr: "high",
          workspace: "w",
          project: "p",
        },
        ...{ environment: "e", cell: "local", region: "local", source: "192.0.2.7", release: "1", snapshot: "s" },
        ...{ decision: "dec_1", policy: "cell@1" },
      };
      const operated = { action: "cell:write", by };
      const event = (kind: "dead_letter.redriven" | "dead_letter.purged"): SystemEvent => ({
        ...{ kind, reason: "operator", source: by.source, detail: { pool: "gpu", letter: "interactive.1" }, operated },
      });
      await cell.system([event("dead_letter.redriven"), event("dead_letter.redriven"), event("dead_letter.purged")]);
      const { entries } = await cell.systemLedger(all);
      expect(entries.map(({ kind, outcome }) => `${kind} ${outcome}`)).toEqual([
        "dead_letter.redriven success",
        "dead_letter.redriven success",
        "dead_letter.purged success",
      ]);
      for (const entry of entries)
        expect(entry).toMatchObject({
          ...{ action: "cell:write", request: "req_1", subject: "user:operator", credential: "bw_x", acr: "high" },
          ...{ decision: "dec_1", policy: "cell@1", source: "192.0.2.7", tenant: "_cell" },
        });
    });

    it("lists its tenants once each, in order, page by page", async () => {
      const cell = open();
      for (const tenant of ["b", "a", "c", "a"]) await cell.registerTenant(tenant);
      expect(await cell.tenants({ after: null, limit: 2 })).toEqual(["a", "b"]);
      expect(await cell.tenants({ after: "b", limit: 2 })).toEqual(["c"]);
    });
  });
}
