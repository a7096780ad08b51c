import { z } from "zod";
import type { DeadLetterObject } from "../../../shared/contracts/http/pools.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { DeadJob, JobQueue, QueueClass, QueueName } from "../../../shared/contracts/ports/job-queue.ts";
import type { DetachedState } from "../../../shared/contracts/ports/task-log.ts";
import { JobMessage } from "../../../shared/contracts/worker-protocol.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import type { Ticket } from "../../../shared/crypto/workload-token.ts";
import type { Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { rfc3339 } from "../time.ts";

/** A dead letter with what its message says, where this cell wrote it for this pool. */
export interface Letter {
  id: string;
  queue: QueueName;
  dead: DeadJob;
  /** Null: not a message of this cell's, or for another pool. */
  job: { message: JobMessage; ticket: Ticket & { expires_ms: number }; deadline: UnixMs } | null;
}

const Deadline = z.object({
  deadline: z
    .int()
    .min(0)
    .transform((ms) => ms as UnixMs), // safe because: milliseconds
});

/** The queues of the cell's pools. Throws where it has none. */
export function queuesOf({ jobQueue }: Pick<Deps, "jobQueue">): JobQueue {
  if (jobQueue === null) throw new ProblemError("not-found", { detail: "This cell has no queues." });
  return jobQueue;
}

export const letterId = ({ queue, id }: DeadJob): string => `${queue.class}.${id}`;

/** The queue and the queue's own id of a letter. */
export function placeOf(pool: string, letter: string): { queue: QueueName; id: string } {
  const cut = letter.indexOf(".");
  // safe because: the path's schema has nothing else before the point
  return { queue: { pool, class: letter.slice(0, cut) as QueueClass }, id: letter.slice(cut + 1) };
}

/** The ticket counts although it may have ended: that the cell wrote it is what is asked. */
export async function readLetter(deps: Pick<Deps, "workers">, dead: DeadJob): Promise<Letter> {
  const letter = { id: letterId(dead), queue: dead.queue, dead };
  const message = parsed(JobMessage, dead.body);
  if (message === null || deps.workers === null) return { ...letter, job: null };
  const ticket = await deps.workers.tokens.readEndedTicket(message.ticket);
  const context = parsed(Deadline, message.context);
  if (!ticket.ok || context === null) return { ...letter, job: null };
  const { ctx, pool } = ticket.value;
  if (sha256Hex(message.context) !== ctx || pool !== dead.queue.pool) return { ...letter, job: null };
  return { ...letter, job: { message, ticket: ticket.value, deadline: context.deadline } };
}

/** One letter of a pool; throws `not-found`. */
export async function oneLetter(deps: Deps, pool: string, letter: string): Promise<Letter> {
  const { queue, id } = placeOf(pool, letter);
  const dead = await queuesOf(deps).deadLetter(queue, id);
  if (dead === null) throw new ProblemError("not-found", { param: "letter_id" });
  return readLetter(deps, dead);
}

/** What the letter's task says now; null where it is forgotten, or is no task of this cell's. */
export async function taskOf(deps: Pick<Deps, "tasks">, { job }: Letter): Promise<DetachedState | null> {
  if (job === null) return null;
  const state = await deps.tasks.detached(job.ticket.tenant, job.ticket.sub);
  return state.ok ? state.value : null;
}

export const letterObject = ({ id, queue, dead, job }: Letter): DeadLetterObject => ({
  object: "pool.dead_letter",
  id,
  pool: queue.pool,
  class: queue.class,
  reason: dead.reason,
  task_id: job?.ticket.sub ?? null,
  tenant_id: job?.ticket.tenant ?? null,
  attempts: dead.deliveries,
  enqueued_at: dead.sent_ms === null ? null : rfc3339(dead.sent_ms),
  dead_at: rfc3339(dead.dead_ms),
});

function parsed<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Not quoted: it may be somebody's call.
    return null;
  }
}
