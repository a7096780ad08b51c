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
import { tenantMoves } from "../../../functions/cells/moving/tenant-moves.ts";
import { hostMovedObjects } from "../../../functions/entry/embedded-moved-objects.ts";
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
import { CELL } from "./config.ts";
import { DIRECTORY, NO_SCOPES } from "./moves.ts";
import { type Disk, type OnCommit, SimulatedHost } from "./objects.ts";

export const ORIGIN = { cell: CELL.id, region: CELL.region, release: "test" };

/** What the objects reach outside of them. */
export interface ObjectsSurroundings {
  world: World;
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
}

export const objectsPath = (name: string): Path => ({
  ...{ name, lost: 0.006, slow: 0.01 },
  failure: (why: string) => new ObjectUnavailable(why),
});

export type ObjectsProcess = ReturnType<typeof objectsProcess>;

/** All durable objects and the ports over them, in one process that can die as a whole. */
export function objectsProcess(around: ObjectsSurroundings) {
  const { world, clock, root } = around;
  const process = new Process("objects");
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
    mint: () => ids.base62(26),
    classes: [tenantClass, sessionClass, taskClass, batchClass, cellClass],
  });
  world.current = before;
  const cellStore = embeddedCellStore(host, ORIGIN, cellClass);
  const { log, keyring } = around;
  const classes = { tenant: tenantClass, session: sessionClass, task: taskClass, batch: batchClass };
  const moves = log && {
    ...tenantMoves({
      ...{ cell: CELL, clock, ids, keyring, cellStore, store: log.archive, signer: log.signer },
      ...{ objects: hostMovedObjects(host, classes, null), scopes: NO_SCOPES, directory: () => DIRECTORY },
      ...{ logPrefix: log.prefix, logOrigin: log.origin, retentionDays: 1 },
    }),
  };
  const sign = statementSigner(CELL.id, statementKey(root));
  return {
    process,
    host,
    tenants: embeddedTenantStore(host, tenantClass),
    sessions: embeddedSessionStore(host),
    tasks: watchedTasks(world, around.facts, embeddedTaskStore(host, taskClass)),
    batches: embeddedBatchStore(host, batchClass),
    cellStore,
    moves,
    cellPolicies: embeddedCellPolicies(host, ORIGIN, sign),
    tenantPolicies: embeddedTenantPolicies(host, tenantClass, sign),
    /** Whoever lives on learns of it late; the disk has what was synced. */
    die() {
      process.end();
      host.crashAll();
    },
  };
}
