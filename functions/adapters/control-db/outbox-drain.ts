import { z } from "zod";
import { TenantId } from "../../../shared/contracts/ids.ts";
import { type Attribution, LEDGER_KINDS } from "../../../shared/contracts/ledger.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { ControlDb, Row } from "../../../shared/contracts/ports/control-db.ts";
import type { TenantStore } from "../../../shared/contracts/ports/tenant-store.ts";

export interface DrainDeps {
  db: ControlDb;
  tenants: Pick<TenantStore, "record">;
  clock: Clock;
}
export interface DrainReport {
  delivered: number;
  /** Tenants whose oldest row could not be delivered; it is tried again after a backoff, and nothing overtakes it. */
  failed: { tenant: string; reason: string }[];
}

const AttributionSchema: z.ZodType<Attribution> = z.object({
  request: z.string(),
  subject: z.string(),
  credential: z.string(),
  acr: z.string().nullable(),
  workspace: z.string(),
  project: z.string(),
  environment: z.string(),
  cell: z.string(),
  // Rows of an older release have none.
  region: z.string().default(""),
  source: z.string().nullable(),
  release: z.string(),
  snapshot: z.string(),
  decision: z.string().nullable(),
  policy: z.string().nullable(),
});
const OutboxEntry = z.object({
  id: z.number(),
  kind: z.enum(LEDGER_KINDS),
  action: z.string(),
  attribution: AttributionSchema,
  detail: z.record(z.string(), z.json()),
});

/** Tenants whose oldest undelivered row is due. The operator sees these columns only, never what the rows say. */
const DUE = `select tenant_id from (select distinct on (tenant_id) tenant_id, next_ms from control_outbox
  where delivered_ms is null order by tenant_id, id) head where next_ms <= $1::bigint order by next_ms, tenant_id limit $2::integer`;
const PENDING = `select id, kind, action, attribution, detail, attempts from control_outbox
  where delivered_ms is null order by id limit $1::integer`;
const DELIVERED = `update control_outbox set delivered_ms = $1::bigint, attempts = attempts + 1, last_error = null
  where delivered_ms is null and id <= $2::bigint`;
const FAILED = `update control_outbox set attempts = attempts + 1, next_ms = $1::bigint, last_error = $2 where id = $3::bigint`;

/**
 * Tells tenants' objects what changed in Postgres: at least once, in order per tenant, `dedupe` = outbox id. Any number
 * of drains may run at once. Rejects with `ControlDbUnavailable` only; a tenant that fails does not hold up others.
 */
export async function drain(deps: DrainDeps): Promise<DrainReport> {
  const [due = []] = await deps.db.asOperator([{ text: DUE, params: [deps.clock.now(), LIMITS.outboxTenantsMax] }]);
  const report: DrainReport = { delivered: 0, failed: [] };
  for (const row of due) {
    const tenant = TenantId.parse(row.tenant_id);
    const { delivered, failure } = await drainTenant(deps, tenant);
    report.delivered += delivered;
    if (failure !== null) report.failed.push({ tenant, reason: failure });
  }
  return report;
}

async function drainTenant({ db, tenants, clock }: DrainDeps, tenant: TenantId) {
  const [rows = []] = await db.withTenant(tenant, [{ text: PENDING, params: [LIMITS.outboxBatchMax] }]);
  let done: Row | null = null;
  let delivered = 0;
  for (const row of rows) {
    const failure = await deliver(tenants, tenant, row);
    if (failure !== null) {
      await conclude(db, tenant, clock, done, { row, failure });
      return { delivered, failure };
    }
    // If we crash here the row is recorded again, and the tenant's object knows it by its id.
    done = row;
    delivered += 1;
  }
  await conclude(db, tenant, clock, done, null);
  return { delivered, failure: null };
}

/** Null when the tenant's object has the entry, else why not. */
async function deliver(tenants: DrainDeps["tenants"], tenant: TenantId, row: Row): Promise<string | null> {
  const entry = OutboxEntry.safeParse(row);
  if (!entry.success) return "the row is not readable";
  const { id, attribution: by, ...rest } = entry.data;
  try {
    const recorded = await tenants.record(tenant, { ...rest, by, dedupe: `control-outbox:${id}` });
    return recorded.ok ? null : recorded.error.reason;
  } catch (error) {
    return error instanceof Error ? error.message : "unreachable";
  }
}

async function conclude(
  db: ControlDb,
  tenant: TenantId,
  clock: Clock,
  done: Row | null,
  failed: { row: Row; failure: string } | null,
): Promise<void> {
  const now = clock.now();
  const statements = done === null ? [] : [{ text: DELIVERED, params: [now, done.id ?? null] }];
  if (failed !== null) {
    const wait = Math.min(
      LIMITS.outboxRetryMsMin * 2 ** Math.min(Number(failed.row.attempts), 30),
      LIMITS.outboxRetryMsMax,
    );
    statements.push({ text: FAILED, params: [now + wait, failed.failure.slice(0, 512), failed.row.id ?? null] });
  }
  if (statements.length > 0) await db.withTenant(tenant, statements);
}
