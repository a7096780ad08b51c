import type { EventSink } from "../../shared/contracts/ports/event-sink.ts";
import type { ObjectClass, ObjectHandle } from "../runtime/object-class.ts";
import { dueFeed, feedDelivered, feedFailed, nextDue, sweep } from "./core.ts";
import { TENANT_MIGRATIONS } from "./migrations.ts";

/** What hosts must know of tenants. Without a sink events wait in the ledger, and nothing is lost. */
export const tenantObjectClass = (sink: EventSink | null): ObjectClass => ({
  name: "tenant",
  migrations: TENANT_MIGRATIONS,
  nextDue: (sql) => nextDue(sql, sink !== null),
  sweep,
  ...(sink === null ? {} : { effects: (object) => deliverFeed(object, sink) }),
});

/** Delivers until nothing is due, or the host ends. A failed delivery is kept as backoff in the object, then rethrown. */
export async function deliverFeed(object: ObjectHandle, sink: EventSink): Promise<void> {
  for (;;) {
    const batch = await object.call((sql, env) => dueFeed(sql, env.now));
    if (!batch) return;
    try {
      await sink.deliver(object.name, batch.rows, batch.behind);
    } catch (cause) {
      await object.call((sql, env) => feedFailed(sql, env.now));
      throw cause;
    }
    // If we crash here the same events are delivered again, under the same numbers.
    await object.call((sql) => feedDelivered(sql, batch.next));
    if (!batch.more || object.ending?.()) return;
  }
}
