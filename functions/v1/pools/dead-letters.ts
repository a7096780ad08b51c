import {
  DeadLetterDetail,
  DeadLetterPage,
  DeadLetterPath,
  DeadLettersQuery,
  PoolPath,
} from "../../../shared/contracts/http/pools.ts";
import {
  type DeadJob,
  type JobQueue,
  QUEUE_CLASSES,
  type QueueClass,
} from "../../../shared/contracts/ports/job-queue.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { rfc3339 } from "../time.ts";
import { letterId, letterObject, oneLetter, placeOf, queuesOf, readLetter, taskOf } from "./letter.ts";
import { operatedPool } from "./pools.ts";

const common = { ...READ, action: "cell:read", gate: "governed", credential: "fresh", tag: "Pools" } as const;

export const listDeadLetters = operation({
  ...common,
  id: "pools.dead-letters.list",
  path: "/v1/pools/{pool}/dead-letters",
  params: PoolPath,
  query: DeadLettersQuery,
  success: [200, DeadLetterPage, "Jobs of the pool that were given up, each with its reason. SQS shows one page only."],
  problems: ["not-found"],
  summary: "List a pool's dead letters",
  resource: { kind: "cell" },
  async execute(deps, call) {
    const { name } = operatedPool(call, call.params.pool);
    const { limit, cursor } = call.query;
    const list = `dead-letters/${name}`;
    const queue = queuesOf(deps);
    const after = decodeCursor(list, cursor);
    const letters = await deadOf(queue, name, { of: call.query.class ?? null, after, limit });
    const data = await Promise.all(letters.map(async (dead) => letterObject(await readLetter(deps, dead))));
    const last = letters.at(-1);
    // SQS shows letters by looking at them: there is no place behind which another page would begin.
    const more = last !== undefined && letters.length === limit && queue.placement.technology !== "sqs";
    return value({
      ...{ object: "list", data, has_more: more },
      next_cursor: more ? encodeCursor(list, letterId(last)) : null,
    });
  },
});

/** Interactive letters, then batch ones, behind the one that ended the page before. */
async function deadOf(
  queue: JobQueue,
  pool: string,
  page: { of: QueueClass | null; after: string | null; limit: number },
): Promise<DeadJob[]> {
  const from = page.after === null ? null : placeOf(pool, page.after);
  const begun = from === null ? 0 : QUEUE_CLASSES.indexOf(from.queue.class);
  const letters: DeadJob[] = [];
  for (const [at, of] of QUEUE_CLASSES.entries()) {
    const left = page.limit - letters.length;
    if (at < begun || left === 0 || (page.of !== null && page.of !== of)) continue;
    const after = from?.queue.class === of ? from.id : null;
    letters.push(...(await queue.dead({ pool, class: of }, { after, limit: left })));
  }
  return letters;
}

export const getDeadLetter = operation({
  ...common,
  id: "pools.dead-letters.get",
  path: "/v1/pools/{pool}/dead-letters/{letter_id}",
  params: DeadLetterPath,
  success: [200, DeadLetterDetail, "The letter, and what its task says now."],
  problems: ["not-found"],
  summary: "Inspect a dead letter",
  resource: { kind: "cell" },
  async execute(deps, call) {
    const { name } = operatedPool(call, call.params.pool);
    const letter = await oneLetter(deps, name, call.params.letter_id);
    const task = await taskOf(deps, letter);
    return value({
      ...letterObject(letter),
      task: task && {
        ...{ phase: task.phase, attempts: task.attempts, cancel_requested: task.cancel },
        deadline_at: rfc3339(task.deadline),
      },
      ticket_expires_at: letter.job && rfc3339(letter.job.ticket.expires_ms),
      redrivable: task !== null && task.phase !== "done",
    });
  },
});
