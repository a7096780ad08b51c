import { DeadLetterPath, DeadLetterRedriven } from "../../../shared/contracts/http/pools.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { JobMessage } from "../../../shared/contracts/worker-protocol.ts";
import type { Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { NO_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";
import { type Letter, oneLetter, placeOf, queuesOf } from "./letter.ts";
import { operatedPool } from "./pools.ts";
import { recordOperated } from "./record-operated.ts";

/**
 * Sends a dead job back into its queue: the same task, which its object leases once at a time and settles once, so that
 * nothing is charged twice. What has ended or is forgotten is refused, not run again.
 */
export const redriveDeadLetter = operation({
  id: "pools.dead-letters.redrive",
  method: "post",
  path: "/v1/pools/{pool}/dead-letters/{letter_id}/redrive",
  action: "cell:write",
  gate: "governed",
  credential: "fresh",
  effect: "reversible-write",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  ...NO_INPUT,
  params: DeadLetterPath,
  success: [200, DeadLetterRedriven, "The job waits in its queue again."],
  problems: ["not-found", "task-settled", "task-forgotten", "dead-letter-unreadable"],
  summary: "Redrive a dead letter",
  tag: "Pools",
  resource: { kind: "cell" },
  async execute(deps, call) {
    const { name } = operatedPool(call, call.params.pool);
    const letter = await oneLetter(deps, name, call.params.letter_id);
    const renewed = await messageOf(deps, letter);
    const { ticket } = renewed;
    // If we crash behind this, the letter is still there, and the entry tells of a redrive that was begun.
    await recordOperated(deps, call, "dead_letter.redriven", {
      ...{ pool: name, class: letter.queue.class, letter: letter.id, task: ticket.sub, tenant: ticket.tenant },
      ...{ given_up: letter.dead.reason, ticket_renewed: renewed.body !== null },
    });
    const { queue, id } = placeOf(name, letter.id);
    const sent = await queuesOf(deps).redrive(queue, id, ...(renewed.body === null ? [] : [renewed.body]));
    if (!sent) throw new ProblemError("not-found", { param: "letter_id" });
    deps.poolWatch.sent(queue, ticket.sub);
    return value({
      ...{ object: "pool.dead_letter.redriven", id: letter.id, pool: name, class: queue.class },
      ...{ task_id: ticket.sub, ticket_renewed: renewed.body !== null },
    });
  },
});

/** The letter's job if its task is still to run; `body` where its ticket had ended and is renewed. */
async function messageOf(deps: Deps, { job }: Letter) {
  if (job === null || deps.workers === null) throw new ProblemError("dead-letter-unreadable");
  const { message, ticket, deadline } = job;
  const task = await deps.tasks.detached(ticket.tenant, ticket.sub);
  const members = { task_id: ticket.sub };
  if (!task.ok) throw new ProblemError("task-forgotten", { members });
  if (task.value.phase === "done") throw new ProblemError("task-settled", { members });
  const now = deps.clock.now();
  if (ticket.expires_ms > now) return { ticket, body: null };
  const { expires_ms: _, ...claims } = ticket;
  const expires = Math.max(deadline, now) + LIMITS.ticketGraceMs;
  const renewed = await deps.workers.tokens.signTicket(claims, { now, expires });
  return { ticket, body: JSON.stringify(JobMessage.parse({ ...message, ticket: renewed })) };
}
