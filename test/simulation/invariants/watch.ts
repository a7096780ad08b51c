import type { Sql } from "../../../durable/runtime/sql.ts";
import { isJsonObject } from "../../../shared/contracts/json.ts";
import type { FenceRefusal } from "../../../shared/contracts/ports/task-log.ts";
import type { TaskStore } from "../../../shared/contracts/ports/task-store.ts";
import type { Result } from "../../../shared/contracts/result.ts";
import type { Facts } from "../facts.ts";
import type { Generation } from "../parts/engines.ts";
import type { Told } from "../parts/receiver.ts";
import type { World } from "../world/world.ts";
import { watchHeard } from "./content.ts";

/** As long as an edge stands still, a message is late, and a try takes. */
const TRY_MS_MAX = 180_000;

type Overspent = { id: string; spent: number; held: number; hard_limit: number };

/** After every durable step of a tenant: no hard budget is spent and promised beyond its limit, and no hold is negative. */
export function watchBudgets(world: World, tenant: string, sql: Sql): void {
  const [over] = sql.all<Overspent>(
    `SELECT b.id AS id, s.spent_nusd AS spent, s.held_nusd AS held, b.limit_nusd AS hard_limit
     FROM budget b JOIN budget_span s ON s.budget = b.id
     WHERE (b.hard = 1 AND s.spent_nusd + s.held_nusd > b.limit_nusd) OR s.held_nusd < 0 OR s.spent_nusd < 0`,
  );
  if (over)
    world.violated(
      "a hard budget is never overspent",
      `${tenant} ${over.id}: ${over.spent} spent and ${over.held} held of ${over.hard_limit}`,
    );
}

/** A port of tasks that notes which fence was given out last, and what an older one was still allowed to write. */
export function watchedTasks(world: World, facts: Facts, cell: string, tasks: TaskStore): TaskStore {
  const fencesOf = (tenant: string) => facts.fencesIn(cell, tenant);
  /** A copy of what lives elsewhere is leased, looked at and left. */
  const isCopy = (tenant: string) =>
    facts.mayBeWritten(cell, tenant) || facts.inForce("away", { tenant, kid: null, cell }, world.now(), world.now());
  const wrote = (
    what: string,
    [tenant, task]: [string, string],
    fence: number,
    outcome: Result<unknown, FenceRefusal>,
  ) => {
    const newest = fencesOf(tenant).get(task) ?? 0;
    if (outcome.ok && fence < newest)
      world.violated("no write by an old fence", `${task}: ${what} under fence ${fence}, ${newest} was given out`);
  };
  return {
    ...tasks,
    async leaseTask(tenant, task, options) {
      const leased = await tasks.leaseTask(tenant, task, options);
      if (!leased.ok) return leased;
      if (isCopy(tenant)) return leased;
      const { fence } = leased.value;
      const fences = fencesOf(tenant);
      const newest = fences.get(task) ?? 0;
      world.note(`${task} is leased under fence ${fence} in ${cell}`);
      if (fence <= newest) world.violated("fences only rise", `${task}: fence ${fence} behind ${newest}`);
      fences.set(task, fence);
      facts.leasedMs.set(task, world.now());
      return leased;
    },
    callback(tenant, task) {
      if (!facts.tellingMs.has(task)) facts.tellingMs.set(task, world.now());
      facts.lookedMs.set(task, [...(facts.lookedMs.get(task) ?? []), world.now()]);
      return tasks.callback(tenant, task);
    },
    async appendLog(tenant, task, fence, part) {
      // What was given out before this call began shuts it out.
      const newest = fencesOf(tenant).get(task) ?? 0;
      const outcome = await tasks.appendLog(tenant, task, fence, part);
      if (fence < newest) wrote("frames", [tenant, task], fence, outcome);
      return outcome;
    },
    async closeLog(tenant, task, fence, end) {
      const newest = fencesOf(tenant).get(task) ?? 0;
      const outcome = await tasks.closeLog(tenant, task, fence, end);
      if (fence < newest) wrote("an end", [tenant, task], fence, outcome);
      return outcome;
    },
  };
}

/** Somebody is told of the end of a task: once it has ended, of nothing that it made, and by nobody who may not know. */
export function watchReceiver(world: World, facts: Facts, { task: id, cell, event, text }: Told): void {
  const prompt = facts.prompts.get(id);
  const task = String(event.subject);
  const data = isJsonObject(event.data) ? event.data.task : undefined;
  const status = isJsonObject(data) ? data.status : undefined;
  if (prompt === undefined) {
    world.violated("a callback is about what was asked", `${task}: ${id}`);
    return;
  }
  if (typeof status !== "string") world.violated("nobody is told of an end before it", `${task}: ${String(status)}`);
  if (/\[[a-z]+ q\d+\]/.test(text) || /g\d+\.0\//.test(text))
    world.violated("a callback holds nothing that was said", `${task}: ${text}`);
  const { tenant, kid } = prompt;
  const beganMs = facts.tellingMs.get(task) ?? 0;
  for (const kind of ["revoked", "suspended"] as const)
    if (facts.inForce(kind, { tenant, kid }, beganMs, world.now()))
      world.violated(`what is ${kind} is told nothing`, `${task} of ${tenant}, key ${kid}`);
  // A try that was begun before is over by then.
  if (facts.inForce("away", { tenant, kid, cell }, world.now() - TRY_MS_MAX, world.now()))
    world.violated("a cell that a tenant left tells nobody of it", `${task} of ${tenant} by ${cell}`);
}

/** What somebody must approve runs once for each approval that was given, and never without one. */
function watchApproved(world: World, facts: Facts, { id, prompt }: Generation, before: readonly Generation[]): void {
  const given = [...facts.approvals.values()].filter((one) => one.prompt === prompt && one.verdict === "approve");
  const ran = before.filter((one) => one.prompt === prompt && !one.refused).length;
  if (given.length === 0) world.violated("nothing runs that nobody approved", `${id} for ${prompt}`);
  else if (ran > given.length)
    world.violated("an approved run happens at most once", `${prompt}: ${ran} runs of ${given.length} approvals`);
}

/** An engine begins: whoever lost the right to it, for certain, before it was asked for must not have it run. */
export function watchEngines(
  world: World,
  facts: Facts,
  generation: Generation,
  generations: readonly Generation[],
): void {
  const prompt = facts.prompts.get(generation.prompt);
  if (prompt === undefined || prompt.tenant !== generation.tenant) {
    world.violated(
      "an engine is asked what somebody asked",
      `${generation.id}: ${generation.tenant} ${generation.prompt}`,
    );
    return;
  }
  if (prompt.kind === "guarded") watchApproved(world, facts, generation, generations);
  // Of a queued task every lease decides anew; of others, the first request that can have caused this.
  const leased = generation.task === null ? undefined : facts.leasedMs.get(generation.task);
  const askedMs = leased ?? prompt.sentMs[0] ?? 0;
  const nowMs = world.now();
  watchHeard(world, facts, generation, askedMs);
  const { tenant, kid } = prompt;
  for (const kind of ["revoked", "suspended", "denied", "away"] as const)
    if (facts.inForce(kind, { tenant, kid, cell: generation.cell }, askedMs, nowMs))
      world.violated(
        `what is ${kind} never runs`,
        `${generation.id} for ${prompt.id} of ${tenant} in ${generation.cell}, key ${kid}`,
      );
  if (generation.lane === "far" && facts.inForce("local-only", { tenant: prompt.tenant, kid: null }, askedMs, nowMs))
    world.violated("a tightened privacy holds at once", `${generation.id} for ${prompt.id} left the cell`);
}
