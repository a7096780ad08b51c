import OpenAI from "openai";
import { beforeAll, describe, expect, it } from "vitest";
import { isJsonObject } from "../../../shared/contracts/json.ts";
import { demandApprovals } from "../../support/approvals-bundle.ts";
import { approvalsDesk, type Person } from "../../support/approvals-desk.ts";
import { type Lab, marker, type Tenant, user } from "../../support/lab.ts";
import { readLedger } from "../../support/ledger.ts";
import { POLICY_TENANTS } from "../../support/test-config.ts";

/** What waits for somebody's approval, over a tenant's policy that demands one by model and by action. */
export function approvalsSuite(lab: Lab): void {
  const desk = approvalsDesk(lab);
  let tenant: Tenant;
  let requester: Person;
  let approver: Person;
  let second: Person;
  beforeAll(async () => {
    tenant = await lab.configuredTenant(POLICY_TENANTS.approvals);
    await demandApprovals(lab, tenant, {
      models: { echo: {}, dear: { approvers: 2 }, small: { edit: true }, "status-500": {} },
      actions: { "budget:write": {} },
    });
    requester = await desk.person(tenant, ["developer"]);
    approver = await desk.person(tenant, ["approver"]);
    second = await desk.person(tenant, ["approver"]);
  });
  const kinds = async (id: string) => {
    const { entries } = await readLedger(lab, tenant.adminKey);
    return entries.filter(({ detail }) => detail.approval === id).map(({ kind }) => kind);
  };

  describe("a request that somebody must approve", () => {
    it("is told to the stock client as what it is, with the links, and reaches no engine", async () => {
      const mark = marker();
      const asked = lab.openai(requester.key).chat.completions.create({ model: "echo", messages: [user(mark)] });
      const refusal: unknown = await asked.catch((thrown: unknown) => thrown);
      if (!(refusal instanceof OpenAI.PermissionDeniedError)) expect.fail(`not a 403: ${refusal}`);
      expect(refusal.code).toBe("approval_required");
      const id = refusal.headers.get("x-bailiwick-approval") ?? "";
      const approval = await desk.get(requester.key, id);
      expect(approval).toMatchObject({
        object: "approval",
        id,
        state: "pending",
        operation: "chat.completions.create",
        action: "inference:invoke",
        effect: "ambiguous",
        requester: { subject: requester.subject },
        reasons: ["example_model"],
        demands: [{ layer: "tenant", approvers: 1, role: "approver", edit: false }],
        verdicts: [],
        outcome: null,
      });
      expect(lab.upstream.about(mark)).toEqual([]);
      const task = await lab.json(approval.links.task, { key: requester.key });
      expect(task).toMatchObject({ task_id: approval.task_id, status: null, phase: "awaiting_approval" });
    });

    it("waits once, however often it is sent, so that nobody is asked twice for the same", async () => {
      const mark = marker();
      const first = await desk.ask(requester.key, "echo", mark);
      expect(await desk.ask(requester.key, "echo", mark)).toBe(first);
      expect(await desk.ask(requester.key, "echo", `${mark} otherwise`)).not.toBe(first);
    });

    it("shows what is asked to who asked and who decides, and no content to anybody else", async () => {
      const mark = marker();
      const id = await desk.ask(requester.key, "echo", mark);
      const auditor = await desk.person(tenant, ["auditor"]);
      for (const { key } of [requester, approver])
        expect((await desk.get(key, id)).proposal.body).toMatchObject({ model: "echo", messages: [user(mark)] });
      expect((await desk.get(auditor.key, id)).proposal).toBeNull();
      const list = await lab.json("/v1/approvals?limit=1", { key: approver.key });
      const { subject } = requester;
      const requesterShown = { subject, workspace: "default", project: "default", environment: "production" };
      expect(list.data).toMatchObject([{ id }]);
      expect(list.data[0].requester).toEqual(requesterShown);
      expect(JSON.stringify(list)).not.toContain(mark);
    });

    it("runs once when it is approved, and the same Idempotency-Key then gets the run's answer", async () => {
      const mark = marker();
      const idempotency = marker();
      const id = await desk.ask(requester.key, "echo", mark, { idempotency });
      const approved = await desk.decide(approver.key, id, "approve", { comment: "go on" });
      expect(approved).toMatchObject({ status: 200, code: null });
      expect(approved.document.verdicts).toMatchObject([
        { layer: "tenant", subject: approver.subject, verdict: "approve", comment: "go on" },
      ]);
      expect(await desk.done(approver.key, id)).toMatchObject({ state: "done", outcome: { status: 200, code: null } });
      const client = lab.openai(requester.key, { defaultHeaders: { "idempotency-key": idempotency } });
      const answer = await client.chat.completions.create({ model: "echo", messages: [user(mark)] });
      expect(answer.choices[0]?.message.content).toContain(mark);
      expect(lab.upstream.about(mark)).toHaveLength(1);
      const { task_id } = await desk.get(requester.key, id);
      expect(await lab.task(tenant, task_id)).toMatchObject({
        status: "OK",
        subject: requester.subject,
        model: "echo",
      });
      expect(await kinds(id)).toEqual(["approval.requested", "approval.approved", "approval.executed"]);
    });

    it("gives its result to who asked, and to nobody else, however much they may approve", async () => {
      const mark = marker();
      const id = await desk.ask(requester.key, "echo", mark);
      const early = await lab.ask(`/v1/approvals/${id}/result`, { key: requester.key });
      expect([early.status, (await early.json()).error.code]).toEqual([409, "approval_not_done"]);
      expect(Number(early.headers.get("retry-after-ms"))).toBeGreaterThan(0);
      await desk.decide(approver.key, id, "approve");
      await desk.done(approver.key, id);
      const result = await lab.ask(`/v1/approvals/${id}/result`, { key: requester.key });
      expect(result.status).toBe(200);
      expect((await result.json()).choices[0].message.content).toContain(mark);
      for (const key of [approver.key, tenant.adminKey])
        expect((await lab.ask(`/v1/approvals/${id}/result`, { key })).status).toBe(404);
    });

    it("ends as the engine ended it: a failed run is told as failed, and is not run again", async () => {
      const mark = marker();
      const id = await desk.ask(requester.key, "status-500", mark);
      await desk.decide(approver.key, id, "approve");
      const { outcome } = await desk.done(approver.key, id);
      expect(outcome.code).not.toBeNull();
      const result = await lab.ask(`/v1/approvals/${id}/result`, { key: requester.key });
      expect([result.status, (await result.json()).error.code]).toEqual([outcome.status, outcome.code]);
    });

    it("of our own resources is accepted with 202, and made once it is approved", async () => {
      const admin = await desk.person(tenant, ["admin"]);
      const body = { period: "month", limit_usd: "1" };
      const response = await lab.ask("/v1/budgets", { key: admin.key, body });
      const approval = await response.json();
      expect(response.status).toBe(202);
      expect(response.headers.get("location")).toBe(`/v1/approvals/${approval.id}`);
      expect(approval).toMatchObject({ object: "approval", state: "pending", operation: "budgets.create" });
      expect((await lab.json("/v1/budgets", { key: admin.key })).data).toEqual([]);
      await desk.decide(approver.key, approval.id, "approve");
      await desk.done(approver.key, approval.id);
      const made = await lab.json(`/v1/approvals/${approval.id}/result`, { key: admin.key });
      expect((await lab.json("/v1/budgets", { key: admin.key })).data).toMatchObject([{ id: made.id }]);
      const task = await lab.json(`/v1/tasks/${approval.task_id}`, { key: admin.key });
      expect(task).toMatchObject({ status: "OK", phase: "done" });
    });
  });

  describe("a verdict", () => {
    it("is never the requester's, not by another of their credentials either", async () => {
      const both = await desk.person(tenant, ["developer", "approver"]);
      const other = await desk.person(tenant, ["approver"], both.subject);
      const id = await desk.ask(both.key, "echo", marker());
      for (const { key } of [both, other])
        expect(await desk.decide(key, id, "approve")).toMatchObject({ status: 403, reasons: ["own_request"] });
      expect((await desk.get(approver.key, id)).verdicts).toEqual([]);
    });

    it("needs the role that was asked for, and an administrator has no other", async () => {
      const id = await desk.ask(requester.key, "echo", marker());
      const developer = await desk.person(tenant, ["developer"]);
      const digest = (await desk.get(approver.key, id)).digest;
      expect(await desk.decide(developer.key, id, "approve", { digest })).toMatchObject({
        status: 403,
        reasons: ["role"],
      });
      const admin = await desk.decide(tenant.adminKey, id, "approve");
      expect(admin).toMatchObject({ status: 403, code: "forbidden", reasons: ["not_an_approver"] });
    });

    it("is never by a key that the requester made, made through another one, or took over", async () => {
      const mark = marker();
      const both = await desk.person(tenant, ["developer", "operator"]);
      const id = await desk.ask(both.key, "echo", mark);
      const mine = { ...tenant, adminKey: both.key };
      const puppet = await desk.person(mine, ["approver"], "user:somebody-else");
      const borrowed = await desk.person(mine, ["approver"], approver.subject);
      const middle = await desk.person(mine, ["operator"], "user:middle");
      const through = await desk.person({ ...tenant, adminKey: middle.key }, ["approver"], "user:through");
      const theirs = await desk.person(tenant, ["approver"]);
      const taken = await lab.json(`/v1/keys/${theirs.kid}/rotate`, { key: both.key, body: { overlap_s: 60 } });
      expect(taken.made_by).toEqual(expect.arrayContaining([both.subject]));
      for (const key of [puppet.key, borrowed.key, through.key, taken.secret])
        expect(await desk.decide(key, id, "approve")).toMatchObject({ status: 403, reasons: ["own_request"] });
      expect(lab.upstream.about(mark)).toEqual([]);
      expect(await desk.decide(theirs.key, id, "approve")).toMatchObject({ status: 200 });
    });

    it("is never over what was asked with a key that the approver made", async () => {
      const deciding = await desk.person(tenant, ["approver", "operator"]);
      const puppet = await desk.person({ ...tenant, adminKey: deciding.key }, ["developer"], "user:puppet");
      const id = await desk.ask(puppet.key, "echo", marker());
      const own = await desk.decide(deciding.key, id, "approve");
      expect(own).toMatchObject({ status: 403, reasons: ["own_request"] });
      expect(await desk.decide(approver.key, id, "approve")).toMatchObject({ status: 200 });
    });

    it("is not to be had by rotating the key of an operator of the cell, which only operators may", async () => {
      const kid = lab.cell.adminKey.split("_")[3];
      const own = { id: "default", adminKey: lab.cell.adminKey, apiKey: "" };
      const admin = await desk.person(own, ["admin"]);
      const taken = await lab.ask(`/v1/keys/${kid}/rotate`, { key: admin.key, body: {} });
      expect(taken.status).toBe(403);
    });

    it("needs a key whose making is in the ledger twice over: roles that decide over others are audited in full", async () => {
      const deciding = await desk.person(tenant, ["approver"]);
      const asking = await desk.person(tenant, ["developer"]);
      const { entries } = await readLedger(lab, tenant.adminKey);
      const beside = ({ kid }: Person): string[] => {
        const made = entries.find(({ detail }) => isJsonObject(detail.key) && detail.key.kid === kid);
        return entries.filter(({ request }) => request === made?.request).map(({ kind }) => kind);
      };
      expect(beside(deciding)).toEqual(["data.changed", "key.created"]);
      expect(beside(asking)).toEqual(["key.created"]);
    });

    it("gives no answer to a request that would need more approval today, over the model that answered it", async () => {
      const other = await lab.configuredTenant(POLICY_TENANTS.results);
      await demandApprovals(lab, other, { models: { echo: {} } });
      const [asking, deciding] = [await desk.person(other, ["developer"]), await desk.person(other, ["approver"])];
      const id = await desk.ask(asking.key, "echo", marker());
      await desk.decide(deciding.key, id, "approve");
      await desk.done(deciding.key, id);
      const result = () => lab.ask(`/v1/approvals/${id}/result`, { key: asking.key });
      expect((await result()).status).toBe(200);
      await demandApprovals(lab, other, { models: { echo: { approvers: 2 } } });
      const withheld = await result();
      expect([withheld.status, (await withheld.json()).reasons]).toEqual([403, ["example_model"]]);
      await demandApprovals(lab, other, { models: { dear: { approvers: 2 } } });
      expect((await result()).status).toBe(200);
    });

    it("counts once for each person, so that two people are two", async () => {
      const mark = marker();
      const id = await desk.ask(requester.key, "dear", mark);
      for (let time = 0; time < 2; time++)
        expect((await desk.decide(approver.key, id, "approve")).document).toMatchObject({ state: "pending" });
      expect(lab.upstream.about(mark)).toEqual([]);
      expect((await desk.decide(second.key, id, "approve")).document.verdicts).toHaveLength(2);
      await desk.done(second.key, id);
      expect(lab.upstream.about(mark)).toHaveLength(1);
    });

    it("is about what was looked at: over another digest it is refused, and nothing runs", async () => {
      const mark = marker();
      const id = await desk.ask(requester.key, "echo", mark);
      const digest = "0".repeat(64);
      for (const verb of ["approve", "reject"] as const)
        expect(await desk.decide(approver.key, id, verb, { digest })).toMatchObject({
          status: 409,
          code: "approval_digest_mismatch",
        });
      expect((await desk.get(approver.key, id)).state).toBe("pending");
      const missing = await lab.ask(`/v1/approvals/${id}/approve`, { key: approver.key, body: {} });
      expect(missing.status).toBe(400);
    });

    it("that rejects ends the request: no later approval starts it, and its task is cancelled", async () => {
      const mark = marker();
      const id = await desk.ask(requester.key, "dear", mark);
      await desk.decide(approver.key, id, "approve");
      const rejected = await desk.decide(second.key, id, "reject", { comment: "too dear" });
      expect(rejected.document).toMatchObject({ state: "rejected", proposal: null });
      expect(await desk.decide(approver.key, id, "approve")).toMatchObject({
        status: 409,
        code: "approval_not_pending",
      });
      const { task_id } = await desk.get(requester.key, id);
      const task = await lab.json(`/v1/tasks/${task_id}`, { key: requester.key });
      expect(task).toMatchObject({ status: "CANCELED", phase: "done", error: { code: "approval_rejected" } });
      const result = await lab.ask(`/v1/approvals/${id}/result`, { key: requester.key });
      expect([result.status, (await result.json()).error.code]).toEqual([410, "approval_result_gone"]);
      expect(lab.upstream.about(mark)).toEqual([]);
      expect(await kinds(id)).toEqual(["approval.requested", "approval.approved", "approval.rejected"]);
    });

    it("repeated by the same approver changes nothing, so that a lost answer may be asked for again", async () => {
      const mark = marker();
      const id = await desk.ask(requester.key, "echo", mark);
      const digest = (await desk.get(approver.key, id)).digest;
      for (let time = 0; time < 3; time++)
        expect(await desk.decide(approver.key, id, "approve", { digest })).toMatchObject({ status: 200 });
      await desk.done(approver.key, id);
      expect(await desk.decide(approver.key, id, "approve", { digest })).toMatchObject({ status: 200 });
      expect(await desk.decide(second.key, id, "approve", { digest })).toMatchObject({ code: "approval_not_pending" });
      expect(lab.upstream.about(mark)).toHaveLength(1);
    });

    it("may change the request only where each demand allows it, and what then runs is what was approved", async () => {
      const [mark, changed] = [marker(), marker()];
      const body = { model: "small", messages: [user(changed)] };
      const strict = await desk.ask(requester.key, "echo", mark);
      const refused = await desk.decide(approver.key, strict, "edit", { body: { ...body, model: "echo" } });
      expect(refused).toMatchObject({ status: 403, reasons: ["edit_not_allowed"] });
      const id = await desk.ask(requester.key, "small", mark);
      const before = await desk.get(approver.key, id);
      expect((await desk.decide(approver.key, id, "edit", { body: { model: "small" } })).status).toBe(400);
      const edited = await desk.decide(approver.key, id, "edit", { digest: before.digest, body });
      expect(edited.status).toBe(200);
      expect(edited.document.digest).not.toBe(before.digest);
      await desk.done(approver.key, id);
      const again = await desk.decide(approver.key, id, "approve", { digest: before.digest });
      expect(again).toMatchObject({ status: 409, code: "approval_not_pending" });
      expect([lab.upstream.about(mark).length, lab.upstream.about(changed).length]).toEqual([0, 1]);
      expect(await kinds(id)).toEqual(["approval.requested", "approval.edited", "approval.executed"]);
    });

    it("is refused while the tenant is locked, whatever policy says", async () => {
      const id = await desk.ask(requester.key, "echo", marker());
      const { digest } = await desk.get(approver.key, id);
      const lock = (locked: boolean) =>
        lab.json(`/v1/tenants/${tenant.id}`, { key: lab.cell.adminKey, method: "PATCH", body: { locked } });
      await lock(true);
      expect(await desk.decide(approver.key, id, "approve", { digest })).toMatchObject({ status: 423 });
      await lock(false);
      expect(await desk.decide(approver.key, id, "approve", { digest })).toMatchObject({ status: 200 });
    });
  });

  describe("approvals", () => {
    it("are the requester's own to a requester, all to who decides, and nobody's in another tenant", async () => {
      const [one, other] = [await desk.person(tenant, ["developer"]), await desk.person(tenant, ["developer"])];
      const mine = await desk.ask(one.key, "echo", marker());
      const theirs = await desk.ask(other.key, "echo", marker());
      const listed = async (key: string, query = "") =>
        (await lab.json(`/v1/approvals${query}`, { key })).data.map(({ id }: { id: string }) => id);
      expect(await listed(one.key)).toEqual([mine]);
      expect(await listed(approver.key, "?state=pending&limit=2")).toEqual([theirs, mine]);
      expect(await listed(one.key, "?state=done")).toEqual([]);
      expect((await lab.ask(`/v1/approvals/${theirs}`, { key: one.key })).status).toBe(404);
      const stranger = await lab.newTenant();
      const digest = "0".repeat(64);
      for (const path of ["", "/result"])
        expect((await lab.ask(`/v1/approvals/${mine}${path}`, { key: stranger.adminKey })).status).toBe(404);
      for (const query of ["", `?tenant=${tenant.id}`])
        expect(await desk.decide(stranger.adminKey, mine, "approve", { digest }, query)).toMatchObject({ status: 404 });
      const named = await lab.ask(`/v1/approvals?tenant=${tenant.id}`, { key: stranger.adminKey });
      expect(named.status).toBe(404);
    });

    it("come in pages, newest first, each once", async () => {
      const one = await desk.person(tenant, ["developer"]);
      const asked: string[] = [];
      for (let n = 0; n < 3; n++) asked.unshift(await desk.ask(one.key, "echo", marker()));
      const first = await lab.json("/v1/approvals?limit=2", { key: one.key });
      const rest = await lab.json(`/v1/approvals?limit=2&cursor=${first.next_cursor}`, { key: one.key });
      const ids = [...first.data, ...rest.data].map(({ id }: { id: string }) => id);
      expect(ids).toEqual(asked);
      expect([first.has_more, rest.has_more, rest.next_cursor]).toEqual([true, false, null]);
    });

    it("of a tenant may be looked at by operators of the cell, who do not speak for it", async () => {
      const id = await desk.ask(requester.key, "echo", marker());
      const query = `?tenant=${tenant.id}`;
      expect((await desk.get(lab.cell.adminKey, id, query)).proposal).toBeNull();
      const verdict = await desk.decide(lab.cell.adminKey, id, "approve", {}, query);
      expect(verdict).toMatchObject({ status: 403, reasons: ["not_an_approver"] });
    });

    it("run under the requester's authority as it is then: a revoked key runs nothing", async () => {
      const leaving = await desk.person(tenant, ["developer"]);
      const mark = marker();
      const id = await desk.ask(leaving.key, "echo", mark);
      await lab.json(`/v1/keys/${leaving.kid}`, { key: tenant.adminKey, method: "DELETE" });
      await desk.decide(approver.key, id, "approve");
      expect((await desk.done(approver.key, id)).outcome).toEqual({ status: 401, code: "invalid_api_key" });
      expect(lab.upstream.about(mark)).toEqual([]);
    });
  });
}
