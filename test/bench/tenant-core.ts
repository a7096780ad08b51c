/**
 * Speed of admission and settlement in the tenant's core, on `node:sqlite` in memory, one thread: pairs a second, and where
 * the time goes. `node test/bench/tenant-core.ts [pairs]`. Pairs are counted in processor time, because the machine may be
 * shared; the lines per statement are wall time. Read the ratios, not the digits.
 */

import { migrate } from "../../durable/runtime/migrate.ts";
import { openMemorySql } from "../../durable/runtime/node-sql.ts";
import type { CoreEnv, Sql, SqlRow, SqlValue } from "../../durable/runtime/sql.ts";
import { admit, provision, settle } from "../../durable/tenant/core.ts";
import { TENANT_MIGRATIONS } from "../../durable/tenant/migrations.ts";
import type { BudgetId } from "../../shared/contracts/ids.ts";
import { nanoUsd } from "../../shared/contracts/money.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import { admitRequest, attribution, budget, newKey, settleRequest, taskId } from "../support/tenant-fixtures.ts";

const pairs = Number(process.argv[2] ?? 20_000);

/** Counts statements and their time; the difference to the whole is JSON, hashing and the core's own work. */
class CountingSql implements Sql {
  readonly #inner: Sql;
  readonly spent = new Map<string, { calls: number; ms: number }>();
  constructor(inner: Sql) {
    this.#inner = inner;
  }
  all<R extends SqlRow>(text: string, ...params: SqlValue[]): R[] {
    return this.#timed(text, () => this.#inner.all<R>(text, ...params));
  }
  get<R extends SqlRow>(text: string, ...params: SqlValue[]): R | undefined {
    return this.#timed(text, () => this.#inner.get<R>(text, ...params));
  }
  run(text: string, ...params: SqlValue[]): void {
    this.#timed(text, () => this.#inner.run(text, ...params));
  }
  change(text: string, ...params: SqlValue[]): number {
    return this.#timed(text, () => this.#inner.change(text, ...params));
  }
  transaction: Sql["transaction"] = (body) => this.#inner.transaction(body);
  version: Sql["version"] = (table) => this.#inner.version(table);
  erased: Sql["erased"] = () => this.#inner.erased();
  #timed<T>(text: string, body: () => T): T {
    const from = performance.now();
    const value = body();
    const line = this.spent.get(text) ?? { calls: 0, ms: 0 };
    line.calls++;
    line.ms += performance.now() - from;
    this.spent.set(text, line);
    return value;
  }
}

interface Scenario {
  name: string;
  budgets: number;
  tokens: boolean;
  keyed: boolean;
}
const SCENARIOS: Scenario[] = [
  { name: "key bucket only", budgets: 0, tokens: false, keyed: false },
  { name: "4 buckets, 1 budget", budgets: 1, tokens: true, keyed: false },
  { name: "4 buckets, 4 budgets, idempotency key", budgets: 4, tokens: true, keyed: true },
];

function prepared(scenario: Scenario): Sql {
  const sql = openMemorySql();
  migrate(sql, TENANT_MIGRATIONS);
  const budgets = Array.from({ length: scenario.budgets }, (_, at) =>
    // safe because: the shape of an id, as `Ids` would mint it
    budget({ id: `bud_${String(at).padStart(26, "0")}` as BudgetId, limit_nusd: nanoUsd(9e15) }),
  );
  provision(sql, env, "bench", {
    settings: { name: "Bench", privacy: "hybrid", content: "none", transit: "refused" },
    data_key: "k".repeat(64),
    keys: [newKey()],
    budgets,
    by: attribution(),
  });
  return sql;
}

const env: CoreEnv = { now: Date.UTC(2026, 10, 21), mint: () => "" };
let minted = 0;

function drive(sql: Sql, { tokens, keyed }: Scenario, count: number): number {
  const from = process.cpuUsage();
  for (let at = 0; at < count; at++) {
    env.now++;
    const task = taskId(++minted);
    const wide = { limit: 1e9, per_ms: 60_000, burst: 1e9 };
    const [admitted] = admit(sql, env, [
      admitRequest(task, env.now, {
        rates: [
          { dimension: "key", id: "kid", unit: "requests", ...wide },
          ...(tokens
            ? ([
                { dimension: "user", id: "service:demo", unit: "requests", ...wide },
                { dimension: "tenant", id: "*", unit: "requests", ...wide },
                { dimension: "key", id: "kid", unit: "tokens", ...wide },
              ] as const)
            : []),
        ],
        idempotency: keyed ? { key_hash: sha256Hex(task).slice(0, 32), fingerprint: "0".repeat(32) } : null,
      }),
    ]);
    const [settled] = settle(sql, env, [settleRequest(task)]);
    if (!admitted?.ok || !settled?.ok) throw new Error(JSON.stringify({ admitted, settled }));
  }
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1000;
}

const BATCH = 500;

for (const scenario of SCENARIOS) {
  const sql = prepared(scenario);
  drive(sql, scenario, 2_000);
  // Batches, because other processes share caches and cores: the best one is what the code costs.
  const batches = Array.from({ length: Math.ceil(pairs / BATCH) }, () => drive(sql, scenario, BATCH)).sort(
    (a, b) => a - b,
  );
  const rate = (ms: number) => `${Math.round((BATCH / ms) * 1000)} pairs/s (${((ms / BATCH) * 1000).toFixed(1)} us)`;
  const best = batches[0] ?? Number.NaN;
  const median = batches[Math.floor(batches.length / 2)] ?? Number.NaN;
  console.log(`\n${scenario.name}: median ${rate(median)}, best ${rate(best)}`);

  const counting = new CountingSql(sql);
  const counted = Math.min(pairs, 5_000);
  const whole = drive(counting, scenario, counted);
  let statements = 0;
  const lines = [...counting.spent].sort(([, a], [, b]) => b.ms - a.ms);
  for (const [text, { calls, ms: spent }] of lines) {
    statements += spent;
    console.log(
      `  ${((spent / counted) * 1000).toFixed(1).padStart(6)} us ${(calls / counted).toFixed(2)}x  ${text.replace(/\s+/g, " ").slice(0, 90)}`,
    );
  }
  console.log(
    `  ${(((whole - statements) / counted) * 1000).toFixed(1).padStart(6)} us        transactions, JSON, hashing, the core itself`,
  );
}

const body = "x".repeat(1_000);
const from = performance.now();
for (let at = 0; at < 10_000; at++) sha256Hex(body);
console.log(`\nSHA-256 of 1,000 bytes: ${((performance.now() - from) / 10).toFixed(1)} us`);
