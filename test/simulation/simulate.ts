import { cellAttribution } from "../../functions/entry/bootstrap.ts";
import { mint } from "../../functions/v1/keys/mint.ts";
import { EnvironmentId, ProjectId, TenantId, WorkspaceId } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { NewKey } from "../../shared/contracts/ports/tenant-store.ts";
import { type Credential, Facts } from "./facts.ts";
import { Homes } from "./invariants/homes.ts";
import { judge } from "./invariants/judge.ts";
import { unrest } from "./invariants/quiet.ts";
import { Timeliness } from "./invariants/timeliness.ts";
import { watchBudgets, watchEngines, watchReceiver } from "./invariants/watch.ts";
import { SimulatedCell } from "./parts/cell.ts";
import { CELL, configuration, OPERATORS, OTHER, TENANTS, type TenantName } from "./parts/config.ts";
import type { Edge } from "./parts/edge.ts";
import { Engines } from "./parts/engines.ts";
import { Directory } from "./parts/moves.ts";
import { Receiver } from "./parts/receiver.ts";
import { approver, finishVerdicts, guardedAsker, toldTask } from "./workload/approvals.ts";
import { Caller } from "./workload/caller.ts";
import { chaos } from "./workload/chaos.ts";
import { chatter } from "./workload/chatter.ts";
import { eraser, rememberer } from "./workload/content.ts";
import { crowd, crowdInPeace } from "./workload/crowd.ts";
import { mover } from "./workload/moves.ts";
import { administrator, batcher, type People, revokes } from "./workload/others.ts";
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
export async function simulate(seed: number, slow = false, alwaysMoves = false): Promise<Outcome> {
  const world = new World(seed);
  // Longer than a lease.
  if (slow) world.lateMsMax = 60_000;
  const facts = new Facts();
  const { random } = world;
  const crowded = random.chance(slow ? 0.15 : 0.1);
  const moves = random.chance(slow ? 0.15 : 0.07) || alwaysMoves;
  const share = moves
    ? { directory: new Directory(world), engines: new Engines(world, slow), receiver: new Receiver(world) }
    : null;
  const homes = new Homes(world);
  const timeliness = new Timeliness(world, facts);
  const watch: ConstructorParameters<typeof SimulatedCell>[3] = (at, of, name, sql) => {
    timeliness.watch(at, of, name, sql);
    if (of.name !== "tenant") return;
    watchBudgets(world, name, sql);
    // Operators' own tenants have the same name in each cell, and nothing to do with each other.
    if (name !== OPERATORS || at === cell) homes.watch(at, name, sql);
  };
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
    watch,
    CELL,
    share,
  );
  const cells: [SimulatedCell, ...SimulatedCell[]] = [cell];
  // A lean one: it has what it takes to live there, and nobody lives there yet.
  const lean = { edges: 1, workers: 1, slots: 4 };
  if (share !== null) cells.push(new SimulatedCell(world, { ...cell.shape, ...lean }, facts, watch, OTHER, share));
  cell.receiver.onTold = (told) => watchReceiver(world, facts, told);
  cell.engines.onStart = (generation) => watchEngines(world, facts, generation, cell.engines.generations);
  const caller = new Caller(cells, facts);
  let over = false;
  const begin = async (): Promise<void> => {
    world.faults = false;
    for (const one of cells) await one.start();
    const people = await settle(cells);
    if (cell.shape.governed) for (const tenant of TENANTS) await firstPolicy(caller, people.admins[tenant]);
    world.faults = true;
    world.note("— everything may fail —");
    const disturbing = Promise.all(cells.map((one) => chaos(caller, one)));
    const deciding = cell.shape.governed
      ? TENANTS.map((tenant) => approver(caller, people.admins[tenant], () => world.faults))
      : [];
    await Promise.all(callers(caller, people, share?.directory ?? null));
    world.faults = false;
    world.note("— nothing fails any more —");
    const lastMs = world.now() + world.lateMsMax;
    await Promise.all([disturbing, ...deciding]);
    timeliness.calmFrom(Math.max(lastMs, world.now(), ...cells.map(({ stoppedUntilMs }) => stoppedUntilMs)));
    for (const tenant of TENANTS) await finishVerdicts(caller, people.admins[tenant]);
    await rest(cells, timeliness);
    if (cell.shape.crowded && world.violations.length === 0) {
      await crowdInPeace(caller, people.admins[world.random.pick(TENANTS)], CROWD_IN_PEACE);
      await rest(cells, timeliness);
    }
    if (world.violations.length === 0) await judge(caller, people, homes);
    over = true;
  };
  try {
    await world.run(begin, () => over, EVENTS_MAX);
  } finally {
    for (const one of cells) one.close();
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

function callers(caller: Caller, people: People, directory: Directory | null): Promise<void>[] {
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
  // Not the tenant of the operators' own keys.
  const leaves = random.pick(TENANTS.filter((name) => name !== OPERATORS));
  if (shape.keeps) {
    const tenant = directory === null ? random.pick(TENANTS) : leaves;
    for (const key of people.keys[tenant]) working.push(rememberer(caller, key, 3 + random.below(3)));
    working.push(eraser(caller, people.admins[tenant], people.keys[tenant], 1 + random.below(3)));
  }
  if (shape.crowded) {
    const [first] = people.keys[random.pick(TENANTS)];
    if (first) working.push(crowd(caller, first, 8 + random.below(8)));
  }
  if (directory !== null) {
    working.push(mover(caller, people, leaves, directory));
    // What is revoked before is revoked behind it.
    if (random.chance(0.4)) working.push(caller.pause(1_000, 60_000).then(() => revokes(caller, people, leaves)));
  }
  if (shape.governed) working.push(policyMaker(caller, people.admins[random.pick(TENANTS)], 1 + random.below(2)));
  working.push(administrator(caller, people, random.pick(TENANTS), 1 + random.below(3)));
  return working;
}

/** Waits until nothing is open, held, leased or on its way; it must not take longer than the cell's own bounds add up to. */
async function rest(cells: readonly [SimulatedCell, ...SimulatedCell[]], timeliness: Timeliness): Promise<void> {
  const [{ world }] = cells;
  const found = () => cells.flatMap(unrest);
  const until = world.now() + REST_MS;
  for (let left = found(); left.length > 0; left = found()) {
    timeliness.look(cells);
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
async function settle(cells: readonly [SimulatedCell, ...SimulatedCell[]]): Promise<People> {
  const [cell, ...others] = cells;
  for (const other of cells) await configured(other);
  const edge = cell.edges[0];
  if (!edge) throw new Error("no edge was started");
  const made = Object.fromEntries(
    await Promise.all(TENANTS.map(async (name) => [name, await tenant(cell, edge, name)])),
  );
  const part = <T>(pick: (of: { admin: Credential; keys: Credential[] }) => T) =>
    // safe because: every tenant was made
    Object.fromEntries(TENANTS.map((name) => [name, pick(made[name])])) as Record<TenantName, T>;
  const admins = part(({ admin }) => admin);
  const operators = new Map([[cell, admins[OPERATORS]]]);
  for (const other of others) {
    const [first] = other.edges;
    if (!first) throw new Error("no edge was started");
    operators.set(other, (await tenant(other, first, OPERATORS)).admin);
  }
  return { operators, admins, keys: part(({ keys }) => keys) };
}

async function configured(cell: SimulatedCell): Promise<void> {
  const config = configuration(cell.place, cell.shape.crowded);
  await cell.edges[0]?.deps.cellStore.activate(config.current().digest, config.active().files);
}

async function tenant(cell: SimulatedCell, { deps }: Edge, name: TenantName) {
  const id = TenantId.parse(name);
  const snapshot = configuration(cell.place, cell.shape.crowded).current();
  const config = snapshot.tenants[name];
  if (!config) throw new Error(`no tenant ${name}`);
  const [admin, ...apps] = Array.from({ length: 1 + 1 + cell.world.random.below(2) }, () => mint(deps, id));
  if (!admin) throw new Error("no key was minted");
  const common = { ...scopes, kind: "service" as const, granted: ["*"], expires_ms: null };
  const keys: NewKey[] = [
    {
      ...{ ...common, kid: admin.kid, digest: admin.digest, name: "admin", subject: `user:admin-of-${name}` },
      ...{ roles: ["admin", "operator", "approver"], cell_operator: name === OPERATORS },
    },
    ...apps.map(
      ({ kid, digest }, at): NewKey => ({
        ...{ ...common, kid, digest, name: `app ${at}`, subject: `service:app-${at}-of-${name}` },
        ...{ roles: ["developer"], cell_operator: false },
      }),
    ),
  ];
  const by = cellAttribution(deps.cell, snapshot.digest, "simulation");
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
  const caller = new Caller([cell], new Facts());
  const budget = await caller.settled(credential(admin), "POST", "/v1/budgets", {
    ...{ period: "month", limit_usd: cell.world.random.pick(BUDGETS_USD), hard: true },
  });
  if (budget?.answer.status !== 201) throw new Error(`no budget: ${budget?.answer.text}`);
  return { admin: credential(admin), keys: apps.map(credential) };
}
