import { beforeEach, describe, expect, it } from "vitest";
import { approvalByTask } from "../../durable/tenant/core/approvals.ts";
import {
  decideApproval,
  freeze,
  keepAlone,
  leave,
  lookup,
  requestApproval,
  runApproval,
} from "../../durable/tenant/core.ts";
import { randomIds } from "../../functions/adapters/ids/random.ts";
import type { Deps } from "../../functions/context.ts";
import { createLifecycle } from "../../functions/entry/lifecycle.ts";
import { ProblemError, StaleAccess } from "../../functions/problem.ts";
import { keepWaiting, proposalDigest, type WaitingCall } from "../../functions/v1/approvals/proposal.ts";
import { approvalRunner } from "../../functions/v1/approvals/run-approved.ts";
import { NO_INPUT } from "../../functions/v1/input.ts";
import { operation, value } from "../../functions/v1/operation.ts";
import { Actor } from "../../shared/contracts/actor.ts";
import { ApprovalId, TaskId, TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { StoredResult } from "../../shared/contracts/ports/task-store.ts";
import type { Change } from "../../shared/contracts/ports/tenant-store.ts";
import { err, ok } from "../../shared/contracts/result.ts";
import type { MovePhase } from "../../shared/contracts/tenant-move.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { TestClock } from "../support/objects-home.ts";
import { openTenant } from "../support/tenant-core.ts";
import { access, attribution, KID } from "../support/tenant-fixtures.ts";

const TENANT = TenantId.parse("acme1");
const TASK = TaskId.parse(`task_${"0".repeat(26)}`);
const APPROVAL = ApprovalId.parse(`apr_${"0".repeat(26)}`);
const KEY = new Uint8Array(32).fill(7);

/** Arguments of a core's verb after its database and its environment. */
type Rest<F> = F extends (sql: never, env: never, ...rest: infer A) => unknown ? A : never;

/** What the effect does each time that it is tried. */
let tries: (() => void)[];
/** What happens to the tenant each time that the approval is about to be read. */
let meanwhile: (() => void)[];
let effects: number;
beforeEach(() => {
  tries = [];
  meanwhile = [];
  effects = 0;
});

/** An approved request in a real tenant's core, and the runner over it. The lease is the test's own. */
async function approvedRun() {
  const t = openTenant();
  const clock = new TestClock(t.env.now);
  const ids = randomIds(clock);
  const results = new Map<string, StoredResult>();
  const payloads = new Map<string, Uint8Array>();
  const ends: unknown[] = [];
  const lease = { attempts: 0 };
  /** Where the tenant stands on its way to another cell; null: it is not known here. */
  const elsewhere: { phase: MovePhase | "live" | null } = { phase: "live" };
  const deps = {
    cell: {
      id: "local",
      jurisdiction: "local",
      region: "local",
      endpoint: "http://cell",
      release: "1+0",
      loopback: true,
    },
    clock,
    ids,
    config: { current: () => ({ digest: "d", tenants: {} }) },
    keyring: { openDataKey: async () => KEY },
    lifecycle: createLifecycle(),
    telemetry: createTelemetry({
      service: "test",
      cell: "local",
      sink: () => {},
      exporter: null,
      clock,
      ids,
      sample: { ratio: 0, followParent: false },
    }),
    policy: {
      decide: async () => ({
        id: ids.mint("dec"),
        decision: { decision: "ALLOW", reasons: ["test"], obligations: [], approvals: [] },
        layers: [],
        policy_digest: "p",
        input_digest: "0".repeat(64),
        now_ns: "0",
      }),
    },
    tasks: {
      leaseRun: async () => ok({ fence: ++lease.attempts, attempts: lease.attempts }),
      endRun: async (_tenant: string, _task: string, _fence: number, end: unknown) => {
        ends.push(end);
        return ok(null);
      },
      putPayload: async (_tenant: string, _task: string, { digest, sealed }: { digest: string; sealed: Uint8Array }) =>
        void payloads.set(digest, sealed),
      payload: async (_tenant: string, _task: string, digest: string) => {
        const found = payloads.get(digest);
        return found ? ok(found) : err({ reason: "not_found" });
      },
      putResult: async (_tenant: string, task: string, result: StoredResult) => void results.set(task, result),
    },
    tenants: {
      lookup: async (_tenant: string, kid: string | null) => {
        const { phase } = elsewhere;
        if (phase === "live") return ok(lookup(t.sql, kid));
        if (phase === null) return err({ reason: "unknown_tenant" });
        const { state, key } = lookup(t.sql, kid);
        return ok({ key, state: { ...state, suspended: true, move: { phase, to: "other" } } });
      },
      approvalOfTask: async (_tenant: string, ...args: Rest<typeof approvalByTask>) => {
        meanwhile.shift()?.();
        return approvalByTask(t.sql, t.env, ...args);
      },
      runApproval: async (_tenant: string, ...args: Rest<typeof runApproval>) => runApproval(t.sql, t.env, ...args),
      keepDecision: async (_tenant: string, ...args: Rest<typeof keepAlone>) => keepAlone(t.sql, t.env, ...args),
    },
  } as unknown as Deps; // safe because: the runner and this operation touch nothing else
  const effect = operation({
    ...{ id: "things.do", method: "post", path: "/v1/things", action: "budget:write", gate: "governed" },
    ...{ credential: "compared", effect: "irreversible-write", retry: "never", ack: "commit", kind: "unary" },
    ...NO_INPUT,
    success: [200, null, "Done."],
    problems: [],
    summary: "Do",
    tag: "Things",
    resource: { kind: "thing" },
    execute() {
      tries.shift()?.();
      effects++;
      return value(null);
    },
  });
  const { state } = lookup(t.sql, null);
  const actor = Actor.parse({
    scopes: { tenant: TENANT, workspace: "default", project: "default", environment: "default" },
    subject: "service:demo",
    kind: "service",
    roles: ["admin"],
    granted: ["*"],
    acr: null,
    amr: [],
    credential: `key:${KID}`,
    kid: KID,
    cell_operator: false,
    act: [],
  });
  const { subject, scopes } = actor;
  const waiting: WaitingCall = {
    proposal: {
      kind: "operation",
      operation: effect.id,
      params: null,
      query: null,
      body: null,
      headers: {},
      requester: { subject, scopes },
    },
    actor,
    idempotency_key: null,
  };
  const digest = proposalDigest(KEY, waiting.proposal);
  const expires_ms = (t.env.now + 3_600_000) as UnixMs; // safe because: milliseconds
  await keepWaiting(deps, state, TASK, waiting, { digest, expires_ms, notify: false });
  const asking: Change = { access: access(), by: attribution() };
  requestApproval(t.sql, t.env, asking, {
    id: APPROVAL,
    task: TASK,
    subject: { kind: "operation", digest },
    operation: effect.id,
    action: effect.action,
    resource: { kind: "thing", id: null },
    requester: {
      subject,
      credential: actor.credential,
      workspace: "default",
      project: "default",
      environment: "default",
    },
    reasons: ["test"],
    demands: [{ layer: "tenant", approvers: 1, role: "approver", edit: false }],
    key_hash: null,
    expires_ms,
  });
  const verdict = { subject: "checker", credential: "key:2", roles: ["approver" as const], comment: null };
  decideApproval(t.sql, t.env, asking, APPROVAL, {
    ...verdict,
    layers: ["tenant"],
    verdict: "approve",
    digest,
    edited: null,
  });
  const parts = { egress: { tenantPost: () => Promise.reject(new Error("unused")) }, readSecret: () => null };
  const runner = approvalRunner(deps, [effect], parts);
  const record = () => {
    const { versions } = lookup(t.sql, null).state;
    const found = approvalByTask(t.sql, t.env, { kid: null, versions: { credential: 0, ...versions } }, TASK);
    if (!found.ok) throw new Error(found.error.reason);
    return found.value;
  };
  const newPolicy = () => t.sql.run("UPDATE tenant SET policy_version = policy_version + 1");
  return { t, run: () => runner.run(TENANT, TASK), record, ends, newPolicy, lease, elsewhere };
}
const stale = () => {
  throw new StaleAccess("stale");
};

describe("an approved run", () => {
  it.each(["leaving", "frozen", "left", "arrived", null] as const)(
    "stays approved and is not begun while its tenant is on its way between cells (%s), and is carried out where it lives",
    async (phase) => {
      const { run, record, ends, elsewhere } = await approvedRun();
      elsewhere.phase = phase;
      await run();
      expect([effects, record().state]).toEqual([0, "approved"]);
      const retry_ms = phase === "leaving" ? LIMITS.approvalRunRetryMs : LIMITS.elsewhereRetryMs;
      expect(ends).toEqual([{ done: false, retry_ms }]);
      elsewhere.phase = "live";
      await run();
      expect([effects, record().state]).toEqual([1, "done"]);
      expect(ends.at(-1)).toEqual({ done: true });
    },
  );

  it("has its end before its tenant is frozen for a move, so that what was done is never told as unknown elsewhere", async () => {
    const { t, run, record } = await approvedRun();
    let frozen: unknown;
    tries = [
      () => {
        leave(t.sql, t.env, { id: "0".repeat(26), from: "local", to: "other", listed: false }, attribution());
        frozen = freeze(t.sql, t.env);
      },
    ];
    await run();
    expect(frozen).toMatchObject({ error: { reason: "busy", tasks: 1 } });
    expect(record().state).toBe("done");
  });

  it("that is stale between its beginning and its effect is decided again at once, because nothing was done", async () => {
    const { run, record, ends } = await approvedRun();
    tries = [stale];
    await run();
    expect(effects).toBe(1);
    expect(record()).toMatchObject({ state: "done", outcome: { status: 200, code: null } });
    expect(ends).toEqual([{ done: true }]);
  });

  it("that goes on being stale is approved as before and is tried again later, so that no race ends it for good", async () => {
    const { run, record, ends } = await approvedRun();
    tries = [stale, stale];
    await run();
    expect([effects, record().state]).toEqual([0, "approved"]);
    expect(ends).toMatchObject([{ done: false }]);
    await run();
    expect([effects, record().state]).toEqual([1, "done"]);
    expect(ends).toMatchObject([{ done: false }, { done: true }]);
  });

  it("whose tenant gets another policy while it is being read is read again, so that what was approved is not left undone", async () => {
    const { run, record, ends, newPolicy } = await approvedRun();
    meanwhile = [newPolicy];
    await run();
    expect([effects, record().state, ends]).toEqual([1, "done", [{ done: true }]]);
  });

  it("whose tenant changes for as long as it is read is tried again later, and not given up as if it were over", async () => {
    const { run, record, ends, newPolicy } = await approvedRun();
    meanwhile = Array.from({ length: 3 }, () => newPolicy);
    await run();
    expect([effects, record().state]).toEqual([0, "approved"]);
    expect(ends).toMatchObject([{ done: false }]);
    await run();
    expect([effects, record().state]).toEqual([1, "done"]);
  });

  it("that cannot be decided at its last try ends as that, also when its tenant changes right then", async () => {
    const { run, record, ends, newPolicy, lease } = await approvedRun();
    lease.attempts = LIMITS.approvalRunTriesMax - 1;
    tries = [stale, stale];
    meanwhile = [() => undefined, () => undefined, newPolicy];
    await run();
    expect(record()).toMatchObject({ state: "done", outcome: { code: "policy_unavailable" } });
    expect([effects, ends]).toEqual([0, [{ done: true }]]);
  });

  it("that another runner ended meanwhile stays ended, however stale the first one was", async () => {
    const { t, run, record } = await approvedRun();
    const outcome = { status: 500, code: "outcome_unknown" };
    tries = [
      () => {
        runApproval(t.sql, t.env, TASK, { to: "done", outcome }, attribution());
        return stale();
      },
    ];
    await run();
    expect([effects, record()]).toMatchObject([0, { state: "done", outcome }]);
  });

  it("that failed after its beginning in any other way is never begun again", async () => {
    const { run, record } = await approvedRun();
    tries = [
      () => {
        throw new ProblemError("store-unavailable");
      },
    ];
    await run();
    expect([effects, record().state]).toEqual([0, "running"]);
    await run();
    expect([effects, record()]).toMatchObject([0, { state: "done", outcome: { code: "outcome_unknown" } }]);
  });

  it("keeps what policy was asked about it, for whoever reads its answer later", async () => {
    const { run, record } = await approvedRun();
    await run();
    expect(record().asked).toMatchObject({
      candidates: [],
      features: { stream: false },
      intent: null,
      privacy: "hybrid",
    });
  });
});
