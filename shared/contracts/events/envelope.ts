import { z } from "zod";
import type { OutboxRow } from "../ports/tenant-store.ts";
import { AuditActivityV1 } from "./audit-activity.ts";
import { RouterDecisionV1 } from "./router-decisions.ts";
import { RuntimeMetricsV1 } from "./runtime-metrics.ts";
import { TaskLifecycleV1 } from "./task-lifecycle.ts";

/** Every event type that this release understands, with the schema of its `data`. */
export const EVENTS = {
  "bailiwick.router.decisions.v1": RouterDecisionV1,
  "bailiwick.tasks.lifecycle.v1": TaskLifecycleV1,
  "bailiwick.metrics.runtime.v1": RuntimeMetricsV1,
  "bailiwick.audit.activity.v1": AuditActivityV1,
} as const;
export type EventType = keyof typeof EVENTS;
export const isEventType = (type: string): type is EventType => Object.hasOwn(EVENTS, type);

/** CloudEvents 1.0 in structured JSON form, with the `partitionkey` and `sequence` extensions of its documented set. */
export const CloudEvent = z.object({
  specversion: z.literal("1.0"),
  /** Unique per `source`; the same for every delivery of the same outbox row. */
  id: z.string().min(1).max(64),
  /** `/cells/<cell>/tenants/<tenant>` */
  source: z.string().min(1).max(128),
  type: z.string().min(1).max(128),
  subject: z.string().min(1).max(256),
  time: z.iso.datetime(),
  datacontenttype: z.literal("application/json"),
  dataschema: z.string().max(160),
  partitionkey: z.string().max(32),
  /** The outbox sequence number, zero-padded so that text order is number order. */
  sequence: z.string().regex(/^\d{16}$/),
  data: z.record(z.string(), z.json()),
});
export type CloudEvent = z.infer<typeof CloudEvent>;

/** Wraps an outbox row. A function of its arguments alone, so a redelivered row is the identical event. */
export function toCloudEvent(cell: string, tenant: string, row: OutboxRow): CloudEvent {
  return {
    specversion: "1.0",
    id: `${tenant}:${row.seq}`,
    source: `/cells/${cell}/tenants/${tenant}`,
    type: row.type,
    subject: row.subject,
    time: new Date(row.at_ms).toISOString(),
    datacontenttype: "application/json",
    dataschema: dataSchemaId(row.type),
    partitionkey: tenant,
    sequence: String(row.seq).padStart(16, "0"),
    data: row.data,
  };
}

export const dataSchemaId = (type: string): string => `urn:bailiwick:event:${type}`;

/** JSON Schema (draft 2020-12) of one event type's `data`; published as `schemas/<type>.json`. */
export const dataSchema = (type: EventType) => ({
  $id: dataSchemaId(type),
  title: type,
  ...z.toJSONSchema(EVENTS[type], { io: "input" }),
});
