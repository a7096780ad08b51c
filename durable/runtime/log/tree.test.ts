import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../../shared/crypto/canonical-json.ts";
import { leafHash, rootOfLeaves, verifyInclusion } from "../../../shared/crypto/log/tree.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { TENANT_MIGRATIONS } from "../../tenant/migrations.ts";
import { migrate } from "../migrate.ts";
import { openMemorySql } from "../node-sql.ts";
import type { Sql } from "../sql.ts";
import { leavesOf } from "./bundles.ts";
import { inclusionProof, rootAt } from "./nodes.ts";
import { sealedHead, sealStep } from "./seal.ts";

const LOG_MIGRATION = 6;
const text = (seq: number): string => canonicalJson({ at: "2026-11-21T12:00:00.000Z", seq });

function logOf(entries: number): { sql: Sql; leaves: Uint8Array[] } {
  const sql = openMemorySql();
  migrate(sql, TENANT_MIGRATIONS);
  const leaves = Array.from({ length: entries }, (_, seq) => leafHash(utf8(text(seq))));
  leaves.forEach((leaf, seq) => {
    const hash = Buffer.from(leaf).toString("hex");
    sql.run("INSERT INTO ledger (seq, at_ms, hash, body) VALUES (?, ?, ?, ?)", seq, seq, hash, text(seq));
  });
  return { sql, leaves };
}

describe("the sealed tree", () => {
  it("is RFC 6962's at every size, however it was sealed, and proves every entry", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_400 }), fc.integer({ min: 1, max: 600 }), (size, step) => {
        const { sql, leaves } = logOf(size);
        while (sealStep(sql, size, step));
        const root = rootOfLeaves(leaves);
        expect(sealedHead(sql)).toEqual({ size, root: Buffer.from(root).toString("base64") });
        for (const at of [1, Math.ceil(size / 3), size])
          expect(rootAt(sql, at)).toEqual(rootOfLeaves(leaves.slice(0, at)));
        for (const index of [0, Math.floor(size / 2), size - 1]) {
          const leaf = leaves[index] ?? new Uint8Array();
          expect(verifyInclusion({ index, size, leaf, proof: inclusionProof(sql, index, size), root })).toBe(true);
        }
      }),
      { numRuns: 25, seed: 20_261_121 },
    );
  });

  it("counts entries by their text that were written before their hash was the leaf hash, so an older home can be published", () => {
    const sql = openMemorySql();
    const before = TENANT_MIGRATIONS.filter(({ id }) => id < LOG_MIGRATION);
    migrate(sql, before);
    for (let seq = 0; seq < 3; seq++)
      sql.run("INSERT INTO ledger (seq, at_ms, hash, body) VALUES (?, 0, ?, ?)", seq, sha256Hex(text(seq)), text(seq));
    migrate(sql, TENANT_MIGRATIONS);
    const leaf = Buffer.from(leafHash(utf8(text(3)))).toString("hex");
    sql.run("INSERT INTO ledger (seq, at_ms, hash, body) VALUES (3, 0, ?, ?)", leaf, text(3));
    expect(leavesOf(sql, 0, 4)).toEqual([0, 1, 2, 3].map((seq) => leafHash(utf8(text(seq)))));
  });
});
