import { z } from "zod";
import { LEDGER_KINDS, type LedgerEntry } from "../ledger.ts";
import { LIMITS } from "../limits.ts";
import { AnyJson, Timestamp } from "./fields.ts";

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const text = z.string();
const maybe = z.string().nullable();

/** One entry of the tenant's log, as its canonical JSON has it: digests and facts, never content. */
export const LedgerEntryObject = z
  .strictObject({
    schema_version: z.literal(1),
    tenant: text,
    seq: z.int().min(0),
    at: Timestamp,
    kind: z.enum(LEDGER_KINDS),
    outcome: z.enum(["success", "failure", "pending"]),
    action: text,
    task: maybe,
    detail: z.record(z.string(), AnyJson),
    prev: digest.meta({
      description: "RFC 6962 leaf hash of the entry before: SHA-256 over a zero byte and its canonical bytes.",
    }),
    request: text,
    subject: text,
    credential: text,
    acr: maybe,
    workspace: text,
    project: text,
    environment: text,
    cell: text,
    region: text,
    source: maybe,
    release: text,
    snapshot: text,
    decision: maybe,
    policy: maybe,
  })
  .meta({
    id: "LedgerEntry",
    example: {
      schema_version: 1,
      tenant: "default",
      seq: 7,
      at: "2026-11-18T09:30:00.000Z",
      kind: "task.opened",
      outcome: "pending",
      action: "inference:invoke",
      task: "task_01JD0000000000000000000000",
      detail: {},
      prev: "0".repeat(64),
      request: "req_01JD0000000000000000000000",
      subject: "service:demo",
      credential: "key:4kQ0Zt7bXw2N",
      acr: null,
      workspace: "default",
      project: "default",
      environment: "default",
      cell: "local",
      region: "local",
      source: null,
      release: "0.1.0",
      snapshot: `sha256:${"0".repeat(64)}`,
      decision: null,
      policy: null,
    },
  });
/** Holds at compile time that schema and record agree. */
export const asLedgerEntryObject = (entry: LedgerEntry): z.infer<typeof LedgerEntryObject> => entry;

/** Query of `GET /v1/ledger`; values come as text. */
export const LedgerQuery = z.strictObject({
  from: z.coerce.number().int().min(0).default(0).meta({ description: "First sequence number." }),
  limit: z.coerce.number().int().min(1).max(LIMITS.pageItemsMax).default(LIMITS.pageItemsDefault),
});
export type LedgerQuery = z.infer<typeof LedgerQuery>;

export const LedgerPage = z
  .strictObject({
    object: z.literal("list"),
    data: z.array(LedgerEntryObject),
    has_more: z.boolean(),
    next_from: z.int().nullable().meta({ description: "`from` of the next page." }),
    size: z.int().min(0).meta({ description: "Entries in the log." }),
    head: digest.meta({ description: "RFC 6962 leaf hash of the newest entry." }),
  })
  .meta({
    id: "LedgerPage",
    example: { object: "list", data: [], has_more: false, next_from: null, size: 0, head: "0".repeat(64) },
  });
export type LedgerPage = z.infer<typeof LedgerPage>;
