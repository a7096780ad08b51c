import { expect } from "vitest";
import { migrate } from "../../durable/runtime/migrate.ts";
import { type NodeSql, openMemorySql } from "../../durable/runtime/node-sql.ts";
import type { CoreEnv } from "../../durable/runtime/sql.ts";
import { admit, provision, settle } from "../../durable/tenant/core.ts";
import { TENANT_MIGRATIONS } from "../../durable/tenant/migrations.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import type { LedgerEntry } from "../../shared/contracts/ledger.ts";
import type {
  AdmitOutcome,
  AdmitRequest,
  ProvisionTenant,
  SettleOutcome,
  SettleRequest,
} from "../../shared/contracts/ports/tenant-store.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { leafHex } from "./leaf-hex.ts";
import { provisionSpec } from "./tenant-fixtures.ts";

/** Noon, so that a test may move some hours without leaving its day. */
export const NOON = Date.UTC(2026, 10, 21, 12);

/** A tenant's core over a database of its own, with a clock that only the test moves. */
export interface TestTenant {
  sql: NodeSql;
  env: CoreEnv;
  admit(request: AdmitRequest): AdmitOutcome;
  settle(request: SettleRequest): SettleOutcome;
  entries(): LedgerEntry[];
  /** Kinds of the entries that came after the first `from`. */
  kinds(from?: number): string[];
}

export function openTenant(spec: Partial<ProvisionTenant> = {}): TestTenant {
  const sql = openMemorySql();
  const env: CoreEnv = { now: NOON, mint: () => "0".repeat(26) };
  migrate(sql, TENANT_MIGRATIONS);
  const made = provision(sql, env, "acme1", provisionSpec(spec));
  if (!made.ok) throw new Error("a fresh tenant exists");
  const entries = () =>
    // safe because: the invariants below hold every entry to its shape
    sql
      .all<{ body: string }>("SELECT body FROM ledger ORDER BY seq")
      .map(({ body }) => JSON.parse(body) as LedgerEntry);
  return {
    sql,
    env,
    admit: (request) => one(admit(sql, env, [request])),
    settle: (request) => one(settle(sql, env, [request])),
    entries,
    kinds: (from = 0) =>
      entries()
        .slice(from)
        .map(({ kind }) => kind),
  };
}

const one = <T>(outcomes: T[]): T => {
  const [first] = outcomes;
  if (first === undefined || outcomes.length !== 1) throw new Error("one request, one outcome");
  return first;
};

export interface Charge {
  day: string;
  model: string | null;
  requests: number;
  cost: number;
  tokens_in: number;
}

/** What the ledger alone says was charged. */
export function chargesOf(entries: readonly LedgerEntry[]): Charge[] {
  const models = new Map(entries.map((entry) => [entry.seq, entry.detail.model]));
  return entries.flatMap((entry): Charge[] => {
    if (!["task.closed", "task.abandoned", "task.corrected"].includes(entry.kind)) return [];
    const { detail } = entry;
    const corrected = entry.kind === "task.corrected";
    const usage = Array.isArray(detail.usage) ? detail.usage : [];
    const tokens = usage.filter((row) => (row as JsonObject).meter === "tokens_in"); // safe because: compared only
    return [
      {
        day: corrected ? String(detail.day) : entry.at.slice(0, 10),
        model: String(models.get(Number(detail.opened))),
        requests: corrected ? 0 : 1,
        cost: Number(detail.cost_nusd) - (corrected ? Number(detail.was_nusd) : 0),
        tokens_in: tokens.reduce((sum: number, row) => sum + Number((row as JsonObject).quantity), 0),
      },
    ];
  });
}

/** What must hold of a tenant's database at every moment, whatever happened to it. */
export function expectInvariants({ sql, entries }: Pick<TestTenant, "sql" | "entries">): void {
  const rows = sql.all<{ seq: number; hash: string; body: string }>("SELECT seq, hash, body FROM ledger ORDER BY seq");
  let prev = "0".repeat(64);
  rows.forEach(({ seq, hash, body }, at) => {
    // Compared in one expectation, because thousands of them are slow.
    const value = JSON.parse(body);
    const canonical = canonicalJson(value) === body && new TextEncoder().encode(body).length <= 65_535;
    const linked = seq === at && value.seq === at && value.prev === prev && hash === leafHex(body);
    if (!canonical || !linked) expect({ at, canonical, linked, body }).toEqual({ at, canonical: true, linked: true });
    prev = hash;
  });

  const charges = chargesOf(entries());
  const total = (of: readonly Charge[], member: "requests" | "cost" | "tokens_in") =>
    of.reduce((sum, charge) => sum + charge[member], 0);
  expect(
    sql.get(
      "SELECT coalesce(sum(requests), 0) AS requests, coalesce(sum(cost_nusd), 0) AS cost, coalesce(sum(tokens_in), 0) AS tokens_in FROM usage",
    ),
  ).toEqual({
    requests: total(charges, "requests"),
    cost: total(charges, "cost"),
    tokens_in: total(charges, "tokens_in"),
  });

  const held = sql.all(
    `SELECT s.budget, s.span, s.held_nusd AS held,
       coalesce((SELECT sum(t.hold_nusd) FROM hold h JOIN task t ON t.seq = h.task
                 WHERE h.budget = s.budget AND h.span = s.span AND t.state = 0), 0) AS expected FROM budget_span s`,
  );
  for (const row of held) expect(row.held, `held of ${row.budget}`).toBe(row.expected);
  expect(sql.get("SELECT count(*) AS n FROM hold h JOIN task t ON t.seq = h.task WHERE t.state IN (1, 3)")?.n).toBe(0);
}
