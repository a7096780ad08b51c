import type { UnixMs } from "../ids.ts";
import type { JsonObject } from "../json.ts";
import type { Attribution, LedgerEntry } from "../ledger.ts";
import type { LogPeriod, LogState } from "../log.ts";
import type { PoolReport, PoolState } from "../pool-load.ts";

export interface ActiveSnapshot {
  digest: string;
  activated_ms: UnixMs;
  revision: number;
}
/** What no tenant can be blamed for. Refusals are sampled, with counts; changes stand one by one. */
export interface SystemEvent {
  kind:
    | "authentication.failed"
    | "call.refused"
    | "config.changed"
    | "tenant.provisioned"
    | "tenant.leaving"
    | "tenant.staying"
    | "tenant.left"
    | "tenant.arrived"
    | "policy.bundle_stored"
    | "policy.activated"
    | "policy.rolled_back"
    | "policy.canary"
    | "ledger.halted"
    | "ledger.resumed"
    | "signing_key.added"
    | "dead_letter.redriven"
    | "dead_letter.purged";
  reason: string;
  source: string | null;
  detail: JsonObject;
  /** Of what an operator of the cell did. */
  operated?: { action: string; by: Attribution };
}

/** One per cell: which snapshot is in force, the system ledger, and counters that isolates flush. */
export interface CellStore {
  /** Records an activation; the same digest twice in a row is one activation. */
  activate(digest: string, files: JsonObject): Promise<ActiveSnapshot>;
  active(): Promise<ActiveSnapshot | null>;
  /**
   * Repeats of the same failure (kind, reason and source) within 10 s coalesce into one entry with a count. A
   * `signing_key.added` is written once for each `kid` in its detail.
   */
  system(events: readonly SystemEvent[]): Promise<void>;
  systemLedger(page: { from: number; limit: number }): Promise<{ entries: LedgerEntry[]; size: number; head: string }>;
  /** The system ledger's log. */
  systemLog(): Promise<LogState>;
  systemPeriod(period: { from_ms: number; to_ms: number }): Promise<LogPeriod>;
  /** Adds to durable counters; keys are metric names with labels. Answers all counters. */
  count(increments: Readonly<Record<string, number>>): Promise<Record<string, number>>;
  /**
   * Takes reports of workers and queues, and answers every pool after them. A report counts for `poolReportMsMax` unless
   * its worker is gone before; it survives a restart of the object, because nobody reports twice within seconds.
   */
  poolReport(report: PoolReport): Promise<PoolState[]>;
  /** Every pool with a report that counts, by name. */
  pools(): Promise<PoolState[]>;
  /** The tenants of this cell, for outbox drains and operators; ordered by id. */
  tenants(page: { after: string | null; limit: number }): Promise<string[]>;
  registerTenant(tenant: string): Promise<void>;
}
