import { type CloudEvent, toCloudEvent } from "../../../shared/contracts/events/envelope.ts";
import { isJsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import { ConstraintViolation, type ControlDb } from "../../../shared/contracts/ports/control-db.ts";
import type { EventSink } from "../../../shared/contracts/ports/event-sink.ts";
import type { OutboxRow } from "../../../shared/contracts/ports/tenant-store.ts";
import { parkedRow, projectEvents } from "./projection.ts";
import { forget, mirrorTenant, park, project, READ_MODELS, type ReadModelName, receive } from "./read-models.ts";

/**
 * Projects events into the read models of Postgres, in one transaction a delivery. A redelivered or older event changes
 * nothing. An event that this release cannot read, or that the database refuses, is parked, and holds up no other.
 */
export function controlDbEventSink(deps: { db: ControlDb; cell: string; clock: Clock }): EventSink {
  const { db, cell, clock } = deps;

  const apply = async (tenant: string, events: readonly CloudEvent[]): Promise<void> => {
    const now = clock.now();
    const { rows, tenant: mirror, parked } = projectEvents(events);
    // safe because: the keys of a const object
    const models = (Object.keys(READ_MODELS) as ReadModelName[]).filter((name) => rows[name].length > 0);
    await db.withTenant(tenant, [
      receive(
        events.map(({ id }) => id),
        now,
      ),
      ...(mirror === null ? [] : mirrorTenant(mirror, now)),
      ...models.map((name) => project(name, rows[name])),
      ...(parked.length === 0 ? [] : [park(parked, now)]),
      forget(now - LIMITS.eventInboxMsMax),
    ]);
  };

  const applyOrPark = async (tenant: string, event: CloudEvent): Promise<void> => {
    try {
      await apply(tenant, [event]);
    } catch (error) {
      if (!(error instanceof ConstraintViolation)) throw error;
      const row = parkedRow(event, `refused: ${error.constraint}`);
      await db.withTenant(tenant, [receive([event.id], clock.now()), park([row], clock.now())]);
    }
  };

  return {
    async deliver(tenant, rows) {
      if (rows.length === 0) return;
      const events = rows.map((row) => toCloudEvent(cell, tenant, storable(row)));
      try {
        await apply(tenant, events);
      } catch (error) {
        if (!(error instanceof ConstraintViolation)) throw error;
        // One event of them is refused, and nothing was written: in order, one at a time, it alone is parked.
        for (const event of events) await applyOrPark(tenant, event);
      }
    },
  };
}

/** A NUL or a lone surrogate, as JSON text writes them. */
const UNSTORABLE = /\\u(?:0000|d[89a-f])/i;

/** Postgres holds neither U+0000 nor lone surrogates, and an event must not wait for ever because of one. */
const storable = (row: OutboxRow): OutboxRow =>
  UNSTORABLE.test(JSON.stringify(row))
    ? {
        ...row,
        type: storableText(row.type),
        subject: storableText(row.subject),
        data: Object.fromEntries(
          Object.entries(row.data).map(([key, value]) => [storableText(key), storableValue(value)]),
        ),
      }
    : row;

const storableText = (text: string): string => text.toWellFormed().replaceAll("\u0000", "\uFFFD");

function storableValue(value: JsonValue): JsonValue {
  if (typeof value === "string") return storableText(value);
  if (Array.isArray(value)) return value.map(storableValue);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [storableText(key), storableValue(member)]));
}
