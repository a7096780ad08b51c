import { z } from "zod";
import { PRIVACY_MODES } from "../../shared/contracts/decision.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { CLASSIFICATIONS } from "../../shared/contracts/policy/labels.ts";
import type { Operation } from "./operation.ts";

/** Every way to show a credential; a call uses exactly one. */
export const SECURITY_SCHEMES = {
  bearer: {
    type: "http",
    scheme: "bearer",
    description: "An API key `bw_…`, or an OAuth 2.0 access token (`typ: at+jwt`) of a registered issuer.",
  },
  azureKey: { type: "apiKey", in: "header", name: "api-key", description: "An API key, as Azure clients send it." },
  anthropicKey: {
    type: "apiKey",
    in: "header",
    name: "x-api-key",
    description: "An API key, as Anthropic clients send it.",
  },
} as const;

export const securityOf = ({ gate }: Operation): Record<string, string[]>[] =>
  gate === "public" ? [] : Object.keys(SECURITY_SCHEMES).map((name) => ({ [name]: [] }));

/** What the tags of the operations mean, in the order of the document. */
export const TAGS: Readonly<Record<string, string>> = {
  Inference:
    "Model calls in the shapes of OpenAI, Azure and Anthropic. Each is one task: decided, held, routed, settled.",
  Models: "The model names that a tenant may use.",
  Tasks: "How a call ran: status, route with reasons, usage and cost, and the signed evidence of it.",
  Responses: "Stored responses, where the tenant keeps content.",
  Conversations: "Ordered items with versions, sealed and expiring, where the tenant keeps content.",
  Erasures: "Content that was made unreadable for good, with its keys.",
  Files: "Content that is uploaded for batches and other uses, sealed, and what batches write.",
  Batches: "Many requests in one file: validated, run within a day as governed calls, answered in files.",
  Tenants: "Settings, suspension and the compliance lock.",
  Workspaces: "The first scope inside a tenant.",
  Projects: "The second scope, inside a workspace.",
  Environments: "The third scope, inside a project.",
  Keys: "API keys: shown once, rotated with overlap, revoked for the next request.",
  Budgets: "Limits of money by scope and period.",
  Credentials: "Provider keys that a tenant brings: sealed, never answered.",
  Usage: "Sums of what was settled.",
  Policies: "Signed Rego bundles of the tenant, and of the cell: kept, simulated, activated, rolled back.",
  Approvals: "Requests that wait for somebody's approval: looked at, approved, changed or rejected, and their results.",
  Decisions: "What policy decided and why, with what became of its obligations.",
  Ledger:
    "The tenant's hash-chained log, and for operators the cell's own: entries, tiles, checkpoints, signed exports.",
  Pools: "Pools of the cell's own workers, for its operators: load, queues, waits, and jobs that were given up.",
  Workers: "Workers of the cell's own pools: their tokens and their one connection.",
  Cell: "Liveness, readiness, metrics and documents of the cell itself.",
};

const TENANT = z.string().optional().meta({ description: "A tenant of this credential to act in; of operators any." });
const DEADLINE = z
  .string()
  .regex(/^\d{1,9}$/)
  .optional()
  .meta({ description: `Milliseconds until the call must be over, at most ${LIMITS.deadlineMsMax}.` });
const PRIVACY = z.enum(PRIVACY_MODES).optional().meta({ description: "A stricter mode than the tenant's." });
const CLASSIFICATION = z
  .enum(CLASSIFICATIONS)
  .optional()
  .meta({ description: "A stricter classification than tenant and intent say." });
const PURPOSE = z
  .string()
  .optional()
  .meta({ description: "What the call is for: one of the purposes that are configured for it.", example: "support" });
const MARKINGS = z
  .string()
  .optional()
  .meta({ description: "Further release markings, separated by commas.", example: "REL-EU" });
const KEY = z
  .string()
  .max(LIMITS.idempotencyKeyCharsMax + 2)
  .optional()
  .meta({ description: "The same key never runs twice: a repeat gets the first answer." });
const BUDGET = z
  .string()
  .optional()
  .meta({ description: "The most that this task may cost, in dollars.", example: "0.01" });
const INTENT = z.string().optional().meta({ description: "A configured intent, which restricts and orders routes." });

/** Headers that change what an operation does. */
export function headersOf({ gate, retry, prepare }: Operation): z.ZodObject | null {
  if (gate !== "governed") return null;
  return z.object({
    "x-tenant": TENANT,
    "x-bailiwick-deadline-ms": DEADLINE,
    "x-bailiwick-privacy": PRIVACY,
    "x-bailiwick-classification": CLASSIFICATION,
    "x-bailiwick-purpose": PURPOSE,
    "x-bailiwick-markings": MARKINGS,
    ...(retry === "idempotency-key" ? { "idempotency-key": KEY } : {}),
    // Only operations that are routed to engines prepare candidates.
    ...(prepare ? { "x-bailiwick-budget-usd": BUDGET, "x-bailiwick-intent": INTENT } : {}),
  });
}

/** Headers of answers, as named components. */
export const RESPONSE_HEADERS = {
  RequestId: { description: "Names this call in logs and in the ledger.", schema: { type: "string" } },
  Degraded: {
    description: "What the cell does without right now, as `/readyz` names it; absent when nothing is missing.",
    schema: { type: "string" },
  },
  TaskId: { description: "The task of this call: `GET /v1/tasks/{task_id}`.", schema: { type: "string" } },
  RetryAfter: { description: "Seconds after which a repeat may succeed.", schema: { type: "integer", minimum: 1 } },
} as const;
