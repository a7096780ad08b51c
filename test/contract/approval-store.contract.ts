import { describe, expect, it } from "vitest";
import { ApprovalId, TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { GivenVerdict, NewApproval } from "../../shared/contracts/ports/approval-store.ts";
import type { TenantStore } from "../../shared/contracts/ports/tenant-store.ts";
import { err } from "../../shared/contracts/result.ts";
import { access, attribution, newKey, provisionSpec, taskId } from "../support/tenant-fixtures.ts";

const HOUR = 3_600_000;
const DIGEST = "a".repeat(64);
const EDITED = "b".repeat(64);
const idOf = (n: number) => ApprovalId.parse(`apr_${String(n).padStart(26, "0")}`);
const inMs = (ms: number) => (Date.now() + ms) as UnixMs; // safe because: Unix milliseconds
const asking = { access: access(), by: attribution({ subject: "asker" }) };
const answering = { access: access(), by: attribution({ subject: "checker" }) };
const stale = access({ versions: { credential: 1, state: 9, policy: 1 } });

const wanted = (n: number, over: Partial<NewApproval> = {}): NewApproval => ({
  id: idOf(n),
  task: taskId(n),
  subject: { kind: "operation", digest: DIGEST },
  operation: "chat.completions.create",
  action: "inference:invoke",
  resource: { kind: "model", id: null },
  requester: { subject: "asker", credential: "key:1", workspace: "w", project: "p", environment: "e" },
  reasons: ["restricted_data"],
  demands: [{ layer: "tenant", approvers: 1, role: "approver", edit: true }],
  key_hash: "k1",
  expires_ms: inMs(HOUR),
  ...over,
});
type Given = GivenVerdict & { digest: string; edited: string | null };
const given = (over: Partial<Given> = {}): Given => ({
  subject: "checker",
  credential: "key:2",
  roles: ["approver"],
  layers: ["tenant"],
  verdict: "approve",
  comment: "seen",
  digest: DIGEST,
  edited: null,
  ...over,
});

let made = 0;

/** What every `ApprovalStore` promises; `store` is a store over real durable storage. */
export function approvalStoreContract(name: string, store: () => TenantStore): void {
  const fresh = async () => {
    const tenant = TenantId.parse(`approvals${Date.now().toString(36)}x${made++}`);
    await store().provision(tenant, provisionSpec({ keys: [newKey()] }));
    return tenant;
  };
  const ask = async (tenant: TenantId, n = 1, over: Partial<NewApproval> = {}) => {
    const asked = await store().requestApproval(tenant, asking, wanted(n, over));
    return asked.ok ? asked.value : expect.fail(asked.error.reason);
  };
  const decide = (tenant: TenantId, n = 1, over: Partial<Given> = {}) =>
    store().decideApproval(tenant, answering, idOf(n), given(over));
  const kinds = async (tenant: TenantId) => {
    const ledger = await store().ledger(tenant, access(), { from: 0, limit: LIMITS.pageItemsMax });
    const { entries } = ledger.ok ? ledger.value : expect.fail("no ledger");
    return entries.flatMap(({ kind }) => (kind.startsWith("approval.") ? [kind] : []));
  };

  describe(`ApprovalStore over ${name}`, () => {
    it("answers unknown_tenant for a tenant that was never made, and not_found for approvals that are not there", async () => {
      const nobody = TenantId.parse("nobody");
      const unknown = err({ reason: "unknown_tenant" });
      const s = store();
      expect(await s.requestApproval(nobody, asking, wanted(1))).toEqual(unknown);
      expect(await s.decideApproval(nobody, answering, idOf(1), given())).toEqual(unknown);
      expect(await s.runApproval(nobody, taskId(1), { to: "running" }, attribution())).toEqual(unknown);
      const page = { state: null, subject: null, before: null, limit: 10 };
      expect(await s.listApprovals(nobody, access(), page)).toEqual(unknown);
      const tenant = await fresh();
      const missing = err({ reason: "not_found" });
      expect(await s.approval(tenant, access(), idOf(1))).toEqual(missing);
      expect(await s.approvalOfTask(tenant, access(), taskId(1))).toEqual(missing);
      expect(await decide(tenant)).toEqual(missing);
      expect(await s.runApproval(tenant, taskId(1), { to: "running" }, attribution())).toEqual(missing);
    });

    it("gives an approval back as it was asked, by its id, its task and its digest", async () => {
      const tenant = await fresh();
      const approval = await ask(tenant);
      expect(approval).toMatchObject({
        ...wanted(1, { expires_ms: approval.expires_ms }),
        state: "pending",
        verdicts: [],
      });
      const found = { ok: true, value: approval };
      expect(await store().approval(tenant, access(), idOf(1))).toEqual(found);
      expect(await store().approvalOfTask(tenant, access(), taskId(1))).toEqual(found);
      const by = { digest: DIGEST, subject: "asker", key_hash: null };
      expect(await store().findApproval(tenant, access(), by)).toEqual(found);
      expect(await store().findApproval(tenant, access(), { ...by, subject: "other" })).toEqual({
        ok: true,
        value: null,
      });
    });

    it("asks once for parallel requests of the same, so that nobody is asked twice", async () => {
      const tenant = await fresh();
      const asked = await Promise.all(Array.from({ length: 8 }, (_, n) => ask(tenant, n + 1)));
      expect(new Set(asked.map(({ id }) => id)).size).toBe(1);
      expect(await kinds(tenant)).toEqual(["approval.requested"]);
    });

    it("decides once among parallel verdicts, each step with its entry, so that a rejection is never overtaken", async () => {
      const tenant = await fresh();
      await ask(tenant);
      const verdicts = await Promise.all([
        decide(tenant, 1, { subject: "one", verdict: "reject" }),
        decide(tenant, 1, { subject: "two" }),
        decide(tenant, 1, { subject: "three" }),
      ]);
      expect(verdicts.filter(({ ok }) => ok)).toHaveLength(1);
      expect((await kinds(tenant)).filter((kind) => kind !== "approval.requested")).toHaveLength(1);
    });

    it("refuses verdicts by the requester, by strangers to the demand, and over what was not seen", async () => {
      const tenant = await fresh();
      await ask(tenant);
      expect(await decide(tenant, 1, { subject: "asker" })).toEqual(err({ reason: "own_request" }));
      expect(await decide(tenant, 1, { roles: ["admin"] })).toEqual(err({ reason: "not_an_approver" }));
      expect(await decide(tenant, 1, { layers: ["cell"] })).toEqual(err({ reason: "not_an_approver" }));
      expect(await decide(tenant, 1, { digest: EDITED })).toEqual(err({ reason: "digest_mismatch" }));
      expect(await kinds(tenant)).toEqual(["approval.requested"]);
    });

    it("refuses whoever decided on old facts, and every verdict of a locked tenant", async () => {
      const tenant = await fresh();
      await ask(tenant);
      const old = await store().decideApproval(tenant, { ...answering, access: stale }, idOf(1), given());
      expect(old).toMatchObject({ error: { reason: "stale", which: "state" } });
      await store().change(tenant, asking, { locked: true });
      const now = access({ versions: { credential: 1, state: 2, policy: 1 } });
      const locked = await store().decideApproval(tenant, { ...answering, access: now }, idOf(1), given());
      expect(locked).toEqual(err({ reason: "locked" }));
    });

    it("puts an edited request under its new digest, which alone counts from then on", async () => {
      const tenant = await fresh();
      await ask(tenant, 1, { demands: [{ layer: "tenant", approvers: 2, role: "approver", edit: true }] });
      const edited = await decide(tenant, 1, { edited: EDITED });
      expect(edited).toMatchObject({ ok: true, value: { state: "pending", subject: { digest: EDITED } } });
      expect(await decide(tenant, 1, { subject: "second" })).toEqual(err({ reason: "digest_mismatch" }));
      const second = await decide(tenant, 1, { subject: "second", digest: EDITED });
      expect(second).toMatchObject({ ok: true, value: { state: "approved" } });
      expect(await kinds(tenant)).toEqual(["approval.requested", "approval.edited", "approval.approved"]);
    });

    it("runs only what was approved, once, and is found by the key of the request that asked", async () => {
      const tenant = await fresh();
      await ask(tenant);
      const run = (to: "running" | "done") =>
        store().runApproval(
          tenant,
          taskId(1),
          to === "running" ? { to } : { to, outcome: { status: 200, code: null } },
          attribution(),
        );
      expect(await run("running")).toEqual(err({ reason: "not_approved" }));
      await decide(tenant);
      expect(await run("running")).toMatchObject({ ok: true, value: { state: "running" } });
      expect(await run("running")).toEqual(err({ reason: "not_approved" }));
      for (let time = 0; time < 2; time++)
        expect(await run("done")).toMatchObject({ ok: true, value: { state: "done" } });
      expect(await run("running")).toEqual(err({ reason: "not_approved" }));
      const find = (key_hash: string) =>
        store().findApproval(tenant, access(), { digest: DIGEST, subject: "asker", key_hash });
      expect(await find("k1")).toMatchObject({ value: { state: "done", outcome: { status: 200, code: null } } });
      expect(await find("k2")).toEqual({ ok: true, value: null });
      expect(await kinds(tenant)).toEqual(["approval.requested", "approval.approved", "approval.executed"]);
    });

    it("is approved again when its own runner takes it back, and not once it is over", async () => {
      const tenant = await fresh();
      await ask(tenant);
      const step = (to: "running" | "approved") => store().runApproval(tenant, taskId(1), { to }, attribution());
      expect(await step("approved")).toEqual(err({ reason: "not_approved" }));
      await decide(tenant);
      expect(await step("approved")).toEqual(err({ reason: "not_approved" }));
      await step("running");
      expect(await step("approved")).toMatchObject({ ok: true, value: { state: "approved" } });
      expect(await step("running")).toMatchObject({ ok: true, value: { state: "running" } });
      const outcome = { status: 200, code: null };
      await store().runApproval(tenant, taskId(1), { to: "done", outcome }, attribution());
      expect(await step("approved")).toEqual(err({ reason: "not_approved" }));
    });

    it("is expired to every reader from its hour on, and nobody approves it then", async () => {
      const tenant = await fresh();
      await ask(tenant, 1, { expires_ms: inMs(-1) });
      expect(await store().approval(tenant, access(), idOf(1))).toMatchObject({ value: { state: "expired" } });
      expect(await decide(tenant)).toEqual(err({ reason: "not_pending", state: "expired" }));
      const page = { subject: null, before: null, limit: 10 };
      const listed = (state: "expired" | "pending") => store().listApprovals(tenant, access(), { ...page, state });
      expect(await listed("expired")).toMatchObject({ value: { approvals: [{ id: idOf(1) }] } });
      expect(await listed("pending")).toMatchObject({ value: { approvals: [] } });
    });

    it("lists newest first, in pages, of a state and of one requester", async () => {
      const tenant = await fresh();
      const digest = (n: number) => ({ subject: { kind: "operation" as const, digest: String(n).repeat(64) } });
      for (const n of [1, 2, 3]) await ask(tenant, n, digest(n));
      const list = async (over: object) => {
        const page = { state: null, subject: null, before: null, limit: 2, ...over };
        const listed = await store().listApprovals(tenant, access(), page);
        return listed.ok ? [listed.value.approvals.map(({ id }) => id), listed.value.next] : listed.error;
      };
      expect(await list({})).toEqual([[idOf(3), idOf(2)], idOf(2)]);
      expect(await list({ before: idOf(2) })).toEqual([[idOf(1)], null]);
      expect(await list({ subject: "other" })).toEqual([[], null]);
      expect(await list({ state: "approved" })).toEqual([[], null]);
    });
  });
}
