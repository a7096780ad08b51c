import { cellAttribution } from "../../functions/entry/bootstrap.ts";
import { mint } from "../../functions/v1/keys/mint.ts";
import { EnvironmentId, ProjectId, TenantId, WorkspaceId } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { NewKey } from "../../shared/contracts/ports/tenant-store.ts";
import { type Credential, Facts } from "./facts.ts";
import { judge } from "./invariants/judge.ts";
import { unrest } from "./invariants/quiet.ts";
import { watchBudgets, watchEngines, watchReceiver } from "./invariants/watch.ts";
import { SimulatedCell } from "./parts/cell.ts";
import { configuration, TENANTS, type TenantName } from "./parts/config.ts";
import type { Edge } from "./parts/edge.ts";
import { approver, finishVerdicts, guardedAsker, toldTask } from "./workload/approvals.ts";
import { Caller } from "./workload/caller.ts";
import { chaos } from "./workload/chaos.ts";
import { chatter } from "./workload/chatter.ts";
import { eraser, rememberer } from "./workload/content.ts";
import { crowd, crowdInPeace } from "./workload/crowd.ts";
import { mover } from "./workload/moves.ts";
import { administrator, batcher, type People } from "./workload/others.ts";
import { firstPolicy, policyMaker } from "./workload/policies.ts";
import { type Violation, World } from "./world/world.ts";

const EVENTS_MAX = 250_000;
/** A task of unknown outcome is closed when its deadline, which lines of batches have at its longest, and its grace are over. */
const REST_MS = LIMITS.deadlineMsMax + LIMITS.abandonGraceMs + 10 * 60_000;
const LOOK_MS = 10_000;
const CROWD_IN_PEACE = 12;
const BUDGETS_USD = ["0.0009", "0.002", "5"] as const;

export interface Outcome {
  seed: number;
  violations: readonly Violation[];
  digest: string;
  events: number;
  /** How much of what a run is to meet it met. */
  met: { prompts: number; answers: number; generations: number; virtualS: number };
  lines: readonly string[];
}

/**
 * One whole life of a cell under one seed: set up, used while everything fails, left in peace, judged. `slow`: another life,
 * in which answers take seconds, one of two edges goes on while the other one stops in the middle of them, and does so often.
 */
export async function simulate(seed: number, slow = false): Promise<Outcome> {
  const world = new World(seed);
  // Longer than a lease.
  if (slow) world.lateMsMax = 60_000;
  const facts = new Facts();
  const { random } = world;
  const crowded = random.chance(slow ? 0.15 : 0.1);
  const moves = random.chance(slow ? 0.15 : 0.07);
  const cell = new SimulatedCell(
    world,
    {
      slow,
      edges: slow ? 2 : 1 + random.below(2),
      // Somebody else is there to take over what one leaves.
      workers: slow ? 2 + random.below(2) : 1 + random.below(3),
      // With few free slots a worker asks its queue once a second, with more it waits there: most waits tell nothing new.
      slots: crowded || random.chance(0.25) ? 1 + random.below(2) : 4 + random.below(3),
      moves,
      publishes: moves || random.chance(0.25),
      governed: random.chance(slow ? 0.6 : 0.4),
      tells: random.chance(slow ? 0.6 : 0.4),
      awaited: random.chance(0.5),
      keeps: random.chance(slow ? 0.5 : 0.15),
      crowded,
    },
    facts,
    (of, name, sql) => {
      if (of.name === "tenant") watchBudgets(world, name, sql);
    },
  );
  cell.receiver.onTold = (told) => watchReceiver(world, facts, told);
  cell.engines.onStart = (generation) => watchEngines(world, facts, generation, cell.engines.generations);
  const caller = new Caller(cell, facts);
  let over = false;
  const begin = async (): Promise<void> => {
    world.faults = false;
    await cell.start();
    const people = await settle(cell);
    if (cell.shape.governed) for (const tenant of TENANTS) await firstPolicy(caller, people.admins[tenant]);
    world.faults = true;
    world.note("— everything may fail —");
    const disturbing = chaos(caller);
    const deciding = cell.shape.governed
      ? TENANTS.map((tenant) => approver(caller, people.admins[tenant], () => world.faults))
      : [];
    await Promise.all(callers(caller, people));
    world.faults = false;
    world.note("— nothing fails any more —");
    await Promise.all([disturbing, ...deciding]);
    for (const tenant of TENANTS) await finishVerdicts(caller, people.admins[tenant]);
    await rest(cell);
    if (cell.shape.crowded && world.violations.length === 0) {
      await crowdInPeace(caller, people.admins[world.random.pick(TENANTS)], CROWD_IN_PEACE);
      await rest(cell);
    }
    if (world.violations.length === 0) await judge(cell, facts, caller, people);
    over = true;
  };
  try {
    await world.run(begin, () => over, EVENTS_MAX);
  } finally {
    cell.close();
  }
  const answers = [...facts.prompts.values()].reduce((sum, prompt) => sum + prompt.answers.length, 0);
  return {
    ...{ seed, violations: world.violations, digest: world.digest(), events: world.events, lines: world.lines },
    met: {
      ...{ prompts: facts.prompts.size, answers, generations: cell.engines.generations.length },
      virtualS: Math.round(world.sinceBeginMs / 1_000),
    },
  };
}

function callers(caller: Caller, people: People): Promise<void>[] {
  const { shape } = caller.cell;
  const { random } = caller.cell.world;
  const working: Promise<void>[] = [];
  for (const tenant of TENANTS) {
    for (const key of people.keys[tenant]) working.push(chatter(caller, key, (shape.slow ? 5 : 2) + random.below(3)));
    const [first] = people.keys[tenant];
    if (first && random.chance(0.3)) working.push(batcher(caller, first));
    for (let each = shape.slow ? 2 : 1; first && each > 0; each--) {
      if (shape.tells) working.push(toldTask(caller, first));
      if (shape.governed) working.push(guardedAsker(caller, first));
    }
  }
  if (shape.keeps) {
    const tenant = random.pick(TENANTS);
    for (const key of people.keys[tenant]) working.push(rememberer(caller, key, 3 + random.below(3)));
    working.push(eraser(caller, people.admins[tenant], people.keys[tenant], 1 + random.below(3)));
  }
  if (shape.crowded) {
    const [first] = people.keys[random.pick(TENANTS)];
    if (first) working.push(crowd(caller, first, 8 + random.below(8)));
  }
  // Not the tenant of the operator's own key.
  if (shape.moves) working.push(mover(caller, people.operator, random.pick(["beta", "gamma"])));
  if (shape.governed) working.push(policyMaker(caller, people.admins[random.pick(TENANTS)], 1 + random.below(2)));
  working.push(administrator(caller, people, random.pick(TENANTS), 1 + random.below(3)));
  return working;
}

/** Waits until nothing is open, held, leased or on its way; it must not take longer than the cell's own bounds add up to. */
async function rest(cell: SimulatedCell): Promise<void> {
  const { world } = cell;
  const until = world.now() + REST_MS;
  for (let left = unrest(cell); left.length > 0; left = unrest(cell)) {
    if (world.now() > until)
      return world.violated("without faults everything comes to rest", left.slice(0, 12).join("; "));
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

const scopes = {
  ...{ workspace: WorkspaceId.parse("default"), project: ProjectId.parse("default") },
  environment: EnvironmentId.parse("production"),
};

/** Tenants with their keys and a hard budget each, made before anything may fail. */
async function settle(cell: SimulatedCell): Promise<People> {
  const edge = cell.edges[0];
  if (!edge) throw new Error("no edge was started");
  await edge.deps.cellStore.activate(
    configuration(cell.shape.crowded).current().digest,
    configuration(cell.shape.crowded).active().files,
  );
  const made = Object.fromEntries(
    await Promise.all(TENANTS.map(async (name) => [name, await tenant(cell, edge, name)])),
  );
  const part = <T>(pick: (of: { admin: Credential; keys: Credential[] }) => T) =>
    // safe because: every tenant was made
    Object.fromEntries(TENANTS.map((name) => [name, pick(made[name])])) as Record<TenantName, T>;
  const admins = part(({ admin }) => admin);
  return { operator: admins.alpha, admins, keys: part(({ keys }) => keys) };
}

async function tenant(cell: SimulatedCell, { deps }: Edge, name: TenantName) {
  const id = TenantId.parse(name);
  const config = configuration(cell.shape.crowded).current().tenants[name];
  if (!config) throw new Error(`no tenant ${name}`);
  const [admin, ...apps] = Array.from({ length: 1 + 1 + cell.world.random.below(2) }, () => mint(deps, id));
  if (!admin) throw new Error("no key was minted");
  const common = { ...scopes, kind: "service" as const, granted: ["*"], expires_ms: null };
  const keys: NewKey[] = [
    {
      ...{ ...common, kid: admin.kid, digest: admin.digest, name: "admin", subject: `user:admin-of-${name}` },
      ...{ roles: ["admin", "operator", "approver"], cell_operator: name === "alpha" },
    },
    ...apps.map(
      ({ kid, digest }, at): NewKey => ({
        ...{ ...common, kid, digest, name: `app ${at}`, subject: `service:app-${at}-of-${name}` },
        ...{ roles: ["developer"], cell_operator: false },
      }),
    ),
  ];
  const by = cellAttribution(deps.cell, configuration(cell.shape.crowded).current().digest, "simulation");
  const done = await deps.tenants.provision(id, {
    settings: { name: config.name, privacy: config.privacy, content: config.content, transit: config.transit },
    data_key: await deps.keyring.createDataKey(id),
    ...{ keys, budgets: [], by },
  });
  if (!done.ok) throw new Error(`tenant ${name}: ${done.error.reason}`);
  await deps.cellStore.registerTenant(id);
  const credential = ({ kid, text }: { kid: string; text: string }): Credential => ({
    ...{ tenant: name, kid, text },
    subject: keys.find((key) => key.kid === kid)?.subject ?? "nobody",
  });
  const caller = new Caller(cell, new Facts());
  const budget = await caller.settled(credential(admin), "POST", "/v1/budgets", {
    ...{ period: "month", limit_usd: cell.world.random.pick(BUDGETS_USD), hard: true },
  });
  if (budget?.answer.status !== 201) throw new Error(`no budget: ${budget?.answer.text}`);
  return { admin: credential(admin), keys: apps.map(credential) };
}
