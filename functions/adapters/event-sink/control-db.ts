import { toCloudEvent } from "../../../shared/contracts/events/envelope.ts";
import { isJsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import { ConstraintViolation, type ControlDb } from "../../../shared/contracts/ports/control-db.ts";
import type { EventSink } from "../../../shared/contracts/ports/event-sink.ts";
import type { OutboxRow } from "../../../shared/contracts/ports/tenant-store.ts";
import { parkedRow, projectEvents, type Unread } from "./projection.ts";
import { mirrorTenant, park, project, READ_MODELS, type ReadModelName } from "./read-models.ts";

/**
 * Projects events into the read models of Postgres, in one transaction a delivery. Each row has the key of what it tells,
 * so a redelivered or older event changes nothing. An event that this release cannot read, or that the database refuses,
 * is parked whole, and holds up no other.
 */
export function controlDbEventSink(deps: { db: ControlDb; cell: string; clock: Clock }): EventSink {
  const { db, cell, clock } = deps;
  const parking = (tenant: string, parked: readonly Unread[]) =>
    parked.length === 0
      ? []
      : [
          park(
            parked.map(({ row, reason }) => parkedRow(toCloudEvent(cell, tenant, row), reason)),
            clock.now(),
          ),
        ];

  const apply = async (tenant: string, events: readonly OutboxRow[]): Promise<void> => {
    const { rows, tenant: mirror, parked } = projectEvents(events);
    // safe because: the keys of a const object
    const models = (Object.keys(READ_MODELS) as ReadModelName[]).filter((name) => rows[name].length > 0);
    await db.withTenant(tenant, [
      ...(mirror === null ? [] : mirrorTenant(mirror, clock.now())),
      ...models.map((name) => project(name, rows[name])),
      ...parking(tenant, parked),
    ]);
  };

  const applyOrPark = async (tenant: string, row: OutboxRow): Promise<void> => {
    try {
      await apply(tenant, [row]);
    } catch (error) {
      if (!(error instanceof ConstraintViolation)) throw error;
      await db.withTenant(tenant, parking(tenant, [{ row, reason: `refused: ${error.constraint}` }]));
    }
  };

  return {
    async deliver(tenant, rows) {
      if (rows.length === 0) return;
      const events = UNSTORABLE.test(JSON.stringify(rows)) ? rows.map(storable) : rows;
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
const storable = (row: OutboxRow): OutboxRow => ({
  ...row,
  type: storableText(row.type),
  subject: storableText(row.subject),
  data: Object.fromEntries(Object.entries(row.data).map(([key, value]) => [storableText(key), storableValue(value)])),
});

const storableText = (text: string): string => text.toWellFormed().replaceAll("\u0000", "\uFFFD");

function storableValue(value: JsonValue): JsonValue {
  if (typeof value === "string") return storableText(value);
  if (Array.isArray(value)) return value.map(storableValue);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [storableText(key), storableValue(member)]));
}
