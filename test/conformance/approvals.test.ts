import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demandApprovals } from "../support/approvals-bundle.ts";
import { approvalsDesk, type Person } from "../support/approvals-desk.ts";
import type { CellRuntime } from "../support/cell.ts";
import { eventually, type Lab, marker, startLab, type Tenant, WITHOUT_DATABASE } from "../support/lab.ts";
import { POLICY_TENANTS } from "../support/test-config.ts";

const RUNTIMES: readonly CellRuntime[] = ["deno", "workerd"];
const HIGH_RISK = "high_risk: { actions: { embeddings.create: { approval: { approvers: 1 } } } }\n";

describe.each(RUNTIMES)("approvals of a cell on %s", (runtime) => {
  let lab: Lab & { stop(): Promise<number | null> };
  let desk: ReturnType<typeof approvalsDesk>;
  beforeAll(async () => {
    lab = await startLab({
      runtime,
      env: runtime === "workerd" ? {} : WITHOUT_DATABASE,
      config: (files) => ({ ...files, "policies.yml": `${files["policies.yml"]}${HIGH_RISK}` }),
    });
    desk = approvalsDesk(lab);
  });
  afterAll(() => lab?.stop());

  describe("that the cell's own policy demands", () => {
    let tenant: Tenant;
    let requester: Person;
    beforeAll(async () => {
      tenant = await lab.newTenant();
      requester = await desk.person(tenant, ["developer"]);
    });
    const embed = async (text: string): Promise<string> => {
      const body = { model: "embed", input: text };
      const response = await lab.ask("/v1/embeddings", { key: requester.key, body });
      expect(response.status).toBe(403);
      return (await response.json()).approval;
    };

    it("are given by operators of the cell alone: a tenant never satisfies the cell's demands", async () => {
      const mark = marker();
      const id = await embed(mark);
      const approver = await desk.person(tenant, ["approver", "admin"]);
      const own = await desk.decide(approver.key, id, "approve");
      expect(own).toMatchObject({ status: 403, reasons: ["not_an_approver"] });
      const query = `?tenant=${tenant.id}`;
      const listed = await lab.json(`/v1/approvals${query}&state=pending`, { key: lab.cell.adminKey });
      expect(listed.data).toMatchObject([{ id, reasons: ["high_risk"], demands: [{ layer: "cell" }] }]);
      expect((await desk.get(lab.cell.adminKey, id, query)).proposal.body).toMatchObject({ input: mark });
      const verdict = await desk.decide(lab.cell.adminKey, id, "approve", {}, query);
      expect(verdict.document.verdicts).toMatchObject([{ layer: "cell", subject: "user:first-administrator" }]);
      await desk.done(requester.key, id);
      const result = await lab.json(`/v1/approvals/${id}/result`, { key: requester.key });
      expect(result.data[0].object).toBe("embedding");
      expect(lab.upstream.about(mark)).toHaveLength(1);
    });
  });

  describe("over a kill -9", () => {
    let tenant: Tenant;
    let requester: Person;
    let approver: Person;
    beforeAll(async () => {
      tenant = await lab.configuredTenant(POLICY_TENANTS.approvals);
      await demandApprovals(lab, tenant, { models: { echo: {}, held: {} } });
      requester = await desk.person(tenant, ["developer"]);
      approver = await desk.person(tenant, ["approver"]);
    });

    it("wait on: what was asked before is approved and run after", async () => {
      const mark = marker();
      const id = await desk.ask(requester.key, "echo", mark);
      const before = await desk.get(approver.key, id);
      await lab.cell.kill9();
      await lab.cell.start();
      expect(await desk.get(approver.key, id)).toEqual(before);
      await desk.decide(approver.key, id, "approve");
      expect((await desk.done(approver.key, id)).outcome).toEqual({ status: 200, code: null });
      expect(lab.upstream.about(mark)).toHaveLength(1);
    });

    it("keep their answer: the result is there after as it was before", async () => {
      const id = await desk.ask(requester.key, "echo", marker());
      await desk.decide(approver.key, id, "approve");
      await desk.done(approver.key, id);
      const result = () => lab.json(`/v1/approvals/${id}/result`, { key: requester.key });
      const before = await result();
      await lab.cell.kill9();
      await lab.cell.start();
      expect(await result()).toEqual(before);
    });

    it("never run twice: one whose run was cut off is not begun again, however often it is approved", async () => {
      const mark = marker();
      const id = await desk.ask(requester.key, "held", mark);
      const { digest } = await desk.get(approver.key, id);
      await desk.decide(approver.key, id, "approve", { digest });
      await eventually(
        async () => lab.upstream.about(mark).length,
        (seen) => seen === 1,
      );
      await lab.cell.kill9();
      await lab.cell.start();
      lab.upstream.release();
      expect((await desk.decide(approver.key, id, "approve", { digest })).document.state).toBe("running");
      // Another one from asking to done: every alarm that was due has been served by then.
      const other = await desk.ask(requester.key, "echo", marker());
      await desk.decide(approver.key, other, "approve");
      await desk.done(approver.key, other);
      expect(lab.upstream.about(mark)).toHaveLength(1);
    });
  });
});
