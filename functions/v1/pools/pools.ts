import type { PoolConfig } from "../../../shared/contracts/config/snapshot.ts";
import { PageQuery } from "../../../shared/contracts/http/page.ts";
import { PoolObject, PoolPage, PoolPath } from "../../../shared/contracts/http/pools.ts";
import type { Call, Deps } from "../../context.ts";
import { poolConfig } from "../../inference/pools/loads.ts";
import { ProblemError } from "../../problem.ts";
import { READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { pageOfArray } from "../page.ts";
import { requireCellOperator } from "../tenants/target.ts";
import { poolObject } from "./pool-view.ts";

/** A pool of the configuration, for operators of the cell alone: its workers serve every tenant. */
export function operatedPool(call: Pick<Call, "actor" | "snapshot">, name: string): PoolConfig {
  requireCellOperator(call);
  const config = poolConfig(call.snapshot, name);
  if (config === null) throw new ProblemError("not-found");
  return config;
}

/** Reads the queues now: operators look at what is, not at what calls were planned with. */
async function shown(deps: Deps, configs: readonly PoolConfig[]): Promise<PoolObject[]> {
  const states = await deps.poolWatch.look();
  return configs.map((config) =>
    poolObject(
      config,
      states.find(({ pool }) => pool === config.name) ?? null,
      deps.poolWatch.sentTo(config.name, null),
    ),
  );
}

const common = { ...READ, action: "cell:read", gate: "governed", credential: "fresh", tag: "Pools" } as const;

export const listPools = operation({
  ...common,
  id: "pools.list",
  path: "/v1/pools",
  query: PageQuery,
  success: [200, PoolPage, "Every configured pool: workers, load, queues."],
  problems: [],
  summary: "List pools",
  resource: { kind: "cell" },
  async execute(deps, call) {
    requireCellOperator(call);
    const configs = Object.values(call.snapshot.pools ?? {}).sort((a, b) => (a.name < b.name ? -1 : 1));
    return value(pageOfArray("pools", await shown(deps, configs), call.query));
  },
});

export const getPool = operation({
  ...common,
  id: "pools.get",
  path: "/v1/pools/{pool}",
  params: PoolPath,
  success: [200, PoolObject, "The pool: workers, load, queues."],
  problems: ["not-found"],
  summary: "Get a pool",
  resource: { kind: "cell" },
  async execute(deps, call) {
    const [object] = await shown(deps, [operatedPool(call, call.params.pool)]);
    return value(object);
  },
});
