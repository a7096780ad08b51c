import type { EventSink } from "../../../shared/contracts/ports/event-sink.ts";

/**
 * Tells by how much the number of rows that wait for delivery has changed, over all tenants. A tenant counts from its
 * first attempt on: after a start that is its next alarm.
 */
export function countedEventSink(sink: EventSink, changed: (by: number) => void): EventSink {
  const waiting = new Map<string, number>();
  const tell = (tenant: string, count: number): void => {
    const before = waiting.get(tenant) ?? 0;
    if (count === 0) waiting.delete(tenant);
    else waiting.set(tenant, count);
    if (count !== before) changed(count - before);
  };
  return {
    async deliver(tenant, rows, behind = 0) {
      tell(tenant, rows.length + behind);
      await sink.deliver(tenant, rows, behind);
      tell(tenant, behind);
    },
  };
}
