import { describe, expect, it } from "vitest";
import { Actor } from "../../../shared/contracts/actor.ts";
import type { Decided, Decision, Obligation, PolicyInput } from "../../../shared/contracts/decision.ts";
import type { RecordedDecision, Refusal } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok } from "../../../shared/contracts/result.ts";
import { tenantState } from "../../../test/support/identity.ts";
import type { Call, Deps } from "../../context.ts";
import { answerVerdict } from "./response-verdict.ts";

const actor = Actor.parse({
  scopes: { tenant: "acme", workspace: "default", project: "default", environment: "production" },
  subject: "user:erin",
  kind: "user",
  roles: ["approver"],
  granted: ["*"],
  acr: null,
  amr: [],
  credential: "key:000000000001",
  kid: "000000000001",
  cell_operator: false,
  act: [],
});
const FULL: Obligation = { id: "audit_level", params: { level: "full" } };
const says = (text: string): Obligation => ({ id: "disclaimer", params: { text } });
const decided = (id: string, over: Partial<Decision>): Decided =>
  ({
    id,
    decision: { decision: "ALLOW", reasons: ["why"], obligations: [], approvals: [], ...over },
    layers: [],
    policy_digest: "p",
    input_digest: "i",
    now_ns: "0",
  }) as unknown as Decided; // safe because: ids are made up

/** An approver says yes by an item of Responses; there is no such approval, which is found out last. */
async function verdictUnder(onCall: Partial<Decision>, onVerdict: Partial<Decision>, recordable = true) {
  const asked: PolicyInput[] = [];
  const recorded: { action: string; by: { decision: string } }[] = [];
  const refused: Refusal[] = [];
  const kept: RecordedDecision[] = [];
  const deps = {
    policy: {
      async decide(input: PolicyInput) {
        asked.push(input);
        return decided("dec_verdict", onVerdict);
      },
    },
    tenants: {
      approval: async () => err({ reason: "not_found" }),
      async record(_tenant: unknown, entry: (typeof recorded)[number]) {
        recorded.push(entry);
        return recordable ? ok({ seq: 1 }) : err({ reason: "unknown_tenant" });
      },
      async keepDecision(_tenant: unknown, _access: unknown, decision: RecordedDecision) {
        kept.push(decision);
        return ok(null);
      },
      async refuse(_tenant: unknown, _access: unknown, refusal: Refusal) {
        refused.push(refusal);
        return ok(null);
      },
    },
    telemetry: { metrics: { count() {} } },
  } as unknown as Deps; // safe because: nothing else is touched
  const state = tenantState("acme");
  const input: Partial<PolicyInput> = { action: "inference:invoke", operation: "responses.create" };
  const call = {
    actor,
    tenant: state,
    access: { kid: actor.kid, versions: { credential: 1, ...state.versions } },
    by: { decision: "dec_call" },
    decided: decided("dec_call", onCall),
    policyInput: input,
    snapshot: { digest: "d" },
    body: {
      model: "m",
      input: [
        {
          type: "mcp_approval_response",
          approval_request_id: `apr_${"0".repeat(26)}_${"a".repeat(32)}`,
          approve: true,
        },
      ],
    },
    task: "task_1",
    request: "req_1",
    receivedMs: 1,
    reply: {},
  } as unknown as Call; // safe because: nothing else of it is read
  const problem: unknown = await answerVerdict(deps, call).catch((thrown: unknown) => thrown);
  return { problem, asked, recorded, refused, kept, reply: call.reply };
}

describe("a verdict given by a Responses item", () => {
  it("is a decision of its own, about deciding that very approval", async () => {
    const { asked, problem } = await verdictUnder({}, {});
    expect(asked).toMatchObject([
      { action: "approval:decide", operation: "approvals.approve", resource: { id: `apr_${"0".repeat(26)}` } },
    ]);
    expect(problem).toMatchObject({ slug: "not-found" });
  });

  it("owes what either decision demands, so that no audit and no disclaimer is lost on this way", async () => {
    const { recorded, reply, kept } = await verdictUnder(
      { obligations: [says("One")] },
      { obligations: [FULL, says("Two")] },
    );
    expect(recorded).toMatchObject([{ action: "approval:decide", by: { decision: "dec_verdict" } }]);
    expect(reply).toEqual({ "x-bailiwick-disclaimer": "One | Two" });
    expect(kept).toMatchObject([
      {
        id: "dec_verdict",
        obligations: [
          { id: "disclaimer", outcome: "applied" },
          { id: "audit_level", outcome: "applied" },
        ],
      },
    ]);
    expect((await verdictUnder({ obligations: [FULL] }, {})).recorded).toHaveLength(1);
  });

  it("is denied when its audit cannot be written", async () => {
    const { problem, refused } = await verdictUnder({}, { obligations: [FULL] }, false);
    expect(problem).toMatchObject({ slug: "forbidden" });
    expect(refused).toMatchObject([{ reason: "obligation_failed" }]);
  });

  it("that is denied is recorded under the decision that denied it", async () => {
    const { problem, refused } = await verdictUnder({}, { decision: "DENY", reasons: ["night"] });
    expect(problem).toMatchObject({ slug: "forbidden" });
    expect(refused).toMatchObject([
      { action: "approval:decide", reason: "night", by: { decision: "dec_verdict" }, decision: { id: "dec_verdict" } },
    ]);
  });
});
