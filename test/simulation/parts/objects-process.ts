import { embeddedBatchStore } from "../../../durable/batch/embedded.ts";
import { batchObjectClass } from "../../../durable/batch/object-class.ts";
import { embeddedCellPolicies, embeddedCellStore } from "../../../durable/cell/embedded.ts";
import { cellObjectClass } from "../../../durable/cell/object-class.ts";
import type { LogParts } from "../../../durable/runtime/log/parts.ts";
import { ObjectUnavailable } from "../../../durable/runtime/object-class.ts";
import { sessionClass } from "../../../durable/session/core.ts";
import { embeddedSessionStore } from "../../../durable/session/embedded.ts";
import { embeddedTaskStore } from "../../../durable/task/embedded.ts";
import { taskObjectClass } from "../../../durable/task/object-class.ts";
import { embeddedTenantPolicies, embeddedTenantStore } from "../../../durable/tenant/embedded.ts";
import { tenantObjectClass } from "../../../durable/tenant/object-class.ts";
import { randomIds } from "../../../functions/adapters/ids/random.ts";
import { finishCalledOff } from "../../../functions/cells/moving/called-off.ts";
import { tenantMoves } from "../../../functions/cells/moving/tenant-moves.ts";
import { hostMovedObjects } from "../../../functions/entry/embedded-moved-objects.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { BatchRunner } from "../../../shared/contracts/ports/batch-store.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { EventSink } from "../../../shared/contracts/ports/event-sink.ts";
import type { JobQueue } from "../../../shared/contracts/ports/job-queue.ts";
import type { Keyring } from "../../../shared/contracts/ports/keyring.ts";
import type { Runner } from "../../../shared/contracts/ports/runner.ts";
import { statementKey, statementSigner } from "../../../shared/crypto/policy-statement.ts";
import type { Facts } from "../facts.ts";
import { watchedTasks } from "../invariants/watch.ts";
import type { Path } from "../world/network.ts";
import { Process, type World } from "../world/world.ts";
import type { CellPlace } from "./config.ts";
import { type Directory, NO_SCOPES } from "./moves.ts";
import { type Disk, type OnCommit, SimulatedHost } from "./objects.ts";

/** What the objects reach outside of them. */
export interface ObjectsSurroundings {
  world: World;
  cell: CellPlace;
  directory: Directory | null;
  /** What the names of its processes begin with. */
  prefix: string;
  disk: Disk;
  clock: Clock;
  facts: Facts;
  root: Uint8Array;
  runner: Runner;
  batches: BatchRunner;
  queue: Pick<JobQueue, "send">;
  sink: EventSink;
  log: LogParts | null;
  keyring: Keyring;
  onCommit: OnCommit;
  onAlarmFailed: (key: string) => void;
}

export const objectsPath = (name: string): Path => ({
  ...{ name, lost: 0.006, slow: 0.01 },
  failure: (why: string) => new ObjectUnavailable(why),
});

export type ObjectsProcess = ReturnType<typeof objectsProcess>;

/** All durable objects and the ports over them, in one process that can die as a whole. */
export function objectsProcess(around: ObjectsSurroundings) {
  const { world, clock, root, cell } = around;
  const origin = { cell: cell.id, region: cell.region, release: "test" };
  const process = new Process(`${around.prefix}objects`);
  const ids = randomIds(clock);
  const tenantClass = tenantObjectClass(around.sink, around.log);
  const taskClass = taskObjectClass({ runner: around.runner, queue: around.queue });
  const batchClass = batchObjectClass(around.batches);
  const cellClass = cellObjectClass(null);
  const before = world.current;
  // Timers of alarms are this process's own.
  world.current = process;
  const host = new SimulatedHost({
    ...{ world, process, clock, disk: around.disk, onCommit: around.onCommit },
    onAlarmFailed: around.onAlarmFailed,
    mint: () => ids.base62(26),
    classes: [tenantClass, sessionClass, taskClass, batchClass, cellClass],
  });
  world.current = before;
  const cellStore = embeddedCellStore(host, origin, cellClass);
  const { log, keyring, directory } = around;
  const classes = { tenant: tenantClass, session: sessionClass, task: taskClass, batch: batchClass };
  const moved = hostMovedObjects(host, classes, null);
  const moves =
    log === null || directory === null
      ? null
      : tenantMoves({
          ...{ cell, clock, ids, keyring, cellStore, store: log.archive, signer: log.signer, objects: moved },
          ...{ logPrefix: log.prefix, logOrigin: log.origin, retentionDays: 1 },
          ...{ scopes: NO_SCOPES, directory: directory.reader() },
        });
  if (log !== null && directory !== null) {
    const tidy = () =>
      void finishCalledOff({ objects: moved, store: log.archive }).catch((cause: unknown) =>
        world.note(`${process.name}: tidying moves: ${String(cause)}`),
      );
    world.after(0, process, () => {
      tidy();
      setInterval(tidy, LIMITS.movedTidyMs);
    });
  }
  const sign = statementSigner(cell.id, statementKey(root));
  return {
    process,
    host,
    tenants: embeddedTenantStore(host, tenantClass),
    sessions: embeddedSessionStore(host),
    tasks: watchedTasks(world, around.facts, cell.id, embeddedTaskStore(host, taskClass)),
    batches: embeddedBatchStore(host, batchClass),
    cellStore,
    moves,
    cellPolicies: embeddedCellPolicies(host, origin, sign),
    tenantPolicies: embeddedTenantPolicies(host, tenantClass, sign),
    /** Whoever lives on learns of it late; the disk has what was synced. */
    die() {
      process.end();
      host.crashAll();
    },
  };
}
