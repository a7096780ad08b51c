import type { RemotePorts } from "../../durable/remote/remote-ports.ts";
import { describeProblem } from "../../shared/contracts/config/problem.ts";
import type { CellStore } from "../../shared/contracts/ports/cell-store.ts";
import type { ConfigSource } from "../../shared/contracts/ports/config-source.ts";
import type { ControlDb } from "../../shared/contracts/ports/control-db.ts";
import type { PolicyReadiness } from "../adapters/policy/rego.ts";
import type { Dependency } from "../context.ts";

const PROBE_MS_MAX = 2_000;

/** What a probe finds, or that it did not say in time. Never rejects. */
export const within = async (probe: Dependency["probe"]): ReturnType<Dependency["probe"]> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Awaited<ReturnType<Dependency["probe"]>>>((resolve) => {
    timer = setTimeout(() => resolve({ ready: false, reason: `no answer in ${PROBE_MS_MAX} ms` }), PROBE_MS_MAX);
  });
  try {
    return await Promise.race([probe(), late]);
  } catch (cause) {
    return { ready: false, reason: cause instanceof Error ? cause.name : "failed" };
  } finally {
    clearTimeout(timer);
  }
};

/** What durable objects are kept on. */
export const DISK = "disk";

/** What the cell does without while the cell layer's statement could not be renewed and is still good. */
export const RENEWAL = "policy-renewal";

/** Nothing is decided before the cell's policy was loaded once, or after its statement has expired. */
export const policyDependencies = (policy: PolicyReadiness): Dependency[] => [
  { name: "policy", required: true, probe: () => within(() => policy.ready()) },
  { name: RENEWAL, required: false, probe: async () => policy.renewing() },
];

/** The disk of the objects' process, which tells an edge what it finds there; one of an earlier release tells nothing. */
export const objectsDisk = (host: RemotePorts["host"]): Dependency => ({
  name: DISK,
  required: true,
  probe: () => within(async () => (await host.facts()).disk ?? { ready: true, reason: null }),
});

/**
 * What `/readyz` asks of every cell: the durable objects are required; the control database and a stale configuration only
 * degrade. A cell that keeps its objects itself asks its disk too, and an edge that of its objects.
 */
export const dependenciesOf = ({
  db,
  config,
  cellStore,
}: {
  db: ControlDb;
  config: ConfigSource;
  cellStore: CellStore;
}): Dependency[] => [
  {
    name: "objects",
    required: true,
    probe: () =>
      within(async () =>
        (await cellStore.active()) === null
          ? { ready: false, reason: "no snapshot is active" }
          : { ready: true, reason: null },
      ),
  },
  { name: "control-db", required: false, probe: () => within(() => db.ready()) },
  {
    name: "configuration",
    required: false,
    probe: async () => {
      const { problems } = config.state();
      const [first] = problems;
      return first ? { ready: false, reason: describeProblem(first) } : { ready: true, reason: null };
    },
  },
];
