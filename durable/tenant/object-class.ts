import { LIMITS } from "../../shared/contracts/limits.ts";
import type { EventSink } from "../../shared/contracts/ports/event-sink.ts";
import { readingArchive } from "../runtime/log/archived-read.ts";
import type { LogParts } from "../runtime/log/parts.ts";
import { publishLog } from "../runtime/log/publish.ts";
import { EffectPostponed, type ObjectClass, type ObjectHandle } from "../runtime/object-class.ts";
import { sideBySide } from "../runtime/side-by-side.ts";
import { dueFeed, feedDelivered, feedFailed, nextDue, sweep, tenantLog } from "./core.ts";
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
  const effects = (object: ObjectHandle) => [
    ...(sink ? [() => deliverFeed(object, sink, log)] : []),
    ...(log ? [() => publishLog(object, object.name, tenantLog(sink !== null), log)] : []),
  ];
  return {
    name: "tenant",
    migrations: TENANT_MIGRATIONS,
    log,
    nextDue: (sql) => nextDue(sql, sink !== null, log !== null),
    sweep,
    ...(sink || log ? { effects: (object) => sideBySide(effects(object), LIMITS.outboxDelayMs) } : {}),
  };
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
