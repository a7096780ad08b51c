import type { FaultId, StepId } from "./matrix.ts";

export interface Row {
  fault: FaultId;
  /** Every step that the test breaks this way. */
  steps: readonly StepId[];
  /** What has to be seen. */
  expected: string;
  /** The file that makes the fault and says what it saw. */
  test: string;
  /** Where the tests of that file are run, if not there. */
  run?: string;
}

const WORKERS = "test/crash/queue-workers.test.ts";
const CELL = "test/crash/queue-cell.test.ts";
const DELIVERY = "test/crash/queue-delivery.test.ts";
const STORES = "test/crash/queue-stores.test.ts";
const CHANGES = "test/crash/changes.test.ts";
const CLOCK = "test/crash/clock.test.ts";
const DAMAGE = "test/crash/damage.test.ts";
const NETWORK = "test/crash/network.test.ts";

const DISK_STEPS: readonly StepId[] = [
  "admit",
  "settle",
  "keyed",
  "log",
  "keys",
  "provisioning",
  "file",
  "policy",
  "erasure",
  "batch-window",
  "batch-output",
  "seal",
];

/** What was built to be seen, by the id under which tests tell it. */
export const ROWS = {
  "calls-killed": {
    fault: "kill-cell",
    steps: ["admit", "settle"],
    expected: "every call that was answered is in ledger and usage, once",
    test: "test/conformance/restart.test.ts",
  },
  "call-cut-off": {
    fault: "kill-cell",
    steps: ["admit", "settle"],
    expected: "the hold becomes the charge, marked as an estimate; its key never runs again",
    test: "test/conformance/guarantees/sums.test.ts",
  },
  "keyed-killed": {
    fault: "kill-cell",
    steps: ["keyed"],
    expected: "the repeat gets the same bytes, and the engine is asked once",
    test: "test/conformance/restart.test.ts",
  },
  "object-writes-killed": {
    fault: "kill-cell",
    steps: ["admit", "settle"],
    expected: "no acknowledged write of any object is lost, and no alarm",
    test: "test/crash/embedded-host.test.ts",
  },
  "task-killed": {
    fault: "kill-cell",
    steps: ["log", "flush", "lease"],
    expected: "who follows sees every event once, across the restart",
    test: CELL,
  },
  "background-killed": {
    fault: "kill-cell",
    steps: ["log"],
    expected: "the reader goes on behind the last sequence number",
    test: CELL,
  },
  "cell-and-worker-killed": {
    fault: "kill-cell",
    steps: ["log", "flush"],
    expected: "the task ends in an error behind what was delivered, which is charged",
    test: CELL,
  },
  "waiting-killed": {
    fault: "kill-cell",
    steps: ["send", "lease"],
    expected: "no task that waits is lost, none runs twice",
    test: CELL,
  },
  "queued-key-killed": {
    fault: "kill-cell",
    steps: ["keyed"],
    expected: "one outcome for one key, before the crash and after",
    test: CELL,
  },
  "batch-killed": {
    fault: "kill-cell",
    steps: ["batch-window", "batch-output"],
    expected: "each of 2,000 lines has one result; what was with an engine is outcome_unknown and not asked again",
    test: "test/crash/batch.test.ts",
  },
  "seal-killed": {
    fault: "kill-cell",
    steps: ["seal"],
    expected: "after a crash at each single step of a turn the archive alone gives the log, and nothing halts",
    test: "test/crash/ledger-log.test.ts",
  },
  "policy-killed": {
    fault: "kill-cell",
    steps: ["policy"],
    expected: "the acknowledged bundle is in force, or the one just asked for, whole",
    test: "test/crash/policy.test.ts",
  },
  "approved-killed": {
    fault: "kill-cell",
    steps: ["approval"],
    expected: "what was approved runs once: the engine is asked no second time, the approval ends behind its lease",
    test: CLOCK,
  },
  "keys-killed": {
    fault: "kill-cell",
    steps: ["keys"],
    expected: "a key whose making was answered works, one whose revocation was answered never again",
    test: CHANGES,
  },
  "callback-killed": {
    fault: "kill-cell",
    steps: ["callback"],
    expected: "told again under the same delivery id, both verify, its end is in the ledger once",
    test: "test/crash/callbacks.test.ts",
  },
  "callback-doubled": {
    fault: "delivery",
    steps: ["callback"],
    expected: "a receiver that never answered gets the same delivery id again, and can tell",
    test: "test/crash/callbacks.test.ts",
  },
  "objects-killed": {
    fault: "kill-cell",
    steps: ["file"],
    expected: "no acknowledged object is lost, no half of one is seen, locked versions stay",
    test: "test/crash/objects.test.ts",
  },
  "uploads-killed": {
    fault: "kill-cell",
    steps: ["file"],
    expected: "each upload that was answered is there with its bytes; one that was cut off is no file",
    test: CHANGES,
  },
  "tenants-killed": {
    fault: "kill-cell",
    steps: ["provisioning"],
    expected: "a tenant that was answered works with its first key; none is half there",
    test: CHANGES,
  },
  "erasure-killed": {
    fault: "kill-cell",
    steps: ["erasure"],
    expected: "what an answered erasure took stays gone, and the ledger has its entry",
    test: CHANGES,
  },
  "events-killed": {
    fault: "kill-cell",
    steps: ["events"],
    expected: "the read models have every entry once",
    test: "test/conformance/guarantees/sums.test.ts",
  },
  "queue-processes-killed": {
    fault: "kill-cell",
    steps: ["send"],
    expected: "no acknowledged send is lost",
    test: "test/crash/job-queue.test.ts",
  },
  "worker-killed-early": {
    fault: "kill-worker",
    steps: ["lease"],
    expected: "another worker begins, and the caller never notices",
    test: WORKERS,
  },
  "worker-killed-midway": {
    fault: "kill-worker",
    steps: ["flush"],
    expected: "an error behind what was delivered, which is charged",
    test: WORKERS,
  },
  "worker-killed-late": {
    fault: "kill-worker",
    steps: ["flush"],
    expected: "never a whole answer, however much it looks like one",
    test: WORKERS,
  },
  "worker-killed-whole": {
    fault: "kill-worker",
    steps: ["flush"],
    expected: "a whole body that was not ended is replaced, and told once",
    test: WORKERS,
  },
  "worker-killed-unheard": {
    fault: "kill-worker",
    steps: ["acknowledge"],
    expected: "its message comes again and starts nothing",
    test: WORKERS,
  },
  "worker-killed-in-batch": {
    fault: "kill-worker",
    steps: ["batch-window"],
    expected: "each line is answered and charged once",
    test: "test/crash/queue-batch.test.ts",
  },
  "queue-workers-killed": {
    fault: "kill-worker",
    steps: ["acknowledge"],
    expected: "every job that was sent is done by some worker",
    test: "test/crash/job-queue.test.ts",
  },
  "worker-frozen-early": {
    fault: "freeze",
    steps: ["lease"],
    expected: "another worker answers; what the first one says when it wakes is nobody's",
    test: WORKERS,
  },
  "worker-frozen-midway": {
    fault: "freeze",
    steps: ["flush", "acknowledge"],
    expected: "an error behind what was delivered; unchanged by what it says when it wakes",
    test: WORKERS,
  },
  "cell-frozen": {
    fault: "freeze",
    steps: ["admit", "settle", "lease", "send", "log", "flush", "events"],
    expected: "streams of both lanes go on or end in an error, nothing runs twice, one sum",
    test: NETWORK,
  },
  "disk-full": {
    fault: "disk-full",
    steps: DISK_STEPS,
    expected: "503 and nothing by halves; goes on by itself once there is room",
    test: "test/crash/disk.test.ts",
  },
  "sync-error": {
    fault: "sync-error",
    steps: DISK_STEPS,
    expected: "nobody is told that something is done; goes on with what is on disk",
    test: "test/crash/disk.test.ts",
  },
  "page-damaged": {
    fault: "damage",
    steps: ["admit", "settle", "keys", "policy"],
    expected: "that tenant's calls are refused, others never notice, nothing is answered out of it",
    test: DAMAGE,
  },
  "log-cut": {
    fault: "damage",
    steps: ["admit", "settle"],
    expected: "a log that was cut gives a whole, earlier state: the chain verifies, sums agree",
    test: DAMAGE,
  },
  "home-rewound": {
    fault: "damage",
    steps: ["seal"],
    expected: "a tenant whose database is older than its signed checkpoint is halted: 503, and no fork is signed",
    test: DAMAGE,
  },
  "archive-damaged": {
    fault: "damage",
    steps: ["seal", "file"],
    expected: "an altered object is never handed out as if it were whole",
    test: DAMAGE,
  },
  "clock-forward": {
    fault: "clock-forward",
    steps: ["admit", "settle", "keys", "policy", "seal"],
    expected:
      "calls go on; what was in flight is settled once; keys past their end are refused; times of the ledger rise",
    test: CLOCK,
  },
  "clock-back": {
    fault: "clock-back",
    steps: ["admit", "settle", "keys", "policy", "seal"],
    expected: "calls go on; times of the ledger never fall; no key is valid again that was revoked",
    test: CLOCK,
  },
  "store-away-batch": {
    fault: "store-error",
    steps: ["batch-window", "batch-output"],
    expected: "calls go on; the batch ends with every line once it is back",
    test: STORES,
  },
  "store-away-files": {
    fault: "store-error",
    steps: ["file", "seal"],
    expected: "uploads are refused and leave nothing; evidence waits; both go on once it is back",
    test: NETWORK,
  },
  "seal-store-errors": {
    fault: "store-error",
    steps: ["seal"],
    expected: "after an error at each single step, lost or persisted, the archive alone gives the log",
    test: "test/crash/ledger-log.test.ts",
  },
  "postgres-away": {
    fault: "postgres",
    steps: ["events", "provisioning"],
    expected: "calls, keys, revocations and tenants go on; its sums are the ledger's once it is back",
    test: "test/conformance/guarantees/dependencies.test.ts",
  },
  "postgres-away-queue": {
    fault: "postgres",
    steps: ["events"],
    expected: "the queue lane goes on; sums agree once it is back",
    test: STORES,
  },
  "postgres-cut": {
    fault: "postgres",
    steps: ["events", "provisioning"],
    expected: "nothing of a transaction whose connection or server broke, and the next call is served",
    test: "test/crash/control-db.postgres.test.ts",
  },
  "postgres-bad-network": {
    fault: "postgres",
    steps: ["events", "provisioning"],
    expected: "slow, silent and half-open connections hold up no call; every event is there once afterwards",
    test: NETWORK,
  },
  "redis-away": {
    fault: "redis",
    steps: ["preauth"],
    expected: "a stricter bucket of its own, no call fails, and Redis is asked again later",
    test: "test/contract/rate-limiter.upstash.test.ts",
  },
  "queue-locked": {
    fault: "queue",
    steps: ["send"],
    expected: "calls of the queue lane wait, others are answered; all are answered in the end",
    test: STORES,
  },
  "queue-bad-network": {
    fault: "queue",
    steps: ["send", "acknowledge"],
    expected: "with SQS refusing, slow, silent or losing its answers every task runs once, and no message is left",
    test: NETWORK,
  },
  "messages-doubled": {
    fault: "delivery",
    steps: ["lease", "acknowledge"],
    expected: "a task whose message comes three times to two workers runs once",
    test: DELIVERY,
  },
  "messages-reversed": {
    fault: "delivery",
    steps: ["lease"],
    expected: "the same tasks end the same way",
    test: DELIVERY,
  },
  "messages-late": {
    fault: "delivery",
    steps: ["lease", "acknowledge"],
    expected: "messages of tasks that have ended start nothing, and are removed",
    test: DELIVERY,
  },
  "lease-late": {
    fault: "delivery",
    steps: ["lease"],
    expected: "what is said under an older fence is in no answer",
    test: DELIVERY,
  },
  "events-doubled": {
    fault: "delivery",
    steps: ["events"],
    expected: "an event that comes again, or behind a later one, is in the read models once",
    test: "test/contract/event-sink.contract.ts",
    run: "test/contract/control-db.postgres.test.ts",
  },
  "worker-cut": {
    fault: "partition",
    steps: ["flush"],
    expected: "the stream goes on byte for byte",
    test: WORKERS,
  },
  "worker-silent": {
    fault: "partition",
    steps: ["lease", "flush", "acknowledge"],
    expected: "a connection that passes nothing is given up by both ends; the task ends once",
    test: NETWORK,
  },
  "receiver-silent": {
    fault: "partition",
    steps: ["callback"],
    expected: "receivers that never answer hold up a bounded share; others are told, and they are tried again",
    test: "test/contract/callbacks.test.ts",
  },
} as const satisfies Record<string, Row>;
export type RowId = keyof typeof ROWS;
