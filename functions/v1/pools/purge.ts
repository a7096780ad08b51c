import { Deleted } from "../../../shared/contracts/http/deleted.ts";
import { DeadLetterPath, DeadLettersPurged, PoolPath, PurgeQuery } from "../../../shared/contracts/http/pools.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { QUEUE_CLASSES } from "../../../shared/contracts/ports/job-queue.ts";
import { ProblemError } from "../../problem.ts";
import { DELETE } from "../input.ts";
import { operation, value } from "../operation.ts";
import { letterId, oneLetter, placeOf, queuesOf, readLetter } from "./letter.ts";
import { operatedPool } from "./pools.ts";
import { recordOperated } from "./record-operated.ts";

const common = { ...DELETE, action: "cell:write", gate: "governed", credential: "fresh", tag: "Pools" } as const;

/** Forgets the message, not the task: that ends by itself, at its deadline at the latest. */
export const deleteDeadLetter = operation({
  ...common,
  id: "pools.dead-letters.delete",
  path: "/v1/pools/{pool}/dead-letters/{letter_id}",
  params: DeadLetterPath,
  success: [200, Deleted, "The letter is forgotten; its task ends by itself, at its deadline at the latest."],
  problems: ["not-found"],
  summary: "Forget a dead letter",
  resource: { kind: "cell" },
  async execute(deps, call) {
    const { name } = operatedPool(call, call.params.pool);
    const { id: letter, queue: of, dead, job } = await oneLetter(deps, name, call.params.letter_id);
    await recordOperated(deps, call, "dead_letter.purged", {
      ...{ pool: name, class: of.class, letter, given_up: dead.reason },
      ...{ task: job?.ticket.sub ?? null, tenant: job?.ticket.tenant ?? null },
    });
    const { queue, id } = placeOf(name, letter);
    if (!(await queuesOf(deps).purge(queue, id))) throw new ProblemError("not-found", { param: "letter_id" });
    return value({ object: "pool.dead_letter", id: letter, deleted: true });
  },
});

/** One ledger entry for each page of letters names them all, before they are forgotten. */
export const purgeDeadLetters = operation({
  ...common,
  id: "pools.dead-letters.purge",
  path: "/v1/pools/{pool}/dead-letters",
  params: PoolPath,
  query: PurgeQuery,
  success: [200, DeadLettersPurged, "How many letters were forgotten."],
  problems: ["not-found"],
  summary: "Forget a pool's dead letters",
  resource: { kind: "cell" },
  async execute(deps, call) {
    const { name } = operatedPool(call, call.params.pool);
    const queues = queuesOf(deps);
    let purged = 0;
    let more = false;
    for (const of of call.query.class ? [call.query.class] : QUEUE_CLASSES) {
      const queue = { pool: name, class: of };
      for (;;) {
        const limit = Math.min(LIMITS.pageItemsMax, LIMITS.queuePeekJobsMax - purged);
        const page = await queues.dead(queue, { after: null, limit: Math.max(1, limit) });
        more = page.length > 0 && limit <= 0;
        if (page.length === 0 || limit <= 0) break;
        const tasks = await Promise.all(
          page.map(async (dead) => (await readLetter(deps, dead)).job?.ticket.sub ?? null),
        );
        const letters = page.map((dead, at) => ({ letter: letterId(dead), task: tasks[at] ?? null }));
        await recordOperated(deps, call, "dead_letter.purged", { pool: name, class: of, letters });
        const gone = await queues.purgeAll(
          queue,
          page.map(({ id }) => id),
        );
        purged += gone;
        // Letters that somebody else looks at just now are left to the next call.
        if (gone === 0) break;
      }
      if (more) break;
    }
    return value({ object: "pool.dead_letters.purged", pool: name, purged, has_more: more });
  },
});
