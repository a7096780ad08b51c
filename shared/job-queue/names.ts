import { z } from "zod";
import { CellId } from "../contracts/ids.ts";
import { LIMITS } from "../contracts/limits.ts";
import { QUEUE_CLASSES, type QueueName } from "../contracts/ports/job-queue.ts";

/** Names of pools become part of queue names: lower case, digits, dashes. */
export const PoolName = z
  .string()
  .max(LIMITS.queuePoolCharsMax)
  .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/);

/** First part of a deployment's queue names. */
export const QUEUE_PREFIX = /^[a-z][a-z0-9]{0,15}$/;

/** Which deployment a queue belongs to, so that two share an account and never a queue. */
export interface QueueOwner {
  /** Without dashes, at most 16 characters. */
  prefix: string;
  cell: string;
}

/** One queue's two names; @throws RangeError for a name that could be another queue's or none. */
export function sqsNames(owner: QueueOwner, queue: QueueName): { live: string; dead: string } {
  checkQueue(queue);
  if (!QUEUE_PREFIX.test(owner.prefix)) throw new RangeError("a prefix is 1 to 16 of a-z and 0-9");
  if (!CellId.safeParse(owner.cell).success) throw new RangeError("no cell id");
  const live = `${owner.prefix}-${owner.cell}-${queue.pool}-${queue.class}`;
  return { live, dead: `${live}-dead` };
}

/** One text for one queue, where names need not be short. */
export function queueKey(queue: QueueName): string {
  checkQueue(queue);
  return `${queue.pool}/${queue.class}`;
}

function checkQueue({ pool, class: wanted }: QueueName): void {
  if (!PoolName.safeParse(pool).success)
    throw new RangeError(`a pool's name is 1 to ${LIMITS.queuePoolCharsMax} of a-z, 0-9 and inner dashes`);
  if (!QUEUE_CLASSES.includes(wanted)) throw new RangeError("no class of a queue");
}
