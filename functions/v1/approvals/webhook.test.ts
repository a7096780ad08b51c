import { createHmac } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import type { ApprovalRecord } from "../../../shared/contracts/approval.ts";
import { ApprovalId, TaskId, TenantId } from "../../../shared/contracts/ids.ts";
import type { Egress } from "../../../shared/contracts/ports/egress.ts";
import { err, ok } from "../../../shared/contracts/result.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { tenantState } from "../../../test/support/identity.ts";
import type { Deps } from "../../context.ts";
import { sendWebhook, signature } from "./webhook.ts";

const TENANT = TenantId.parse("acme");
const TASK = TaskId.parse(`task_${"0".repeat(26)}`);
const APPROVAL = ApprovalId.parse(`apr_${"0".repeat(26)}`);
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const KEY = Buffer.from(SECRET.slice("whsec_".length), "base64");

/** A tenant with a webhook and one approval, and what its receiver was sent. */
function waiting({
  state = "pending",
  status = 204,
  secret = SECRET as string | null,
  reached = true,
  changes = 0,
} = {}) {
  const approval = {
    ...{ id: APPROVAL, state, task: TASK, operation: "keys.create", action: "key:write", reasons: ["high_risk"] },
    subject: { kind: "operation", digest: "d".repeat(64) },
    requester: {
      ...{ subject: "user:dana", credential: "key:Zq3Vw8Xy1Kb0" },
      ...{ workspace: "default", project: "default", environment: "production" },
    },
    ...{ demands: [], verdicts: [], resource: { kind: "key", id: null }, outcome: null },
    ...{ created_ms: 1_800_000_000_000, expires_ms: 1_800_000_600_000, decided_ms: null, finished_ms: null },
  } as unknown as ApprovalRecord; // safe because: nothing else of it is shown
  const counted: unknown[] = [];
  const webhook = { url: "https://approvals.example.com/pending", secret: { source: "env", name: "HOOK" } };
  const deps = {
    cell: { id: "local", endpoint: "https://cell.example.com" },
    clock: { now: () => 1_800_000_001_500 },
    config: { current: () => ({ tenants: { acme: { approvals: { life_ms: 1, webhook } } } }) },
    telemetry: { metrics: { count: (_name: string, labels: unknown) => counted.push(labels) } },
    tenants: {
      lookup: async () => ok({ state: tenantState("acme") }),
      approvalOfTask: async () => (changes-- > 0 ? err({ reason: "stale" }) : ok(approval)),
    },
  } as unknown as Deps; // safe because: a webhook touches nothing else
  const tenantPost = vi.fn<Egress["tenantPost"]>(async () => {
    if (!reached) throw new Error("connection refused");
    return { status, headers: new Headers(), body: new Uint8Array() };
  });
  return {
    counted,
    tenantPost,
    send: () => sendWebhook(deps, { egress: { tenantPost }, readSecret: () => secret }, TENANT, TASK),
  };
}

describe("the webhook of a pending approval", () => {
  it("is signed as libraries of Standard Webhooks verify it, so that nobody has to switch the check off", () => {
    const [id, timestamp, body] = ["msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", utf8('{"test": 2432232314}')];
    // The vector of the specification's own libraries.
    expect(signature(SECRET, id, timestamp, body)).toBe("g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    const plain = createHmac("sha256", "not encoded").update(`${id}.${timestamp}.`).update(body).digest("base64");
    expect(signature("not encoded", id, timestamp, body)).toBe(plain);
  });

  it("reaches the tenant's own address, signed over the bytes that are sent, and names no credential", async () => {
    const { send, tenantPost, counted } = waiting();
    await send();
    const [url, message] = tenantPost.mock.calls[0] ?? [];
    expect(url).toBe("https://approvals.example.com/pending");
    const headers = new Headers(message?.headers);
    const body = Buffer.from(message?.body ?? []);
    const signed = createHmac("sha256", KEY).update(`msg_${APPROVAL}.1800000001.`).update(body).digest("base64");
    expect(headers.get("webhook-id")).toBe(`msg_${APPROVAL}`);
    expect(headers.get("webhook-timestamp")).toBe("1800000001");
    expect(headers.get("webhook-signature")).toBe(`v1,${signed}`);
    expect(JSON.parse(body.toString())).toMatchObject({
      ...{ specversion: "1.0", type: "bailiwick.approval.requested.v1", source: "/cells/local/tenants/acme" },
      data: { id: APPROVAL, state: "pending", url: `https://cell.example.com/v1/approvals/${APPROVAL}` },
    });
    expect(body.toString()).not.toContain("Zq3Vw8Xy1Kb0");
    expect(counted).toEqual([{ outcome: "delivered" }]);
  });

  it("is sent although its tenant changes while it is being read, so that nobody waits for an approver who was never told", async () => {
    const { send, tenantPost } = waiting({ changes: 1 });
    await send();
    expect(tenantPost).toHaveBeenCalledOnce();
    const busy = waiting({ changes: 100 });
    await expect(busy.send()).rejects.toThrow("acme");
    expect(busy.tenantPost).not.toHaveBeenCalled();
  });

  it("tells nobody of what does not wait any more", async () => {
    const { send, tenantPost } = waiting({ state: "rejected" });
    await send();
    expect(tenantPost).not.toHaveBeenCalled();
  });

  it.each([
    ["refused", { status: 500 }],
    ["unreachable", { reached: false }],
    ["no_secret", { secret: null }],
  ])("that was %s fails, so that its task tells again", async (outcome, fault) => {
    const { send, counted } = waiting(fault);
    await expect(send()).rejects.toThrow("acme");
    expect(counted).toEqual([{ outcome }]);
  });
});
