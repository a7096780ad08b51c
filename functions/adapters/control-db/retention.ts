import { TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { ControlDb, Statement } from "../../../shared/contracts/ports/control-db.ts";

const TENANTS = "select tenant_id from tenants where tenant_id > $1::text order by tenant_id limit $2::integer";
const OUTBOX = `with gone as (delete from control_outbox where id in (select id from control_outbox
    where delivered_ms < $1::bigint order by delivered_ms limit $2::integer) returning id)
  select count(*)::integer as deleted from gone`;
const TASKS = `with gone as (delete from tasks where task_id in (select task_id from tasks
    where created_ms < $1::bigint order by created_ms, task_id limit $2::integer) returning task_id),
  decisions as (delete from router_decisions where task_id in (select task_id from gone))
  select count(*)::integer as deleted from gone`;
/** Events are numbered in the order of their time: the oldest are the first by number, which has an index. */
const ACTIVITY = `with gone as (delete from audit_activity where at < to_timestamp($1::bigint / 1000.0)
    and event_seq in (select event_seq from audit_activity order by event_seq limit $2::integer) returning event_seq)
  select count(*)::integer as deleted from gone`;

const METRICS = `with gone as (delete from runtime_metrics where to_ms < $1::bigint
    and event_seq in (select event_seq from runtime_metrics order by event_seq limit $2::integer) returning event_seq)
  select count(*)::integer as deleted from gone`;
const PARKED = `with gone as (delete from parked_events where event_id in (select event_id from parked_events
    where parked_ms < $1::bigint order by parked_ms limit $2::integer) returning event_id)
  select count(*)::integer as deleted from gone`;
/** Whose task never came, or was parked. */
const LONE_DECISIONS = `with gone as (delete from router_decisions where task_id in (select d.task_id from router_decisions d
    where d.projected_ms < $1::bigint and not exists (select from tasks t where t.task_id = d.task_id)
    order by d.projected_ms limit $2::integer) returning task_id)
  select count(*)::integer as deleted from gone`;

/**
 * Deletes what has had its day: delivered rows of the outbox, read models of tasks, decisions, activity and metrics, and
 * events that were parked, which the ledger has; bills stay. Each
 * call goes over one page of tenants, in bounded batches, and answers whether nothing is left; then it rests for
 * `retentionEveryMs`. A tenant that fails waits for the next round. Rejects as `ControlDb` does.
 */
export function retention({ db, clock }: { db: ControlDb; clock: Clock }): () => Promise<boolean> {
  let after = "";
  let left = false;
  let restUntilMs = Number.NEGATIVE_INFINITY;

  /** Whether the tenant has more than one visit deletes. */
  async function expire(tenant: TenantId): Promise<boolean> {
    const now = clock.now();
    const batch = (text: string, ageMsMax: number): Statement => ({
      text,
      params: [now - ageMsMax, LIMITS.retentionBatchMax],
    });
    const statements = [
      batch(OUTBOX, LIMITS.outboxDeliveredMsMax),
      batch(TASKS, LIMITS.readModelMsMax),
      batch(ACTIVITY, LIMITS.readModelMsMax),
      batch(METRICS, LIMITS.readModelMsMax),
      batch(PARKED, LIMITS.parkedEventMsMax),
      batch(LONE_DECISIONS, LIMITS.readModelMsMax),
    ];
    for (let batches = 0; batches < LIMITS.retentionBatchesMax; batches++) {
      const answers = await db.withTenant(tenant, statements);
      if (!answers.some((rows) => rows[0]?.deleted === LIMITS.retentionBatchMax)) return false;
    }
    return true;
  }

  return async () => {
    if (clock.now() < restUntilMs) return true;
    const [page = []] = await db.asOperator([{ text: TENANTS, params: [after, LIMITS.retentionTenantsMax] }]);
    for (const row of page) {
      const tenant = TenantId.parse(row.tenant_id);
      after = tenant;
      left = (await expire(tenant)) || left;
    }
    if (page.length === LIMITS.retentionTenantsMax) return false;
    after = "";
    if (left) {
      left = false;
      return false;
    }
    restUntilMs = clock.now() + LIMITS.retentionEveryMs;
    return true;
  };
}
