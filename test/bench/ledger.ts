/**
 * What a ledger costs as it grows: time of an append with its share of sealing, of a proof and of its verification, at 10³
 * to 10⁶ entries; then what publishing writes to an archive. `npm run bench:ledger [-- largest]`. One thread, `node:sqlite`
 * in memory, the hashing of the embedded cell. Times are processor time of the best batch, because the machine may be shared:
 * read the ratios, not the digits.
 */

import { inclusionProof, rootAt } from "../../durable/runtime/log/nodes.ts";
import { pruneStep } from "../../durable/runtime/log/prune.ts";
import { sealStep } from "../../durable/runtime/log/seal.ts";
import { checkpointRow, logRow, notePublished } from "../../durable/runtime/log/state.ts";
import { migrate } from "../../durable/runtime/migrate.ts";
import { openMemorySql } from "../../durable/runtime/node-sql.ts";
import type { CoreEnv, Sql } from "../../durable/runtime/sql.ts";
import { headOf, ledgerWriter } from "../../durable/tenant/core/ledger.ts";
import { feedDelivered, provision, tenantLog } from "../../durable/tenant/core.ts";
import { TENANT_MIGRATIONS } from "../../durable/tenant/migrations.ts";
import { nativeHashing } from "../../functions/entry/native-hashing.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { err, ok } from "../../shared/contracts/result.ts";
import { useHashing } from "../../shared/crypto/hashing.ts";
import { decodeHex } from "../../shared/crypto/hex.ts";
import { verifyInclusion } from "../../shared/crypto/log/tree.ts";
import { attribution, provisionSpec } from "../support/tenant-fixtures.ts";
import { archiveCosts } from "./ledger-archive.ts";
import { closedDetail, openedDetail } from "./ledger-entries.ts";

useHashing(nativeHashing);

const largest = Number(process.argv[2] ?? 1_000_000);
const BATCH = 128;
const BATCHES = 32;
const SAMPLES = 200;
const BOUNDS = {
  rows_kept: LIMITS.logRowsKept,
  turn_entries_max: LIMITS.logTurnEntriesMax,
  step_rows_max: LIMITS.logStepRowsMax,
};

const env: CoreEnv = { now: Date.UTC(2026, 10, 21), mint: () => "" };
const sql: Sql = openMemorySql();
migrate(sql, TENANT_MIGRATIONS);
provision(sql, env, "bench", provisionSpec());

function appendSome(count: number): void {
  const by = attribution();
  for (let at = 0; at < count; at += 2) {
    env.now++;
    sql.transaction(() => {
      const ledger = ledgerWriter(sql, env.now);
      const task = `task_${String(ledger.next).padStart(26, "0")}`;
      const action = "inference:create";
      const opened = ledger.append({ kind: "task.opened", outcome: "pending", action, task, by, detail: openedDetail });
      const detail = { ...closedDetail, opened };
      ledger.append({ kind: "task.closed", outcome: "success", action, task, by, detail });
      return ok(null);
    });
  }
}

const seal = (): void => {
  while (sealStep(sql, headOf(sql).size, BOUNDS.step_rows_max));
};

/** As after a publication: rows that the archive has go, so that the database stays as large as it does in service. */
function published(): void {
  const { size } = headOf(sql);
  feedDelivered(sql, size);
  notePublished(sql, { ...checkpointRow(sql), size });
  while (pruneStep(sql, tenantLog(true), BOUNDS));
}

const cpuUs = (body: () => void): number => {
  const from = process.cpuUsage();
  body();
  const { user, system } = process.cpuUsage(from);
  return user + system;
};

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

interface Line {
  entries: number;
  appendUs: number;
  sealUs: number;
  proofUs: number;
  verifyUs: number;
}

function measure(): Line {
  const entries = headOf(sql).size;
  const appends: number[] = [];
  const seals: number[] = [];
  for (let at = 0; at < BATCHES; at++) {
    appends.push(cpuUs(() => appendSome(BATCH)) / BATCH);
    seals.push(cpuUs(seal) / BATCH);
  }
  const { size } = headOf(sql);
  const root = rootAt(sql, size);
  const { pruned } = logRow(sql);
  const samples = Array.from({ length: SAMPLES }, (_, at) => {
    const index = pruned + Math.floor(((size - pruned) * at) / SAMPLES);
    const row = sql.get<{ hash: string }>("SELECT hash FROM ledger WHERE seq = ?", index);
    return { index, leaf: decodeHex(row?.hash ?? "") ?? new Uint8Array() };
  });
  const proofs: Uint8Array[][] = [];
  const proofUs = samples.map(({ index }) => cpuUs(() => void proofs.push(inclusionProof(sql, index, size))));
  let valid = 0;
  const verifyUs = cpuUs(() => {
    samples.forEach(({ index, leaf }, at) => {
      if (verifyInclusion({ index, size, leaf, proof: proofs[at] ?? [], root })) valid++;
    });
  });
  if (valid !== SAMPLES) throw new Error("a proof does not verify");
  return {
    entries,
    appendUs: Math.min(...appends),
    sealUs: Math.min(...seals),
    proofUs: median(proofUs),
    verifyUs: verifyUs / SAMPLES,
  };
}

/** Measures on top of what is there, and undoes it, so that each size is what it says. */
function measured(): Line {
  let line: Line | undefined;
  sql.transaction(() => {
    line = measure();
    return err(null);
  });
  if (!line) throw new Error("nothing was measured");
  return line;
}

// The first thousands of appends are the compiler's.
for (let at = 0; at < 5; at++) measured();
const lines: Line[] = [];
for (let entries = 1_000; entries <= largest; entries *= 10) {
  while (headOf(sql).size < entries) {
    appendSome(Math.min(LIMITS.logTurnEntriesMax, entries - headOf(sql).size));
    seal();
    published();
  }
  lines.push(measured());
}

const first = lines[0];
if (!first) throw new Error("nothing was measured");
console.log("| entries | append + sealing | of it sealing | ratio | proof | verification |");
console.log("|---|---|---|---|---|---|");
for (const { entries, appendUs, sealUs, proofUs, verifyUs } of lines) {
  const whole = appendUs + sealUs;
  const ratio = whole / (first.appendUs + first.sealUs);
  console.log(
    `| ${entries.toLocaleString("en")} | ${whole.toFixed(1)} µs | ${sealUs.toFixed(1)} µs | ${ratio.toFixed(2)} | ${proofUs.toFixed(0)} µs | ${verifyUs.toFixed(0)} µs |`,
  );
}
console.log("");
if (largest > 100) await archiveCosts();
