import { describeProblem } from "../../shared/contracts/config/problem.ts";
import type { Snapshot } from "../../shared/contracts/config/snapshot.ts";
import type { CellStore } from "../../shared/contracts/ports/cell-store.ts";
import type { ConfigSource } from "../../shared/contracts/ports/config-source.ts";
import { ControlDbUnavailable } from "../../shared/contracts/ports/control-db.ts";
import type { Telemetry } from "../../shared/contracts/ports/telemetry.ts";
import { awayFor } from "./away-for.ts";

const DRAIN_MS = 2_000;
const RETRY_MS = 5_000;

interface UpkeepParts {
  config: ConfigSource;
  cellStore: CellStore;
  telemetry: Telemetry;
  provision(snapshot: Snapshot): Promise<void>;
  migrate(): Promise<unknown>;
  mirror(): Promise<void>;
  drain(): Promise<unknown>;
  /** Deletes some of what has had its day. */
  prune(): Promise<unknown>;
}

/**
 * Work of the cell that no call waits for: activations are recorded and new tenants provisioned, the control database is
 * brought up to date as soon as it answers, its outbox is drained and old rows are deleted. Nothing here stops inference.
 */
export function startUpkeep(parts: UpkeepParts): { stop(): Promise<void> } {
  const { config, cellStore, telemetry } = parts;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wake: () => void = () => {};
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      wake = resolve;
      timer = setTimeout(resolve, ms);
    });
  const unsubscribe = config.subscribe((event) => {
    if (event.kind === "refused") {
      const problem = event.problems.slice(0, 1).map(describeProblem).join();
      telemetry.log.warn("config.refused", { in_force: event.in_force, problem });
      return;
    }
    const { snapshot, files } = event.config;
    void cellStore
      .activate(snapshot.digest, files)
      .then(() => parts.provision(snapshot))
      .then(() => telemetry.log.info("config.activated", { digest: snapshot.digest }))
      .catch((cause: unknown) => telemetry.log.error("config.activation", cause));
  });
  const reach = async (step: string, work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (cause) {
      if (!stopped) {
        if (cause instanceof ControlDbUnavailable)
          telemetry.log.warn("control-db.unavailable", { step, ...awayFor(cause) });
        else telemetry.log.error(`control-db.${step}`, cause);
      }
      return false;
    }
  };
  const loop = (async () => {
    while (!stopped && !(await reach("migrate", parts.migrate))) await pause(RETRY_MS);
    while (!stopped && !(await reach("mirror", parts.mirror))) await pause(RETRY_MS);
    while (!stopped) {
      const reached = (await reach("drain", parts.drain)) && (await reach("prune", parts.prune));
      if (!stopped) await pause(reached ? DRAIN_MS : RETRY_MS);
    }
  })();
  return {
    async stop() {
      stopped = true;
      unsubscribe();
      clearTimeout(timer);
      wake();
      await loop;
    },
  };
}
