import { z } from "zod";
import { PoolName } from "../config/fields.ts";
import { LIMITS } from "../limits.ts";
import { QUEUE_CLASSES } from "../ports/job-queue.ts";
import { Timestamp } from "./fields.ts";
import { Cursor, pageOf } from "./page.ts";

const count = z.int().min(0);
const Class = z.enum(QUEUE_CLASSES);

/** Path of one pool. */
export const PoolPath = z.strictObject({ pool: PoolName });

/** Path of one dead letter: its queue's class, and its id in that queue. */
export const DeadLetterPath = z.strictObject({
  pool: PoolName,
  letter_id: z.string().regex(/^(?:interactive|batch)\.[A-Za-z0-9-]{1,100}$/),
});

/** Query of a pool's dead letters. */
export const DeadLettersQuery = z.strictObject({
  class: Class.optional().meta({ description: "Only those of this queue." }),
  limit: z.coerce.number().int().min(1).max(LIMITS.pageItemsMax).default(LIMITS.pageItemsDefault),
  cursor: Cursor.optional(),
});
/** Query of forgetting a pool's dead letters. */
export const PurgeQuery = z.strictObject({
  class: Class.optional().meta({ description: "Only those of this queue." }),
});

const load = {
  capacity: count.meta({ description: "Tasks that the ready workers run at once." }),
  running: count,
  waiting: count.meta({ description: "Requests that wait inside the engines." }),
  mean_service_ms: count.nullable().meta({ description: "From lease to settlement; null before the first one." }),
};

export const PoolObject = z
  .strictObject({
    object: z.literal("pool"),
    id: z.string(),
    available: z.boolean().meta({ description: "A ready worker is there, or one is started when a job waits." }),
    workers: count.meta({ description: "Connected, ready or not." }),
    ready_workers: count,
    ...load,
    models: z
      .array(z.strictObject({ id: z.string(), digest: z.string().nullable(), ready_workers: count, ...load }))
      .meta({
        description: "Exact models that ready workers serve, with the digest of their weights where it is told.",
      }),
    queues: z.array(
      z.strictObject({
        class: Class,
        depth: count.meta({ description: "Jobs that wait for a worker." }),
        in_flight: count,
        dead_letters: count,
        oldest_age_ms: count.nullable().meta({ description: "Null where the queue does not tell it." }),
        estimated_wait_ms: count
          .nullable()
          .meta({ description: "Of a job that is sent now; null: nobody would take it." }),
        sampled_at: Timestamp,
      }),
    ),
    scale_from_zero: z.boolean(),
    cold_start_ms: count,
    max_wait_ms: count.meta({ description: "Interactive calls that would wait longer are refused." }),
  })
  .meta({
    id: "Pool",
    example: {
      ...{ object: "pool", id: "pool-chat", available: true, workers: 1, ready_workers: 1, capacity: 8, running: 3 },
      ...{ waiting: 0, mean_service_ms: 2400 },
      models: [
        {
          ...{ id: "llama-3.1-8b-instruct", digest: null, ready_workers: 1, capacity: 8, running: 3, waiting: 0 },
          ...{ mean_service_ms: 2400 },
        },
      ],
      queues: [
        {
          ...{ class: "interactive", depth: 0, in_flight: 3, dead_letters: 0, oldest_age_ms: null },
          ...{ estimated_wait_ms: 0, sampled_at: "2026-11-21T11:00:00.000Z" },
        },
      ],
      ...{ scale_from_zero: false, cold_start_ms: 120000, max_wait_ms: 60000 },
    },
  });
export type PoolObject = z.infer<typeof PoolObject>;
export const PoolPage = pageOf("PoolPage", PoolObject);

const letter = {
  object: z.literal("pool.dead_letter"),
  id: z.string(),
  pool: z.string(),
  class: Class,
  reason: z.string(),
  task_id: z.string().nullable().meta({ description: "Null: this cell did not write the message." }),
  tenant_id: z.string().nullable(),
  attempts: count.nullable().meta({ description: "Deliveries by the queue before it was given up; null: not known." }),
  enqueued_at: Timestamp.nullable(),
  dead_at: Timestamp,
};
const example = {
  ...{ object: "pool.dead_letter", id: "interactive.17", pool: "pool-chat", class: "interactive" },
  ...{ reason: "begun too often without an end", task_id: "task_00000000000000000000000001", tenant_id: "acme" },
  ...{ attempts: 4, enqueued_at: "2026-11-21T11:00:00.000Z", dead_at: "2026-11-21T11:02:10.000Z" },
};

export const DeadLetterObject = z.strictObject(letter).meta({ id: "DeadLetter", example });
export type DeadLetterObject = z.infer<typeof DeadLetterObject>;
export const DeadLetterPage = pageOf("DeadLetterPage", DeadLetterObject);

/** A letter with what its task says now. */
export const DeadLetterDetail = z
  .strictObject({
    ...letter,
    task: z
      .strictObject({
        phase: z.enum(["queued", "running", "done"]),
        attempts: count.meta({ description: "Times that the task was begun." }),
        cancel_requested: z.boolean(),
        deadline_at: Timestamp,
      })
      .nullable()
      .meta({ description: "Null: the task is not kept any more." }),
    ticket_expires_at: Timestamp.nullable().meta({ description: "A redrive renews a ticket that has ended." }),
    redrivable: z.boolean(),
  })
  .meta({
    id: "DeadLetterDetail",
    example: {
      ...example,
      task: { phase: "queued", attempts: 1, cancel_requested: false, deadline_at: "2026-11-21T11:10:00.000Z" },
      ...{ ticket_expires_at: "2026-11-21T12:10:00.000Z", redrivable: true },
    },
  });

export const DeadLetterRedriven = z
  .strictObject({
    ...{ object: z.literal("pool.dead_letter.redriven"), id: z.string(), pool: z.string(), class: Class },
    task_id: z.string(),
    ticket_renewed: z.boolean(),
  })
  .meta({ id: "DeadLetterRedriven" });

export const DeadLettersPurged = z
  .strictObject({
    ...{ object: z.literal("pool.dead_letters.purged"), pool: z.string() },
    purged: count,
    has_more: z.boolean().meta({ description: `One call forgets at most ${LIMITS.queuePeekJobsMax}: ask again.` }),
  })
  .meta({ id: "DeadLettersPurged" });
