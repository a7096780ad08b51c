import { decideApproval, requestApproval } from "../../durable/tenant/core.ts";
import type { ApprovalRecord } from "../../shared/contracts/approval.ts";
import type { ApprovalId, UnixMs } from "../../shared/contracts/ids.ts";
import type { GivenVerdict, NewApproval } from "../../shared/contracts/ports/approval-store.ts";
import type { TestTenant } from "./tenant-core.ts";
import { access, attribution, taskId } from "./tenant-fixtures.ts";

/** What is asked for in every fixture that names nothing else. */
export const DIGEST = "a".repeat(64);
/** How long it waits. */
export const LIFE_MS = 3_600_000;
export const idOf = (n: number) => `apr_${String(n).padStart(26, "0")}` as ApprovalId; // safe because: it matches the pattern

export const asking = { access: access(), by: attribution({ subject: "asker" }) };
export const answering = { access: access(), by: attribution({ subject: "checker" }) };

export const wanted = (t: TestTenant, n: number, members: Partial<NewApproval> = {}): NewApproval => ({
  id: idOf(n),
  task: taskId(n),
  subject: { kind: "operation", digest: DIGEST },
  operation: "chat.completions.create",
  action: "inference:create",
  resource: { kind: "model", id: null },
  requester: { subject: "asker", credential: "key:1", workspace: "w", project: "p", environment: "e" },
  reasons: ["restricted_data"],
  demands: [{ layer: "tenant", approvers: 1, role: "approver", edit: false }],
  key_hash: null,
  expires_ms: (t.env.now + LIFE_MS) as UnixMs, // safe because: milliseconds
  ...members,
});

/** A verdict over the fixture's digest. */
export type Given = GivenVerdict & { digest: string; edited: string | null };
export const given = (members: Partial<Given> = {}): Given => ({
  subject: "checker",
  credential: "key:2",
  roles: ["approver"],
  layers: ["tenant"],
  verdict: "approve",
  comment: null,
  digest: DIGEST,
  edited: null,
  ...members,
});

/** Asks; throws where that is refused. */
export const asked = (t: TestTenant, n = 1, members: Partial<NewApproval> = {}): ApprovalRecord => {
  const made = requestApproval(t.sql, t.env, asking, wanted(t, n, members));
  if (!made.ok) throw new Error(made.error.reason);
  return made.value;
};
/** Gives a verdict; throws where that is refused. */
export const decided = (t: TestTenant, n = 1, members: Partial<Given> = {}): ApprovalRecord => {
  const made = decideApproval(t.sql, t.env, answering, idOf(n), given(members));
  if (!made.ok) throw new Error(made.error.reason);
  return made.value;
};
