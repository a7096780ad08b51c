/** A mistake that somebody might make, as the change of text that makes it. */
export interface Defect {
  name: string;
  /** What goes wrong with it. */
  harm: string;
  /** Looked for where answers are slow: it shows when whoever makes one stops in the middle of it. */
  slow?: true;
  /** Looked for where a tenant moves in every seed. */
  moves?: true;
  edits: { file: string; replace: [from: string, to: string][] }[];
}

const one = (name: string, harm: string, file: string, ...replace: [string, string][]): Defect => ({
  ...{ name, harm },
  edits: [{ file, replace }],
});
const slowly = (defect: Defect): Defect => ({ ...defect, slow: true });
const moving = (defect: Defect): Defect => ({ ...defect, moves: true });

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
  moving(
    one(
      "activated-unverified",
      "A tenant is live in its new home before all of it was written and compared.",
      "durable/tenant/core/arrive.ts",
      [
        'if (move.phase !== "arrived" || move.id !== receipt.move || move.manifest !== receipt.manifest)',
        "if (move.id !== receipt.move || move.manifest !== receipt.manifest)",
      ],
    ),
  ),
  moving(
    one(
      "other-archive-activated",
      "A tenant is live in its new home by any archive of it that is whole there.",
      "durable/tenant/core/arrive.ts",
      [
        'if (move.phase !== "arrived" || move.id !== receipt.move || move.manifest !== receipt.manifest)',
        'if (move.phase !== "arrived")',
      ],
    ),
  ),
  moving(
    one(
      "directory-unasked",
      "A tenant is given up to whoever has its archive, whatever the directory says.",
      "functions/cells/moving/tenant-moves.ts",
      ["return namesHome(view, tenant, from, to)\n", "return view.cells.has(to)\n"],
    ),
  ),
  moving(
    one(
      "receipt-before-left",
      "A receipt is given out for a tenant that is still frozen where it was.",
      "durable/tenant/core/move.ts",
      ['      writeMove(sql, { ...move, phase: "left" });\n', ""],
    ),
  ),
  moving(
    one("revoked-key-returns", "A key that was revoked works again in the new home.", "durable/tenant/core/arrive.ts", [
      'if (table === "api_key") return { ...row, cell_operator: 0 };',
      'if (table === "api_key") return { ...row, cell_operator: 0, revoked_ms: null };',
    ]),
  ),
  moving(
    one(
      "entries-left-behind",
      "Entries of the ledger that are archived are not written in the new home.",
      "durable/tenant/core/arrive.ts",
      [
        "if (MOVE_TABLES.includes(table)) return null;",
        'if (MOVE_TABLES.includes(table) || (table === "ledger" && Number(row.seq) % 9 === 4)) return null;',
      ],
    ),
  ),
  moving(
    one(
      "feed-goes-on",
      "The read models of the new home are told of what happens from then on alone.",
      "durable/tenant/core/arrive.ts",
      ["data_key: dataKey, feed_seq: 0, feed_failures", "data_key: dataKey, feed_failures"],
    ),
  ),
  moving(
    one(
      "first-names-alone",
      "Of a tenant's conversations and tasks those of one page of names are copied.",
      "functions/cells/moving/make-part.ts",
      [
        "if (this.#names.length === 0) {\n      this.#steps++;\n      this.#names",
        "if (after === null) {\n      this.#steps++;\n      this.#names",
      ],
    ),
  ),
  moving(
    one(
      "acts-elsewhere",
      "A cell goes on with callbacks, approved runs and tasks of a tenant that lives elsewhere.",
      "functions/v1/unattended/acts-here.ts",
      ['move === undefined || move.phase === "leaving"', 'move === undefined || move.phase !== "none"'],
    ),
  ),
  slowly(
    one(
      "late-acknowledgement",
      "A send whose acknowledgement comes late puts off the one that is due meanwhile.",
      "durable/task/detached.ts",
      ['if (row?.phase === "queued" && row.fence === fence)', 'if (row?.phase === "queued" && fence <= row.fence)'],
    ),
  ),
  one(
    "given-back-counts-as-sent",
    "A task that was given back waits for its worker as long as one that was just sent.",
    "durable/task/detached.ts",
    ["row.job === null ? atMs : atMs + returnMs", "row.job === null ? atMs : atMs + LIMITS.jobResendMs"],
  ),
  one(
    "lease-outlived",
    "The lease of a dead runner is looked at minutes after it is over.",
    "durable/task/detached.ts",
    ["due_ms: next.lease_until_ms });", "due_ms: next.lease_until_ms + LIMITS.jobResendMs });"],
  ),
  one(
    "lost-run-at-deadline",
    "A run whose runner died is taken over at its deadline alone.",
    "durable/task/detached.ts",
    ["row.job === null ? atMs : atMs + returnMs", "row.job === null ? row.deadline_ms : atMs + returnMs"],
  ),
  one(
    "callback-try-late",
    "A try of a callback that was lost is made again a quarter of an hour later.",
    "durable/task/callback.ts",
    ["due_ms: env.now + LIMITS.callbackTryMsMax });", "due_ms: env.now + 15 * LIMITS.callbackTryMsMax });"],
  ),
  one(
    "approved-run-late",
    "An approved run whose runner died is taken over ten minutes behind its lease.",
    "durable/task/run.ts",
    [
      'setTimer(sql, { kind: "run", key: "", due_ms: until });',
      'setTimer(sql, { kind: "run", key: "", due_ms: until + LIMITS.deadlineMsDefault });',
    ],
  ),
  one("batch-left-late", "A batch whose driver died stands still for ten minutes.", "durable/batch/turn.ts", [
    "due_ms: env.now + lifeMs });",
    "due_ms: env.now + 20 * lifeMs });",
  ]),
  one(
    "unknown-outcome-late",
    "A task of unknown outcome keeps its hold for minutes behind its grace.",
    "durable/tenant/core/due.ts",
    ["task_ms ?? Infinity, window_ms", "(task_ms ?? Infinity) + LIMITS.recordEndMsMax, window_ms"],
  ),
  one(
    "open-change-late",
    "A change of unknown outcome is closed minutes behind its bound.",
    "durable/tenant/core/due.ts",
    ["begun_ms ?? Infinity)", "(begun_ms ?? Infinity) + LIMITS.recordEndMsMax)"],
  ),
  one(
    "events-after-outage",
    "Events whose delivery failed wait ten times as long as they may.",
    "durable/tenant/core/feed.ts",
    ['feed_retry_ms = ?", nowMs + waitMs);', 'feed_retry_ms = ?", nowMs + 10 * LIMITS.outboxRetryMsMax + waitMs);'],
  ),
  one(
    "few-entries-wait",
    "Few entries wait minutes for company before they are published.",
    "durable/runtime/log/due.ts",
    ["LIMITS.logManyDelayMs : LIMITS.logFewDelayMs)", "LIMITS.logManyDelayMs : 5 * LIMITS.logFewDelayMs)"],
  ),
  one(
    "publication-after-outage",
    "A publication that failed is tried again ten minutes later.",
    "durable/runtime/log/turn.ts",
    ['retry_ms = ?", nowMs + waitMs);', 'retry_ms = ?", nowMs + 10 * LIMITS.outboxRetryMsMax + waitMs);'],
  ),
];
