import Anthropic from "@anthropic-ai/sdk";
import { beforeAll, describe, expect, it } from "vitest";
import { demandApprovals } from "../../support/approvals-bundle.ts";
import { approvalsDesk, type Person } from "../../support/approvals-desk.ts";
import { collect, type Lab, marker, user } from "../../support/lab.ts";
import { POLICY_TENANTS } from "../../support/test-config.ts";

/** How each wire shape says that somebody must approve first, to the clients that read it. */
export function approvalShapesSuite(lab: Lab): void {
  const desk = approvalsDesk(lab);
  let requester: Person;
  let approver: Person;
  beforeAll(async () => {
    const tenant = await lab.configuredTenant(POLICY_TENANTS.approvalShapes);
    await demandApprovals(lab, tenant, { models: { echo: {} } });
    requester = await desk.person(tenant, ["developer"]);
    // Responses is an inference call, whatever its input says.
    approver = await desk.person(tenant, ["developer", "approver"]);
  });
  const asked = (text: string) => lab.openai(requester.key).responses.create({ model: "echo", input: text });
  const answer = (id: string, approve: boolean) =>
    lab.openai(approver.key).responses.create({
      model: "small",
      input: [{ type: "mcp_approval_response", approval_request_id: id, approve }],
    });

  describe("what waits for approval", () => {
    it("is an mcp_approval_request item on /v1/responses, with what is asked", async () => {
      const mark = marker();
      const response = await asked(mark);
      expect(response).toMatchObject({ object: "response", status: "completed", model: "echo", store: false });
      const [item] = response.output;
      if (item?.type !== "mcp_approval_request") expect.fail(`an item ${item?.type}`);
      expect(item).toMatchObject({ server_label: "bailiwick", name: "responses.create" });
      expect(JSON.parse(item.arguments)).toMatchObject({ model: "echo", input: mark });
      expect(lab.upstream.about(mark)).toEqual([]);
    });

    it("is a whole stream of Responses events where a stream was asked for", async () => {
      const client = lab.openai(requester.key);
      const events = await collect(await client.responses.create({ model: "echo", input: marker(), stream: true }));
      expect(events.map(({ type }) => type)).toEqual([
        "response.created",
        "response.output_item.added",
        "response.output_item.done",
        "response.completed",
      ]);
      expect(events.map(({ sequence_number }) => sequence_number)).toEqual([0, 1, 2, 3]);
    });

    it.each([true, false])("is decided by an mcp_approval_response item (approve: %s)", async (approve) => {
      const mark = marker();
      const id = (await asked(mark)).output[0]?.id ?? "";
      const approval = id.slice(0, "apr_".length + 26);
      const response = await answer(id, approve);
      expect(response.metadata).toMatchObject({ approval, approval_state: approve ? "approved" : "rejected" });
      // Whoever approves gets no content: the run's answer is its requester's.
      expect(response.output).toEqual([]);
      if (approve) await desk.done(approver.key, approval);
      expect(lab.upstream.about(mark)).toHaveLength(approve ? 1 : 0);
    });

    it("is not decided by who asked, nor for an item of something else", async () => {
      const id = (await asked(marker())).output[0]?.id ?? "";
      const items = (approval_request_id: string) => [
        { type: "mcp_approval_response" as const, approval_request_id, approve: true },
      ];
      const own = lab.openai(requester.key).responses.create({ model: "small", input: items(id) });
      await expect(own).rejects.toMatchObject({ status: 403 });
      await expect(answer(`${id.slice(0, -1)}${id.endsWith("0") ? "1" : "0"}`, true)).rejects.toMatchObject({
        status: 409,
        code: "approval_digest_mismatch",
      });
      await expect(answer("mcpr_of_somebody_else", true)).rejects.toMatchObject({ status: 404 });
    });

    it("is 202 for who said that they do not wait", async () => {
      const chat = await desk.chat(requester.key, "echo", marker(), { headers: { prefer: "respond-async" } });
      const approval = await chat.json();
      expect([chat.status, approval.object, approval.state]).toEqual([202, "approval", "pending"]);
      expect(chat.headers.get("location")).toBe(approval.links.self);
      expect(Number(chat.headers.get("retry-after"))).toBeGreaterThan(0);
      const body = { model: "echo", input: marker(), background: true };
      const response = await lab.ask("/v1/responses", { key: requester.key, body });
      expect([response.status, (await response.json()).object]).toEqual([202, "approval"]);
    });

    it("is a 403 in Anthropic's envelope to Anthropic's client, with the approval in a header", async () => {
      const message = { model: "echo", max_tokens: 16, messages: [user(marker())] };
      const refusal: unknown = await lab
        .anthropic(requester.key)
        .messages.create(message)
        .catch((thrown: unknown) => thrown);
      if (!(refusal instanceof Anthropic.PermissionDeniedError)) expect.fail(`not a 403: ${refusal}`);
      expect(refusal.error).toMatchObject({
        type: "error",
        error: { type: "permission_error", code: "approval_required" },
      });
      const id = refusal.headers.get("x-bailiwick-approval") ?? "";
      expect(await desk.get(requester.key, id)).toMatchObject({ operation: "messages.create", state: "pending" });
    });
  });
}
