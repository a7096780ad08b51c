import { describe, expect, it } from "vitest";
import { TenantId } from "../../shared/contracts/ids.ts";
import { nanoUsd } from "../../shared/contracts/money.ts";
import type { AdmitOutcome, ProvisionTenant, TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import { err } from "../../shared/contracts/result.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { leafHex } from "../support/leaf-hex.ts";
import { decisionId, recorded } from "../support/policy-fixtures.ts";
import {
  access,
  admitRequest,
  attribution,
  budget,
  budgetId,
  KID,
  kidOf,
  newKey,
  provisionSpec,
  settleRequest,
  taskId,
} from "../support/tenant-fixtures.ts";

let made = 0;
/** Each test has a tenant of its own. */
const freshId = () => TenantId.parse(`t${Date.now().toString(36)}x${made++}`);
const unknown = err({ reason: "unknown_tenant" });
const change = { access: access(), by: attribution() };
const operator = { access: access({ kid: null, versions: { credential: 0, state: 1, policy: 1 } }), by: attribution() };
const admittedOf = (outcomes: readonly (AdmitOutcome | undefined)[]) =>
  outcomes.filter((outcome) => outcome?.ok && outcome.value.kind === "admitted").length;
const reasonOf = (outcome: AdmitOutcome | undefined) => (outcome && !outcome.ok ? outcome.error.reason : null);

/** What every `TenantStore` promises; `store` is a store over real durable storage. */
export function tenantStoreContract(name: string, store: () => TenantStore): void {
  const provisioned = async (spec: Partial<ProvisionTenant> = {}) => {
    const tenant = freshId();
    const state = await store().provision(tenant, provisionSpec(spec));
    if (!state.ok) throw new Error(state.error.reason);
    return tenant;
  };
  const admitOne = async (tenant: TenantId, request: Parameters<typeof admitRequest>) =>
    (await store().admit(tenant, [admitRequest(...request)]))[0];

  describe(`TenantStore over ${name}`, () => {
    it("answers unknown_tenant to every call on a tenant that was never made, so guessed names create nothing", async () => {
      const tenant = freshId();
      const s = store();
      expect(await s.lookup(tenant, KID)).toEqual(unknown);
      expect(await s.admit(tenant, [admitRequest(taskId(1), Date.now()), admitRequest(taskId(2), Date.now())])).toEqual(
        [unknown, unknown],
      );
      expect(await s.settle(tenant, [settleRequest(taskId(1))])).toEqual([unknown]);
      expect(
        await s.refuse(tenant, access(), { by: attribution(), task: taskId(1), action: "a:b", reason: "r" }),
      ).toEqual(unknown);
      expect(await s.task(tenant, access(), taskId(1))).toEqual(unknown);
      expect(await s.change(tenant, change, { name: "x" })).toEqual(unknown);
      expect(await s.listKeys(tenant, access(), { after: null, limit: 1 })).toEqual(unknown);
      expect(await s.listBudgets(tenant, access())).toEqual(unknown);
      expect(await s.listCredentials(tenant, access())).toEqual(unknown);
      expect(await s.ledger(tenant, access(), { from: 0, limit: 1 })).toEqual(unknown);
      const entry = { kind: "data.read", action: "a:b", by: attribution(), detail: {}, dedupe: "d" } as const;
      expect(await s.record(tenant, entry)).toEqual(unknown);
    });

    it("provisions once, so a repeated set-up replaces nothing", async () => {
      const tenant = await provisioned();
      expect(await store().provision(tenant, provisionSpec({ data_key: "other" }))).toEqual(err({ reason: "exists" }));
      expect(await store().lookup(tenant, KID)).toMatchObject({
        ok: true,
        value: { state: { id: tenant, data_key: provisionSpec().data_key }, key: { kid: KID, version: 1 } },
      });
      expect(await store().lookup(tenant, kidOf(9))).toMatchObject({ ok: true, value: { key: null } });
    });

    it("never lets 200 parallel calls hold more than a hard budget, so concurrency overspends nothing", async () => {
      const tenant = await provisioned({ budgets: [budget({ limit_nusd: nanoUsd(100_000_000), period: "total" })] });
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, (_, n) =>
          admitOne(tenant, [taskId(n), Date.now(), { hold_nusd: nanoUsd(1_500_000) }]),
        ),
      );
      expect(admittedOf(outcomes)).toBe(66);
      expect(outcomes.filter((outcome) => reasonOf(outcome) === "budget_exhausted").length).toBe(134);
      expect(await store().listBudgets(tenant, access())).toMatchObject({
        value: [{ held_nusd: 99_000_000, spent_nusd: 0 }],
      });
      const ran = outcomes.flatMap((outcome, n) => (outcome?.ok ? [settleRequest(taskId(n))] : []));
      await Promise.all(ran.map((request) => store().settle(tenant, [request])));
      expect(await store().listBudgets(tenant, access())).toMatchObject({
        value: [{ held_nusd: 0, spent_nusd: 66 * 1_450_000 }],
      });
    });

    it("runs one of 50 parallel calls with the same key, so a retrying client starts one run", async () => {
      const tenant = await provisioned();
      const idempotency = { key_hash: "1".repeat(32), fingerprint: "2".repeat(32) };
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, n) => admitOne(tenant, [taskId(n), Date.now(), { idempotency }])),
      );
      expect(admittedOf(outcomes)).toBe(1);
      expect(outcomes.filter((outcome) => reasonOf(outcome) === "in_progress").length).toBe(49);
      const winner = taskId(outcomes.findIndex((outcome) => outcome?.ok));
      await store().settle(tenant, [settleRequest(winner, { result: "stored" })]);
      expect(await admitOne(tenant, [taskId(99), Date.now(), { idempotency }])).toMatchObject({
        value: { kind: "replay", task: winner },
      });
    });

    it("answers one admission and one settlement however often they are sent, so lost answers cost nothing", async () => {
      const tenant = await provisioned({ budgets: [budget()] });
      const request = admitRequest(taskId(1), Date.now());
      const admitted = await Promise.all([1, 2, 3].map(() => store().admit(tenant, [request])));
      expect(
        new Set(admitted.map(([outcome]) => outcome?.ok && "ledger_seq" in outcome.value && outcome.value.ledger_seq))
          .size,
      ).toBe(1);
      const settled = (
        await Promise.all([1, 2, 3].map(() => store().settle(tenant, [settleRequest(taskId(1))])))
      ).flat();
      expect(settled.filter(({ ok }) => ok).length).toBe(1);
      expect(settled.filter((outcome) => !outcome.ok && outcome.error.reason === "already_settled").length).toBe(2);
      expect(await store().listBudgets(tenant, access())).toMatchObject({
        value: [{ spent_nusd: 1_450_000, held_nusd: 0 }],
      });
    });

    it("refuses a revoked key on the very next call, whatever versions the caller still holds", async () => {
      const tenant = await provisioned();
      await store().createKey(tenant, change, newKey({ kid: kidOf(2) }));
      const stale = access({ kid: kidOf(2) });
      expect((await admitOne(tenant, [taskId(1), Date.now(), { access: stale }]))?.ok).toBe(true);
      expect((await store().revokeKey(tenant, change, kidOf(2))).ok).toBe(true);
      expect(reasonOf(await admitOne(tenant, [taskId(2), Date.now(), { access: stale }]))).toBe("unknown_credential");
      expect(await store().listBudgets(tenant, stale)).toEqual(err({ reason: "unknown_credential" }));
    });

    it("stops admissions at once when suspended and when locked, and lets running work settle", async () => {
      const tenant = await provisioned();
      await admitOne(tenant, [taskId(1), Date.now()]);
      expect(await store().change(tenant, operator, { locked: true })).toMatchObject({ value: { locked: true } });
      const now = access({ versions: { credential: 1, state: 2, policy: 1 } });
      expect(reasonOf(await admitOne(tenant, [taskId(2), Date.now()]))).toBe("stale");
      expect(reasonOf(await admitOne(tenant, [taskId(2), Date.now(), { access: now }]))).toBe("locked");
      expect(await store().settle(tenant, [settleRequest(taskId(1))])).toMatchObject([{ ok: true }]);
      const unlock = { ...operator, access: { ...operator.access, versions: { credential: 0, state: 2, policy: 1 } } };
      expect(await store().change(tenant, unlock, { locked: false })).toMatchObject({ value: { locked: false } });
    });

    it("keeps a gapless chain whose sums are the usage, so the bill can be checked by anybody", async () => {
      const tenant = await provisioned();
      await Promise.all(
        Array.from({ length: 20 }, async (_, n) => {
          await admitOne(tenant, [taskId(n), Date.now()]);
          await store().settle(tenant, [settleRequest(taskId(n))]);
        }),
      );
      const page = await store().ledger(tenant, access(), { from: 0, limit: 100 });
      if (!page.ok) throw new Error(page.error.reason);
      const { entries, size, head } = page.value;
      let prev = "0".repeat(64);
      entries.forEach((entry, at) => {
        expect([entry.seq, entry.prev]).toEqual([at, prev]);
        // safe because: an entry is plain JSON
        prev = leafHex(canonicalJson(entry as unknown as Parameters<typeof canonicalJson>[0]));
      });
      expect([size, head]).toEqual([42, prev]);
      const days = {
        from: "2000-01-01",
        to: "2999-01-01",
        group_by: ["model" as const],
        workspace: null,
        limit: 10,
        offset: 0,
      };
      expect(await store().usage(tenant, access(), days)).toMatchObject({
        value: [{ model: "chat-small", requests: 20, cost_nusd: 20 * 1_450_000, tokens_in: 4_200, tokens_out: 1_600 }],
      });
    });

    it("tells a task's life without its content, and the same not_found for another's", async () => {
      const tenant = await provisioned();
      await admitOne(tenant, [taskId(1), Date.now()]);
      expect(await store().task(tenant, access(), taskId(1))).toMatchObject({
        value: { status: null, phase: "running", model: "chat-small", route: null },
      });
      await store().settle(tenant, [settleRequest(taskId(1))]);
      expect(await store().task(tenant, access(), taskId(1))).toMatchObject({
        value: { status: "OK", phase: "done", cost_nusd: 1_450_000, route: { provider: "pool-a" } },
      });
      expect(await store().task(tenant, access(), taskId(2))).toEqual(err({ reason: "not_found" }));
    });

    it("explains the decision of an admitted and of a refused call, with what became of it, to its own tenant alone", async () => {
      const [tenant, other] = [await provisioned(), await provisioned({ keys: [newKey({ kid: kidOf(7) })] })];
      const by = attribution({ decision: decisionId(1) });
      await store().admit(tenant, [admitRequest(taskId(1), Date.now(), { by, decision: recorded(1) })]);
      const refusal = { by: attribution(), task: taskId(2), action: "key:read", reason: "role" };
      await store().refuse(tenant, access(), { ...refusal, decision: recorded(2) });
      const obligations = [{ id: "redact_output", outcome: "applied", note: "1 span" } as const];
      await store().settle(tenant, [settleRequest(taskId(1), { by, obligations, decisions: [recorded(3)] })]);
      expect(await store().decision(tenant, access(), decisionId(1))).toEqual({
        ok: true,
        value: { ...recorded(1), obligations, further: [decisionId(3)] },
      });
      const page = await store().decisions(tenant, access(), { limit: 2, before: null });
      expect(page).toMatchObject({ value: { decisions: [recorded(3), recorded(2)], more: true } });
      expect(await store().decisions(tenant, access(), { limit: 2, before: decisionId(2) })).toMatchObject({
        value: { decisions: [recorded(1)], more: false },
      });
      const theirs = access({ kid: kidOf(7) });
      expect(await store().decision(other, theirs, decisionId(1))).toEqual(err({ reason: "not_found" }));
      expect(await store().decisions(other, theirs, { limit: 2, before: null })).toEqual({
        ok: true,
        value: { decisions: [], more: false },
      });
    });

    it("keeps tenants apart, so one's task, key and budget are nothing to another", async () => {
      const [mine, other] = [
        await provisioned({ budgets: [budget()] }),
        await provisioned({ keys: [newKey({ kid: kidOf(7) })] }),
      ];
      await admitOne(mine, [taskId(1), Date.now()]);
      const theirs = access({ kid: kidOf(7) });
      expect(await store().task(other, theirs, taskId(1))).toEqual(err({ reason: "not_found" }));
      expect(await store().listBudgets(other, theirs)).toEqual({ ok: true, value: [] });
      expect(await store().settle(other, [settleRequest(taskId(1))])).toEqual([err({ reason: "unknown_task" })]);
      expect(reasonOf(await admitOne(other, [taskId(1), Date.now()]))).toBe("unknown_credential");
      expect(await store().deleteBudget(other, { ...change, access: theirs }, budgetId(1))).toEqual(
        err({ reason: "not_found" }),
      );
    });
  });
}
