import { type Defect, one, slowly } from "./defect.ts";
import { OF_LATENESS } from "./of-lateness.ts";
import { OF_MOVES } from "./of-moves.ts";

/** Each must be found; `npm run simulate -- --defects` tells by which seed. */
export const DEFECTS: readonly Defect[] = [
  one(
    "hold-not-counted",
    "A call is admitted as long as its budget is not used up, whatever it may cost.",
    "durable/tenant/core/budgets.ts",
    ["if (budget.used + holdNusd <= budget.limit_nusd) continue;", "if (budget.used <= budget.limit_nusd) continue;"],
  ),
  one("key-forgotten", "A key is free again as soon as its call has ended.", "durable/tenant/core/idempotency.ts", [
    'if (!holder) return { kind: "free" };',
    'if (holder?.state === TASK.settled) forgetKey(sql, holder.seq);\n  if (!holder || holder.state === TASK.settled) return { kind: "free" };',
  ]),
  one("settled-twice", "A second settlement of a task is booked like the first.", "durable/tenant/core/settle.ts", [
    'if (task.state !== TASK.open) return err({ reason: "already_settled" });',
    "",
  ]),
  one(
    "hold-kept",
    "What was held for a task that its alarm closed is never released.",
    "durable/tenant/core/close.ts",
    [
      "chargeHold(sql, task.seq, task.hold_nusd, end.cost_nusd);",
      "chargeHold(sql, task.seq, abandoned ? 0 : task.hold_nusd, end.cost_nusd);",
    ],
  ),
  one(
    "correction-added",
    "A late settlement is added to the sums of use, where it should replace the estimate.",
    "durable/tenant/core/close.ts",
    ["usage: end.usage, cost_nusd: byNusd });", "usage: end.usage, cost_nusd: end.cost_nusd });"],
  ),
  one("chain-skips", "Every entry names the entry before the one before it.", "durable/tenant/core/ledger.ts", [
    "HEAD.set(this.#sql, { size: seq + 1, hash, at_ms: atMs });",
    "HEAD.set(this.#sql, { size: seq + 1, hash: prev, at_ms: atMs });",
  ]),
  one(
    "change-left-open",
    "A change of a file or batch that a crash cut is never closed.",
    "durable/tenant/core/records.ts",
    ["if (ended_by !== undefined) noteBegun(sql, env.now, seq, ended_by);", ""],
  ),
  one("event-dropped", "Events whose delivery failed count as delivered.", "durable/tenant/object-class.ts", [
    "await object.call((sql, env) => feedFailed(sql, env.now));",
    "await object.call((sql) => feedDelivered(sql, batch.next));",
  ]),
  one(
    "stale-credential-admitted",
    "Admission does not look at the key: an edge that knows an older state of it decides.",
    "durable/tenant/core/access.ts",
    ["if (gate.key_version === null || gate.revoked_ms !== null)", "if (gate.key_version === null)"],
    ["if (gate.key_version !== access.versions.credential)", "if (gate.key_version < 0)"],
  ),
  {
    name: "stale-tenant-admitted",
    harm: "Admission does not look at the tenant's state: an edge that knows an older one decides.",
    edits: [
      {
        file: "durable/tenant/core/access.ts",
        replace: [["if (gate.state_version !== access.versions.state)", "if (gate.state_version < 0)"]],
      },
      {
        file: "durable/tenant/core/admit.ts",
        replace: [['if (gate.suspended) return err({ reason: "suspended" });', ""]],
      },
    ],
  },
  one("fence-stands", "A task that is leased again is leased under the same fence.", "durable/task/detached.ts", [
    "fence: row.fence + 1,",
    "fence: Math.max(1, row.fence),",
  ]),
  slowly(
    one("fence-ignored", "Whoever had a task once may go on writing into its log.", "durable/task/detached.ts", [
      'return row.fence === fence && (row.phase === "running" || overdue(row)) ?',
      'return row.phase === "running" || overdue(row) ?',
    ]),
  ),
  one("lost-lease-kept", "A task whose runner died is nobody's for ever.", "durable/task/detached.ts", [
    'if (row?.phase === "running" && row.lease_until_ms <= env.now) giveBack(sql, env.now, row);',
    "if (row === undefined) giveBack(sql, env.now, row as never);",
  ]),
  slowly(
    one(
      "first-result-kept",
      "What a lost run kept for a key stays, although another run is delivered.",
      "durable/task/core.ts",
      [
        '    sql.run("DELETE FROM result");\n',
        '    if (sql.get("SELECT 1 AS found FROM result") !== undefined) return ok(false);\n',
      ],
    ),
  ),
  one(
    "provider-asked-again",
    "A provider's run whose settlement was lost counts as not begun.",
    "functions/v1/unattended/carry-out.ts",
    ["throw run.ran ? thrown : new NotBegun(", "throw new NotBegun("],
  ),
  {
    name: "other-tokens",
    slow: true,
    harm: "A repeated run goes on behind what was delivered, whatever it says.",
    edits: [
      {
        file: "functions/v1/unattended/run-host.ts",
        replace: [["(value.frames > 0 && !held ? notContinued() : null)", "null"]],
      },
      {
        file: "functions/detached/write-log.ts",
        replace: [
          [
            "if (again === undefined || !constantTimeEqual(expected, again))",
            "if (again === undefined && expected.length < 0)",
          ],
          [
            'if (!constantTimeEqual(expected, frame)) throw new Diverged("a run repeated other bytes than were delivered");',
            "",
          ],
        ],
      },
    ],
  },
  one(
    "done-before-settled",
    "The last frame of a stream goes out while its settlement is on its way.",
    "functions/inference/relay-stream.ts",
    ['await settle("OK", null);', 'void settle("OK", null).catch(() => {});'],
  ),
  one(
    "cut-is-complete",
    "A stream that an engine broke off ends as if it were complete.",
    "functions/inference/relay-stream.ts",
    [
      'throw new ProblemError("upstream-failed", { detail: "The engine\'s stream ended before it was complete." });',
      '{ await settle("OK", null); const end = new TextEncoder().encode("data: [DONE]\\n\\n"); return { bytes: bytes === null ? end : concat([bytes, end], bytes.byteLength + end.byteLength), last: true }; }',
    ],
  ),
  one(
    "line-stays-outside",
    "A line of a batch that has its result counts as one that is still to be done.",
    "durable/batch/turn.ts",
    [
      'if (sql.change("DELETE FROM line WHERE batch = ? AND line = ?", id, line) === 0) continue;',
      'if (sql.get("SELECT 1 AS found FROM line WHERE batch = ? AND line = ?", id, line) === undefined) continue;',
    ],
  ),
  one(
    "approved-run-kept",
    "A run that was approved and whose runner died is nobody's for ever.",
    "durable/task/run.ts",
    ['setTimer(sql, { kind: "run", key: "", due_ms: until });', 'clearTimer(sql, "run", "");'],
  ),
  one("demand-without-approval", "What a policy wants approved counts as approved.", "policies/decide/combine.ts", [
    "!isSatisfied(demand, evidence, requesters) ? demand : null",
    "evidence === undefined ? demand : null",
  ]),
  one(
    "permission-over-denial",
    "What one layer allows is allowed, also where the other denies it.",
    "policies/decide/combine.ts",
    [
      '["DENY", "THROTTLE", "REQUIRE_STEP_UP", "REQUIRE_HITL", "ROUTE", "ALLOW"]',
      '["THROTTLE", "REQUIRE_STEP_UP", "REQUIRE_HITL", "ROUTE", "ALLOW", "DENY"]',
    ],
  ),
  one(
    "stale-policy-admitted",
    "Admission does not look at the policy's version: an edge that knows an older one decides.",
    "durable/tenant/core/access.ts",
    ["if (gate.policy_version !== access.versions.policy)", "if (gate.policy_version < 0)"],
  ),
  one("callback-try-lost", "A try of a callback that was lost is the last one.", "durable/task/callback.ts", [
    'setTimer(sql, { kind: "callback", key: "", due_ms: env.now + LIMITS.callbackTryMsMax });',
    'clearTimer(sql, "callback", "");',
  ]),
  one(
    "told-before-the-end",
    "The receiver of a callback is told as soon as a log has ended, whether or not its task has.",
    "functions/v1/unattended/callback-host.ts",
    ["if (record.status === null)", "if (record.id === null)"],
  ),
  {
    name: "approved-run-again",
    slow: true,
    harm: "An approved run is leased as any other, and begun again when its runner was lost.",
    edits: [
      {
        file: "functions/v1/approvals/run-approved.ts",
        replace: [
          [
            'if (record.state === "running") {\n    await finish("outcome-unknown");\n    return "over";\n  }\n  if (record.state !== "approved") return "over";',
            'if (record.state !== "approved" && record.state !== "running") return "over";',
          ],
          ["const LEASE_MS = LIMITS.deadlineMsDefault + LIMITS.abandonGraceMs;", "const LEASE_MS = LIMITS.runLeaseMs;"],
        ],
      },
      {
        file: "durable/tenant/core/approvals.ts",
        replace: [
          [
            'if (step.to === "running" && record.state !== "approved") return err({ reason: "not_approved" });',
            'if (step.to === "running" && record.state === "done") return err({ reason: "not_approved" });',
          ],
        ],
      },
    ],
  },
  slowly(
    one(
      "callback-ends-twice",
      "Each try of a callback that ends it records that end.",
      "functions/v1/unattended/callback-host.ts",
      ["dedupe: `callback:", "dedupe: tried.attempt + `callback:"],
    ),
  ),
  {
    name: "erased-key-stays",
    harm: "An erasure is recorded, and the subject's key stays where it is.",
    edits: [
      {
        file: "durable/tenant/core/subject-keys.ts",
        replace: [
          ['sql.run("UPDATE subject_key SET wrapped = zeroblob(length(wrapped)) WHERE subject = ?", subject);', ""],
          ['sql.run("DELETE FROM subject_key WHERE subject = ?", subject);', ""],
        ],
      },
    ],
  },
  one(
    "erasure-unseen",
    "An erasure is no change of its tenant: an edge goes on with the key that it has at hand.",
    "durable/tenant/core/erasures.ts",
    ['sql.run("UPDATE tenant SET state_version = state_version + 1");', ""],
  ),
  slowly(
    one(
      "kept-behind-erasure",
      "What a subject asked for before their erasure is kept under a new key behind it.",
      "durable/tenant/core/admit.ts",
      [
        'if (wanted !== undefined && erasedBehind(sql, wanted.subject, first.seq)) return err({ reason: "erased" });',
        'if (wanted !== undefined && erasedBehind(sql, wanted.subject, Number.MAX_SAFE_INTEGER)) return err({ reason: "erased" });',
      ],
    ),
  ),
  one("refused-key-used-up", "A call that a pool refused has used its key up.", "functions/inference/relay-unary.ts", [
    'await keepProblem(keeper, problem, call, shape) : "not_run"',
    'await keepProblem(keeper, problem, call, shape) : "none"',
  ]),
  one(
    "refused-is-opened",
    "A call that no worker takes is opened and held for before it is refused.",
    "functions/inference/run.ts",
    [
      "    call.idempotencyKey === null &&\n    call.run === undefined &&",
      '    call.idempotencyKey === "" &&\n    call.run === undefined &&',
    ],
  ),
  one(
    "sent-for-ever",
    "A job that an edge sent counts as waiting for ever.",
    "functions/inference/pools/pool-watch.ts",
    ["for (const task of before) this.#sent.get(key)?.delete(task);", ""],
  ),
  one(
    "worker-not-renewed",
    "A worker counts from its first report on, and not from its last one.",
    "durable/cell/pools.ts",
    [
      "SET pool = ?, worker = ?, reported_ms = ?, body = ? WHERE id = ?",
      "SET pool = ?, worker = ?, reported_ms = min(reported_ms, ?), body = ? WHERE id = ?",
    ],
  ),
  {
    name: "leaving-admitted",
    harm: "A tenant that leaves its cell is let in by edges that knew it before.",
    edits: [
      {
        file: "durable/tenant/core/access.ts",
        replace: [
          ["(g.fault IS NOT NULL OR EXISTS (SELECT 1 FROM move)) AS halted", "(g.fault IS NOT NULL) AS halted"],
        ],
      },
      {
        file: "durable/tenant/core/move.ts",
        replace: [["bump(sql);\n    askPublication(sql, headOf(sql).size);", "askPublication(sql, headOf(sql).size);"]],
      },
    ],
  },
  one(
    "frozen-while-busy",
    "A tenant is frozen on its way although tasks of it are open.",
    "durable/tenant/core/move.ts",
    ['if (tasks > 0) return err({ reason: "busy", tasks, retry_after_ms: LIMITS.movedRetryMs });', ""],
  ),
  ...OF_MOVES,
  ...OF_LATENESS,
];
