import { LIMITS } from "../../shared/contracts/limits.ts";
import type { EventSink } from "../../shared/contracts/ports/event-sink.ts";
import { readingArchive } from "../runtime/log/archived-read.ts";
import type { LogParts } from "../runtime/log/parts.ts";
import { publishLog } from "../runtime/log/publish.ts";
import { EffectPostponed, type ObjectClass, type ObjectHandle } from "../runtime/object-class.ts";
import { sideBySide } from "../runtime/side-by-side.ts";
import { dueFeed, feedDelivered, feedFailed, feedIsDue, nextDue, sweep, tenantLog } from "./core.ts";
import { FeedTurns } from "./feed-turns.ts";
import { TENANT_MIGRATIONS } from "./migrations.ts";

/** Tenants as a host keeps them, with what their stores need to read entries that only the archive has. */
export interface TenantClass extends ObjectClass {
  readonly log: LogParts | null;
}

/**
 * What hosts must know of tenants. Without a sink events wait in the ledger; without `log` entries stay unpublished, in
 * the object. Nothing is lost either way.
 */
export function tenantObjectClass(sink: EventSink | null, log: LogParts | null = null): TenantClass {
  const turns = new FeedTurns();
  const effects = (object: ObjectHandle) => [
    ...(sink ? [() => inTurn(object, turns, () => deliverFeed(object, sink, log))] : []),
    ...(log ? [() => publishLog(object, object.name, tenantLog(sink !== null), log)] : []),
  ];
  return {
    name: "tenant",
    migrations: TENANT_MIGRATIONS,
    log,
    nextDue: (sql, deliverAfter) => nextDue(sql, sink !== null, log !== null, deliverAfter),
    sweep,
    ...(sink || log ? { effects: (object) => sideBySide(effects(object), LIMITS.outboxDelayMs) } : {}),
  };
}

/**
 * Delivers in a turn of the tenant's own, or later: a batch is read only once there is a turn for it. Where a process has
 * one object's alarm alone to look after, as on Workers, there is nobody to wait for.
 */
async function inTurn(object: ObjectHandle, turns: FeedTurns, deliver: () => Promise<void>): Promise<void> {
  if (!object.deliverAfter) return deliver();
  const now = await object.call((sql, env) => (feedIsDue(sql, env.now) ? env.now : null));
  if (typeof now !== "number") return;
  const later = turns.enter(object.name, now);
  object.deliverAfter(later ?? 0);
  if (later !== null) return;
  try {
    await deliver();
    turns.took(((await object.call((_sql, env) => env.now)) ?? now) - now);
  } finally {
    turns.leave();
  }
}

/** Delivers until nothing is due, or the host ends. A failed delivery is kept as backoff in the object. */
export async function deliverFeed(object: ObjectHandle, sink: EventSink, log: LogParts | null = null): Promise<void> {
  for (;;) {
    const batch = await readingArchive(
      log,
      object.name,
      (body) => object.call(body),
      (sql, env, bundles) => dueFeed(sql, env.now, bundles),
    );
    if (!batch) return;
    try {
      await sink.deliver(object.name, batch.rows, batch.behind);
    } catch (cause) {
      await object.call((sql, env) => feedFailed(sql, env.now));
      throw new EffectPostponed([cause]);
    }
    // If we crash here the same events are delivered again, under the same numbers.
    await object.call((sql) => feedDelivered(sql, batch.next));
    if (!batch.more || object.ending?.()) return;
  }
}
