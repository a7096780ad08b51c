import { z } from "zod";
import { Role } from "../actor.ts";
import { APPROVAL_STATES } from "../approval.ts";
import { ApprovalId, TenantId } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { AnyJson, Timestamp } from "./fields.ts";
import { Cursor, pageOf } from "./page.ts";
import { LayerName } from "./policies.ts";

const TenantName = TenantId.optional().meta({
  description: "Whose approvals; only operators of the cell may name another tenant.",
});
const State = z.enum(APPROVAL_STATES);

/** Path of one approval; an id that cannot exist is answered like one that does not. */
export const ApprovalPath = z.strictObject({ approval_id: ApprovalId });
/** Query of operations on one approval. */
export const ApprovalQuery = z.strictObject({ tenant: TenantName });
/** Query of `GET /v1/approvals`. */
export const ApprovalsQuery = z.strictObject({
  state: State.optional().meta({ description: "Only those in this state." }),
  tenant: TenantName,
  limit: z.coerce.number().int().min(1).max(LIMITS.pageItemsMax).default(LIMITS.pageItemsDefault),
  cursor: Cursor.optional(),
});

const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ description: "Names exactly what is asked; another request has another one." });
const Seen = digest.meta({
  description: "The `digest` of the approval as it was looked at: refused with 409 when something else waits by now.",
});
const Comment = z
  .string()
  .min(1)
  .max(LIMITS.approvalCommentCharsMax)
  .nullable()
  .default(null)
  .meta({ description: "For whoever looks at the approval later." });

const verdict = z.strictObject({
  layer: LayerName,
  subject: z.string(),
  roles: z.array(Role),
  verdict: z.enum(["approve", "reject"]),
  comment: z.string().nullable(),
  at: Timestamp,
});

const summary = z.strictObject({
  object: z.literal("approval"),
  id: z.string(),
  state: State.meta({ description: "Only a pending approval can be decided; rejected, expired and done are final." }),
  task_id: z.string().meta({ description: "The task that runs once everybody has approved." }),
  operation: z.string(),
  action: z.string(),
  effect: z
    .enum(["read", "reversible-write", "irreversible-write", "ambiguous"])
    .nullable()
    .meta({ description: "What carrying it out does; null: this release has no such operation any more." }),
  summary: z.string().nullable().meta({ description: "The operation in words." }),
  resource: z.strictObject({ kind: z.string(), id: z.string().nullable() }),
  requester: z.strictObject({
    subject: z.string(),
    workspace: z.string(),
    project: z.string(),
    environment: z.string(),
  }),
  reasons: z.array(z.string()).meta({ description: "Codes of the policies that ask." }),
  demands: z
    .array(z.strictObject({ layer: LayerName, approvers: z.int(), role: Role, edit: z.boolean() }))
    .meta({ description: "How many different people of which layer with which role; `edit`: they may change it." }),
  verdicts: z.array(verdict),
  digest,
  created_at: Timestamp,
  expires_at: Timestamp,
  decided_at: Timestamp.nullable(),
  finished_at: Timestamp.nullable(),
  outcome: z
    .strictObject({ status: z.int(), code: z.string().nullable() })
    .nullable()
    .meta({ description: "How the run ended: the status of its answer, and the code when it is a problem." }),
  links: z.strictObject({ self: z.string(), task: z.string(), result: z.string() }),
});

const example = {
  object: "approval",
  id: "apr_01JD0000000000000000000000",
  state: "pending",
  task_id: "task_01JD0000000000000000000000",
  operation: "keys.create",
  action: "key:write",
  effect: "reversible-write",
  summary: "Create an API key",
  resource: { kind: "key", id: null },
  requester: { subject: "user:dana", workspace: "default", project: "default", environment: "production" },
  reasons: ["high_risk"],
  demands: [{ layer: "tenant", approvers: 1, role: "approver", edit: false }],
  verdicts: [],
  digest: "4f".repeat(32),
  created_at: "2026-11-18T09:30:00.000Z",
  expires_at: "2026-11-19T09:30:00.000Z",
  decided_at: null,
  finished_at: null,
  outcome: null,
  links: {
    self: "/v1/approvals/apr_01JD0000000000000000000000",
    task: "/v1/tasks/task_01JD0000000000000000000000",
    result: "/v1/approvals/apr_01JD0000000000000000000000/result",
  },
};

/** An approval without what is asked. */
export const ApprovalSummary = summary.meta({ id: "ApprovalSummary", example });
export type ApprovalSummary = z.infer<typeof ApprovalSummary>;
export const ApprovalList = pageOf("ApprovalList", ApprovalSummary);

/** An approval with what is asked, for those who decide it and for who asked. */
export const ApprovalObject = summary
  .extend({
    proposal: z
      .strictObject({
        params: AnyJson,
        query: AnyJson,
        body: AnyJson,
        headers: z.record(z.string(), z.string()),
      })
      .nullable()
      .meta({
        description:
          "The request that is asked for; secrets in it are withheld. Null once nothing waits any more, and for readers who neither asked nor may decide.",
      }),
  })
  .meta({
    id: "Approval",
    example: {
      ...example,
      proposal: {
        params: null,
        query: null,
        body: { name: "checkout service", roles: ["developer"] },
        headers: {},
      },
    },
  });
export type ApprovalObject = z.infer<typeof ApprovalObject>;

/** `POST /v1/approvals/{id}/approve`. */
export const ApproveApproval = z
  .strictObject({ digest: Seen, comment: Comment })
  .meta({ id: "ApproveApproval", example: { digest: "4f".repeat(32), comment: "Agreed with operations." } });

/** `POST /v1/approvals/{id}/reject`. */
export const RejectApproval = z
  .strictObject({ digest: Seen, comment: Comment })
  .meta({ id: "RejectApproval", example: { digest: "4f".repeat(32), comment: "Not before the audit." } });

/** `POST /v1/approvals/{id}/edit`: what is approved instead. */
export const EditApproval = z
  .strictObject({
    digest: Seen,
    body: AnyJson.meta({ description: "The request's body as it shall be, whole. Withheld secrets stay as they are." }),
    comment: Comment,
  })
  .meta({
    id: "EditApproval",
    example: {
      digest: "4f".repeat(32),
      body: { model: "small", messages: [{ role: "user", content: "A shorter question." }] },
      comment: null,
    },
  });
