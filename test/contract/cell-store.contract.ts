import { describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
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

    it("lists its tenants once each, in order, page by page", async () => {
      const cell = open();
      for (const tenant of ["b", "a", "c", "a"]) await cell.registerTenant(tenant);
      expect(await cell.tenants({ after: null, limit: 2 })).toEqual(["a", "b"]);
      expect(await cell.tenants({ after: "b", limit: 2 })).toEqual(["c"]);
    });
  });
}
